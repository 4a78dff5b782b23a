@_exported public import MartletCore
@_exported public import MartletFacts
@_exported public import MartletTasks
