/// Why something in a lab could not be done, and what to do about it.
public struct LabError: Error, CustomStringConvertible, Equatable {
  /// The whole message: what failed, why, and the way out where there is one.
  public let description: String

  init(_ description: String) {
    self.description = description
  }
}
