/// Something that is wrong with what a play comes to, for the hosts that it is wrong for.
struct HostProblem: CustomStringConvertible {
  /// The place and the task; nil where the text names them itself.
  var subject: String?
  var hosts: [String] = []
  var text: String

  /// From how many hosts on only the first are named.
  private static let namedHosts = 5

  var description: String {
    guard let subject else { return text }
    let named = hosts.prefix(Self.namedHosts).joined(separator: ", ")
    let more = hosts.count > Self.namedHosts ? " and \(hosts.count - Self.namedHosts) more" : ""
    return "\(subject), \(hosts.count == 1 ? "host" : "hosts") \(named)\(more): \(text)"
  }

  /// One problem for all the hosts that have it, in the order in which they were found.
  static func merged(_ problems: [HostProblem]) -> [HostProblem] {
    var merged: [HostProblem] = []
    var places: [[String?]: Int] = [:]
    for problem in problems {
      let key = [problem.subject, problem.text]
      if let place = places[key] {
        for host in problem.hosts where !merged[place].hosts.contains(host) {
          merged[place].hosts.append(host)
        }
      } else {
        places[key] = merged.count
        merged.append(problem)
      }
    }
    return merged
  }
}
