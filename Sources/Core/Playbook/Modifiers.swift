/// What a playbook can say about any task, or group of tasks. This is the whole list.
extension StepGroup {
  /// Runs a handler at the end of the play if one of these steps changed something.
  ///
  /// The notification is kept on the host from before the change until the handler has run, so that an
  /// interrupted run doesn't lose a restart.
  public func notify(_ handlers: Handler..., file: String = #fileID, line: Int = #line) -> Steps {
    modified(file, line) { $0.notifies += handlers }
  }

  /// Skips these steps unless the condition holds, as in `.when(config.changed)`.
  ///
  /// For what is known before the play, like variables and facts of the host, use Swift's own `if`. What must not be
  /// forgotten when a run is interrupted between the change and these steps, as a restart, belongs into a handler:
  /// the host remembers it, and no condition.
  public func when(_ condition: Condition, file: String = #fileID, line: Int = #line) -> Steps {
    modified(file, line) { $0.conditions.append(condition) }
  }

  /// Labels these steps for `--tags` and `--skip-tags`.
  public func tags(_ tags: String..., file: String = #fileID, line: Int = #line) -> Steps {
    modified(file, line) { $0.tags.formUnion(tags) }
  }

  /// Gives these steps a name of the playbook's own, shown in plans and reports.
  public func named(_ name: String, file: String = #fileID, line: Int = #line) -> Steps {
    modified(file, line) { $0.name = name }
  }

  /// Runs the commands of these steps as another user, unless a step says otherwise itself.
  ///
  /// The play should be root, which may become anyone. One that runs as who logged in can where sudo, or doas, asks
  /// for no password.
  public func become(_ user: String, file: String = #fileID, line: Int = #line) -> Steps {
    modified(file, line) { step in
      guard step.user == nil else { return }
      step.user = user
      if let task = step.task as? any RunsAsUser { step.task = task.running(as: user) }
    }
  }

  private func modified(_ file: String, _ line: Int, _ change: (inout Step) -> Void) -> Steps {
    var steps = steps(at: SourceLocation(file: file, line: line))
    for index in steps.items.indices { change(&steps.items[index]) }
    return steps
  }
}

/// A task that asks the host by commands too, and has to run those as the same user.
public protocol RunsAsUser: HostTask {
  /// The task as that user, unless it names one itself.
  func running(as user: String) -> Self
}
