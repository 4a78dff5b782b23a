internal import MartletCore

extension ActionLog.Failure {
  /// What went wrong, in one line that begins with the reason if that is known.
  ///
  /// - Parameters:
  ///   - label: What the task is called.
  ///   - timeout: How long the action was allowed to take.
  ///   - user: Whom the play runs as.
  func message(label: String, timeout: Duration, user: String) -> String {
    let text = output.joined(separator: "\n")
    if isLate, let keeper {
      return
        "\(label) took longer than \(timeout.components.seconds) s, and \(keeper) was let finish: what installs packages "
        + "is never ended in the middle. Run again to go on"
    }
    if isLate {
      let ended =
        survivors.isEmpty
        ? "it was ended on the host, with all that it had started"
        : "it could not be ended on the host: look at its processes \(survivors.map(String.init).joined(separator: ", ")) there"
      return "\(label) took longer than \(timeout.components.seconds) s: \(ended)"
    }
    if !full.isEmpty { return "no space left on \(Self.names(full)): \(label) failed" }
    if !readOnly.isEmpty {
      return
        "\(Self.names(readOnly)) can't be written to, even by root (a read-only file system?): \(label) failed"
    }
    if text.contains("No space left on device") { return "no space left on the host: \(label) failed" }
    if text.contains("Read-only file system") { return "a file system is read-only: \(label) failed" }
    let isRefused = [
      "permission denied", "are you root", "must be root", "operation not permitted", "superuser",
      "not privileged",
      "requires root", "access denied",
    ].contains { text.lowercased().contains($0) }
    if user != "root", isRefused {
      return "\(label) failed: the play runs as \(user). If it takes root, give the play become: true"
    }
    return "\(label) failed"
  }

  static func names(_ places: [String]) -> String {
    var seen: Set<String> = []
    return places.filter { seen.insert($0).inserted }.joined(separator: " and ")
  }
}
