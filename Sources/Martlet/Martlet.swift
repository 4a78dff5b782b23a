// What `import Martlet` gives a playbook: the language of playbooks, the facts, and the tasks.
@_exported public import MartletCore
@_exported public import MartletFacts
@_exported public import MartletTasks

/// Which Martlet this is.
public enum MartletVersion {
  /// As in SemVer 2.0.
  public static let current = "0.1.0"
}
