public import MartletCore
public import MartletFacts

/// Refuses to go on while visitors' data lies in the folder of a project's code. It changes nothing.
///
///     DjangoDataCheck(project)
///     TreeUpload("app", to: project.path, owner: "root", deleteExtraneous: true)
///
/// It stands before the upload, and asks the code that is on the host by then: uploaded files or a SQLite database
/// among it would be mixed up with what is uploaded, and deleted as soon as the new code has another place for
/// them. A host that has no such code yet, or whose code can't be asked, has nothing to say.
public struct DjangoDataCheck: HostTask {
  let project: DjangoProject

  /// - Parameter project: The project.
  public init(_ project: DjangoProject) { self.project = project }

  public var label: String { "data in \(project.path)" }

  public var observes: DjangoFact { DjangoFact(project, .written) }

  public func decide(given answer: DjangoAnswer) -> Decision {
    guard case .written(let written) = answer, let found = written.first(where: \.holds) else {
      return .unchanged
    }
    let isDatabase = found.name.hasPrefix("DATABASES")
    let target = project.path.parent / (isDatabase ? "data" : "media")
    let source = isDatabase ? Shell.quote(found.path) + "*" : Shell.quote(found.path) + "/."
    return .failed(
      """
      \(found.name) is \(found.path), in the folder that the code is uploaded to, and visitors' data is there. \
      Nothing was uploaded. Copy it on the host (\
      \(isDatabase ? "with the application stopped, " : "")cp -a \(source) \(target)/), see that the \
      copy is whole, take the original away, and deploy settings that say so: \
      \(DjangoSettingsCheck.advice(found, project))
      """)
  }

  public func validate() throws { if let problem = project.invalidity { throw InvalidTask(problem) } }
}
