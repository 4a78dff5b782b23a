public import MartletCore
public import MartletFacts

/// Refuses names of a site that another enabled site of nginx answers for already. It changes nothing.
///
///     NginxNameCheck("shop", domains: ["shop.example"], ports: [80, 443])
///
/// nginx takes the first of two sites with one name and only warns: the second would be green, and nobody would
/// ever reach it. It stands before whatever would be restarted for the new site.
public struct NginxNameCheck: HostTask {
  let names: [String]
  let domains: [String]
  let ports: [Int]

  /// - Parameters:
  ///   - names: What the site's own files are called.
  ///   - domains: Its names; none for any name.
  ///   - ports: Where it listens.
  public init(_ names: String..., domains: [String], ports: [Int]) {
    self.init(names, domains: domains, ports: ports)
  }

  /// A check for files whose names are in a list.
  public init(_ names: [String], domains: [String], ports: [Int]) {
    self.names = names
    self.domains = domains
    self.ports = ports
  }

  public var label: String { "names of the site \(names.first ?? "")" }

  public var observes: NginxServers { NginxServers() }

  public func decide(given servers: [NginxServer]) -> Decision {
    // Debian's own site is switched off by the site that comes.
    let ours = Set(names + ["default"]).map { "/etc/nginx/sites-enabled/" + $0 }
    for server in servers where !ours.contains(server.file) {
      for port in ports where server.ports.contains(port) {
        if let problem = problem(with: server, on: port) { return .failed(problem) }
      }
    }
    return .unchanged
  }

  private func problem(with server: NginxServer, on port: Int) -> String? {
    guard domains.isEmpty else {
      guard let name = domains.first(where: { server.names.contains($0.lowercased()) }) else { return nil }
      return """
        \(server.file) answers for \(name) already, on port \(port): one of the two sites would never be reached. \
        Take the name away from one of them, or remove the other site
        """
    }
    guard server.isDefault(on: port) || server.isUnnamed else { return nil }
    return """
      \(server.file) answers on port \(port) for any name already, as this site is to: visitors would reach one of \
      them only. Name this one's domains, or remove the other site
      """
  }
}
