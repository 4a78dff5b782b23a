public import MartletCore

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// One JSON object a line for every event (``EventRecord``), and nothing else.
///
///     martlet apply site.swift --json | jq -r 'select(.event == "host_failed") | .host'
public struct JSONReport: EventSink {
  private let output: ReportOutput
  private let now: @Sendable () -> Date

  /// - Parameter output: Where the lines go.
  public init(to output: ReportOutput = .standardOutput) { self.init(to: output) { Date() } }

  init(to output: ReportOutput, now: @escaping @Sendable () -> Date) {
    self.output = output
    self.now = now
  }

  public func receive(_ event: Event) {
    let time = now().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    let encoder = JSONEncoder()
    // In one order, so that lines can be compared; recorded runs are then also smaller when compressed.
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    encoder.nonConformingFloatEncodingStrategy = .convertToString(
      positiveInfinity: "inf", negativeInfinity: "-inf", nan: "nan")
    guard let line = try? encoder.encode(EventRecord(event, time: time)) else { return }
    output.write(String(decoding: line, as: UTF8.self) + "\n")
  }
}
