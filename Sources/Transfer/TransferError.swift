/// Why something could not be transferred, for a person. What was at the target before is still there.
public struct TransferError: Error, Equatable, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}

/// A name or a message of a host, in which nothing can disturb a terminal.
func shown(_ bytes: some Collection<UInt8>) -> String { shown(String(decoding: bytes, as: UTF8.self)) }

func shown(_ text: String) -> String {
  let isHarmless = text.unicodeScalars.allSatisfy { scalar in
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator: false
    default: true
    }
  }
  return isHarmless ? text : text.debugDescription
}
