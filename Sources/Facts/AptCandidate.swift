public import MartletCore

/// The version of a package that apt would install, from the package lists that the host has.
///
///     var observes: AptCandidate { AptCandidate("nginx") }
///
/// The lists are not fetched for it: see ``AptLists`` for their age.
public struct AptCandidate: ProbedFact, CustomStringConvertible {
  public typealias Value = String?

  /// The name, with an architecture if it matters.
  public let name: String

  public init(_ name: String) { self.name = name }

  public static let kind = "candidate version of the package"

  public var description: String { name }

  public var dependsOn: [Resource] { [.packages] }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    guard !facts.isEmpty else { return "" }
    return """
      command -v apt-cache >/dev/null 2>&1 && apt-cache policy -- \(facts.map(\.name)) 2>/dev/null || echo none
      """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: String?] {
    var values: [Self: String?] = [:]
    for fact in facts { values.updateValue(nil, forKey: fact) }
    var name: String?
    for line in output.lines {
      if line.first != " ", line.last == ":" {
        name = String(line.dropLast())
      } else if let name, line.hasPrefix("  Candidate: ") {
        let version = line.dropFirst("  Candidate: ".count)
        // apt-cache leaves out the architecture where it is the host's own.
        for fact in facts where fact.name == name || fact.name.prefix(while: { $0 != ":" }) == name {
          values[fact] = version == "(none)" ? .some(nil) : String(version)
        }
      }
    }
    return values
  }
}
