internal import MartletCore
internal import MartletReports

/// What is said outside of a run's reports: why there is none, and warnings before it.
package enum StandardError {
  /// Writes a text and a line break, without secrets and without what would move a terminal.
  package static func tell(_ text: String) {
    let shown = DisplayText.lines(KnownSecrets.process.redact(text)).joined(separator: "\n")
    ReportOutput.standardError.send(shown + "\n")
  }
}
