public import MartletCore

// What people write as arguments of tasks, which Swift would refuse in words that don't say what to write instead.
// They are a choice of last resort for the compiler, and none at all for a program: each is an error with a message.

extension File {
  @available(
    *, unavailable,
    message:
      "content is Contents, and a path RemotePath: write \"\\(text)\" for a String, or declare it so: let path: RemotePath"
  )
  @_disfavoredOverload
  public init(
    _ path: some CustomStringConvertible, content: some CustomStringConvertible, mode: FileMode? = nil,
    owner: String? = nil, group: String? = nil, validate: ShellCommand? = nil
  ) { fatalError("not available") }

  @available(
    *, unavailable,
    message: "a path is a RemotePath: declare it so, let path: RemotePath = …, or write \"/etc\" / name"
  )
  @_disfavoredOverload
  public init(
    _ path: String, source: String, mode: FileMode? = nil, owner: String? = nil, group: String? = nil,
    validate: ShellCommand? = nil
  ) { fatalError("not available") }
}

extension Directory {
  @available(
    *, unavailable,
    message: "a path is a RemotePath: declare it so, let path: RemotePath = …, or write \"/srv\" / name"
  )
  @_disfavoredOverload
  public init(_ path: String, mode: FileMode? = nil, owner: String? = nil, group: String? = nil) {
    fatalError("not available")
  }
}

extension Absent {
  @available(
    *, unavailable,
    message: "a path is a RemotePath: declare it so, let path: RemotePath = …, or write \"/srv\" / name"
  )
  @_disfavoredOverload
  public init(_ path: String) { fatalError("not available") }
}

extension Command {
  @available(
    *, unavailable,
    message:
      "a command is a ShellCommand, which quotes its values: write the text in the call, or declare it so, let command: ShellCommand = \"…\""
  )
  @_disfavoredOverload
  public init(
    _ command: String, creates: RemotePath? = nil, unless: ShellCommand? = nil, onlyIf: ShellCommand? = nil,
    changedWhen: ChangedWhen = .always, user: String? = nil, in folder: RemotePath? = nil,
    environment: [String: String] = [:], input: Contents? = nil, timeout: Duration = .seconds(1800)
  ) { fatalError("not available") }

  @available(
    *, unavailable, message: "write .become(\"postgres\") after the task, or user: \"postgres\" in it"
  )
  public init(_ command: ShellCommand, become: String) { fatalError("not available") }
}

extension LineInFile {
  @available(
    *, unavailable, message: "the regular expression is replacing:, as in replacing: #\"^#?Port\\b\"#"
  )
  public init(_ path: RemotePath, _ line: Contents, regexp: String, create: FileMode? = nil) {
    fatalError("not available")
  }

  @available(
    *, unavailable, message: "the line comes second, without a label, and the expression is replacing:"
  )
  public init(_ path: RemotePath, line: Contents, regexp: String? = nil, create: FileMode? = nil) {
    fatalError("not available")
  }
}

extension Service {
  @available(
    *, unavailable,
    message: "the labels are isRunning: and isEnabled:, and both are true unless you say otherwise"
  )
  public init(_ name: String, running: Bool, enabled: Bool = true) { fatalError("not available") }

  @available(
    *, unavailable,
    message: "the labels are isRunning: and isEnabled:, and both are true unless you say otherwise"
  )
  public init(_ name: String, enabled: Bool) { fatalError("not available") }

  @available(
    *, unavailable,
    message:
      "a service runs unless you say isRunning: false; to restart it when a file changed, write .notify(Service.restart(\"nginx\")) after that"
  )
  public init(_ name: String, state: String, enabled: Bool = true) { fatalError("not available") }
}

extension User {
  @available(*, unavailable, message: "groups is a list: write [\"sudo\"]")
  public init(
    _ name: String, uid: Int? = nil, system: Bool = false, group: String? = nil, groups: String,
    appendGroups: Bool = true, home: RemotePath? = nil, createHome: Bool? = nil, shell: RemotePath? = nil,
    comment: String? = nil
  ) { fatalError("not available") }
}

@available(*, unavailable, message: "write the state with a dot: .present, .latest or .absent")
extension AptPackages.State: ExpressibleByStringLiteral {
  public init(stringLiteral value: String) { self = .present }
}
