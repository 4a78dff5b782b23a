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
    output.write(Self.escaped(String(decoding: line, as: UTF8.self)) + "\n")
  }

  /// The same JSON with the characters that move a terminal, or turn the direction of a text, written as `\uXXXX`: a
  /// log that holds them raw shows something else than what it says. Outside of strings JSON has none of them.
  static func escaped(_ json: String) -> String {
    guard json.utf8.contains(where: { $0 >= 0x7f }) else { return json }
    var result = String.UnicodeScalarView()
    for scalar in json.unicodeScalars {
      if scalar.value >= 0x7f, DisplayText.isHarmful(scalar) {
        for unit in String(scalar).utf16 {
          let digits = String(unit, radix: 16)
          result.append(
            contentsOf: "\\u\(String(repeating: "0", count: 4 - digits.count))\(digits)".unicodeScalars)
        }
      } else {
        result.append(scalar)
      }
    }
    return String(result)
  }
}
