import MartletCore
import MartletFacts
import TestSupport
import Testing

extension LocalHost {
  /// Carries a task out, and sees to it that it changes something the first time and nothing the second, and
  /// that every answer which it predicted is what a look finds.
  ///
  /// - Parameter isPredicted: Whether predictions are to be exact; one of a new account leaves its number
  ///   open.
  @discardableResult
  func expectConvergence(
    of task: some HostTask, isPredicted: Bool = true,
    sourceLocation: Testing.SourceLocation = #_sourceLocation
  ) async throws -> Decision {
    try task.validate()
    let first = try await decide(task, diff: true)
    #expect(!first.actions.isEmpty, "\(first)", sourceLocation: sourceLocation)
    try await act(first)
    let second = try await decide(task)
    #expect(second.isUnchanged, "\(second)", sourceLocation: sourceLocation)
    for prediction in isPredicted ? first.actions.flatMap(\.predictions) : [] {
      try await expectTruth(of: prediction.key.fact, prediction.value, sourceLocation)
    }
    return first
  }

  private func expectTruth<F: ProbedFact>(
    of fact: F, _ predicted: any Sendable, _ sourceLocation: Testing.SourceLocation
  ) async throws {
    let found = try fact.value(in: try await look(fact, diff: true))
    var predicted = predicted
    if var status = predicted as? FileStatus, let found = found as? FileStatus {
      // What is left to the host is not part of the prediction.
      status.owner = status.owner ?? found.owner
      status.group = status.group ?? found.group
      status.ownerID = status.ownerID ?? found.ownerID
      status.groupID = status.groupID ?? found.groupID
      if status.kind != .file { status.size = found.size }
      predicted = status
    }
    #expect("\(found)" == "\(predicted)", "\(F.kind) \(fact)", sourceLocation: sourceLocation)
  }
}
