/// `%h` and `${NAME}` in values: ssh_config(5), "TOKENS" and "ENVIRONMENT VARIABLES".
struct Tokens: Sendable {
  /// What each letter stands for.
  var values: [UInt8: String]

  /// Why a value can't be expanded.
  struct Failure: Error {
    let message: String
  }

  /// Replaces `%` and a letter; `%%` is a percent sign.
  func expand(_ text: String) throws(Failure) -> String { try expand(text, nil) }

  /// Replaces `%` and a letter, and `${NAME}`.
  func expand(_ text: String, environment: [String: String]) throws(Failure) -> String {
    try expand(text, environment)
  }

  /// Replaces `${NAME}` alone.
  static func expandEnvironment(
    _ text: String, _ environment: [String: String]
  ) throws(Failure) -> String {
    guard text.utf8.contains(UInt8(ascii: "$")) else { return text }
    return try Tokens(values: [:]).expand(text, environment, replacesPercent: false)
  }

  private func expand(
    _ text: String, _ environment: [String: String]?, replacesPercent: Bool = true
  ) throws(Failure) -> String {
    let percent = UInt8(ascii: "%"), dollar = UInt8(ascii: "$")
    var result: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == dollar, let environment, rest.first == UInt8(ascii: "{") {
        rest.removeFirst()
        guard let close = rest.firstIndex(of: UInt8(ascii: "}")) else {
          throw Failure(message: "a ${ isn't closed")
        }
        let name = String(bytes: rest[..<close])
        guard !name.isEmpty else { throw Failure(message: "${} has no name") }
        guard let value = environment[name] else {
          throw Failure(message: "the environment has no variable \(name)")
        }
        result += Array(value.utf8)
        rest = rest[(close + 1)...]
      } else if byte == percent, replacesPercent {
        guard let letter = rest.popFirst() else { throw Failure(message: "a % ends it: write %%") }
        if letter == percent {
          result.append(percent)
        } else if let value = values[letter] {
          result += Array(value.utf8)
        } else {
          let shown = String(bytes: [letter])
          throw Failure(message: "the token %\(shown) has no meaning here (a percent sign is %%)")
        }
      } else {
        result.append(byte)
      }
    }
    return String(bytes: result)
  }

  /// These letters alone.
  func only(_ letters: String) -> Tokens {
    let letters = Set(letters.utf8)
    return Tokens(values: values.filter { letters.contains($0.key) })
  }
}
