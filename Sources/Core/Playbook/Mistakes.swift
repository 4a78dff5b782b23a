// What people write in a play, which Swift would refuse in words that don't say what to write instead.

extension StepGroup {
  /// What is known before a run is asked by Swift's own `if`.
  @available(
    *, unavailable,
    message:
      "what is known before the run, as variables and facts of the host, is asked by Swift's own if around the task"
  )
  public func when(_ condition: Bool) -> Steps { fatalError("not available") }

  /// A handler is a value, so that a name that is written wrong can't go unnoticed.
  @available(
    *, unavailable,
    message:
      "declare the handler, let reload = Handler(\"reload nginx\", run: \"systemctl reload nginx\"), and write .notify(reload)"
  )
  public func notify(_ name: String) -> Steps { fatalError("not available") }

  /// What a run finds out is no `Bool`.
  @available(
    *, unavailable,
    message:
      "what the run finds out is no Bool: write .when(config.changed) after a task, where let config = File(…).named(\"…\") was placed"
  )
  public var changed: Bool { fatalError("not available") }
}

extension HostTask {
  /// Two tasks that are alike have changed each for itself, so it is asked of what was placed.
  @available(
    *, unavailable,
    message:
      "ask what was placed: let config = File(…).named(\"…\"), then config by itself, then .when(config.changed) after another task"
  )
  public var changed: Condition { fatalError("not available") }
}

extension Handler {
  @available(
    *, unavailable,
    message:
      "a command is a ShellCommand, which quotes its values: write the text in the call, or declare it so, let command: ShellCommand = \"…\""
  )
  @_disfavoredOverload
  public init(_ name: String, run command: String) { fatalError("not available") }
}
