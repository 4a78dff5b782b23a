public import MartletCore
public import MartletFacts

/// Proves that visitors reach a site by every name that it has, and that its static files are there; it changes
/// nothing.
///
///     SiteCheck(
///       domains: ["shop.example", "www.shop.example"], certificates: .trusted,
///       staticFolder: "/srv/shop/static", python: "/srv/shop/venv/bin/python",
///       dependsOn: [.service("nginx"), .service("shop")])
///
/// The host asks itself, by plain HTTP as somebody does who types the name in, and follows redirects to what the
/// site serves. A redirect to a name of the site's own that isn't served, one without end, a page of Django's
/// debug mode, a certificate for another name, and the one static file that was collected last, if it isn't served
/// as it is, stop the host's run.
public struct SiteCheck: HostTask {
  let visit: SiteVisit
  let allowsDebug: Bool

  /// - Parameters:
  ///   - domains: The names; none for the address that the host is reached by.
  ///   - path: The page that must answer with a status below 400.
  ///   - certificates: How the site's certificate is judged; nil where it is served by plain HTTP.
  ///   - staticFolder: The folder with static files, one of which is asked for; nil for none.
  ///   - staticURL: Where they are in URLs.
  ///   - python: A Python interpreter on the host, 3.8 or later.
  ///   - allowsDebug: Whether a page of Django's debug mode is right.
  ///   - within: How long to wait for right answers after a change, in seconds.
  ///   - resources: The services, files and trees that the answers come from.
  public init(
    domains: [String], path: String = "/", certificates: SiteVisit.Certificates? = nil,
    staticFolder: RemotePath? = nil, staticURL: String = "/static/", python: RemotePath,
    allowsDebug: Bool = false, within: Int = 10, dependsOn resources: [Resource] = []
  ) {
    visit = SiteVisit(
      names: domains, path: path, certificates: certificates, staticFolder: staticFolder,
      staticURL: staticURL,
      python: python, within: within, dependsOn: resources)
    self.allowsDebug = allowsDebug
  }

  public var label: String { "visit \(visit.description)" }

  public var observes: SiteVisit { visit }

  public func decide(given answers: SiteAnswers) -> Decision {
    if let problem = answers.problem { return .failed(problem) }
    let problems =
      answers.pages.compactMap(problem(of:))
      + [answers.staticFile.flatMap(problem(of:))]
      .compactMap { $0 }
    return problems.isEmpty ? .unchanged : .failed(problems.joined(separator: "\n"))
  }

  private func problem(of page: SiteAnswers.Page) -> String? {
    let way = page.hops.map { hop in
      hop.url + (hop.status.map { " (\($0))" } ?? "")
    }.joined(separator: " → ")
    if let error = page.error {
      let address = way.isEmpty ? "http://\(page.name)\(visit.path)" : way
      return "visitors of \(page.name) get nothing: \(address): \(error)"
    }
    guard let last = page.hops.last else { return "visitors of \(page.name) get nothing" }
    if page.isDebugPage, !allowsDebug {
      return
        "\(way) is a page of Django's debug mode, which shows settings and code: the process runs with DEBUG on"
    }
    guard let status = last.status else {
      return Self.isSibling(last.url, of: visit.names) ? misled(way, last) : nil
    }
    guard !(200..<400).contains(status) else { return nil }
    let start = page.body.split(separator: "\n").prefix(5).joined(separator: "\n").prefix(600)
    let hint = status == 400 ? ", as for a name that ALLOWED_HOSTS doesn't have" : ""
    return "\(way) answers with status \(status), not one below 400\(hint):\n\(start)"
  }

  private func misled(_ way: String, _ last: SiteAnswers.Page.Hop) -> String {
    "\(way) leads to a name that this site doesn't have: put it among its domains, or switch the redirect off "
      + "(PREPEND_WWW, SECURE_SSL_HOST)"
  }

  private func problem(of file: SiteAnswers.StaticFile) -> String? {
    if let error = file.error { return "the static file \(file.file) can't be had at \(file.url): \(error)" }
    switch file.status {
    case 200? where file.isSame: return nil
    case 403?:
      return """
        the static file \(file.file) is refused to visitors (\(file.url), status 403): the web server's user can't \
        read it, or can't look into a folder above it
        """
    case let status?:
      return file.isSame || status != 200
        ? "the static file \(file.file) is not at \(file.url): status \(status)"
        : "\(file.url) is not what the static file \(file.file) holds: the web server takes it from elsewhere"
    case nil: return "the static file \(file.file) can't be had at \(file.url)"
    }
  }

  /// Whether a URL's host is one of the names with `www.` before it, or without.
  private static func isSibling(_ url: String, of names: [String]) -> Bool {
    guard let start = url.firstRange(of: "://")?.upperBound else { return true }
    let host = url[start...].prefix { !"/:?#".contains($0) }.lowercased()
    return names.contains { "www." + $0.lowercased() == host || $0.lowercased() == "www." + host }
  }

  public func validate() throws {
    for name in visit.names { try DomainName.check(name, allowsWildcard: true) }
    if !visit.path.hasPrefix("/") || visit.path.contains(where: { $0.isWhitespace || $0.isNewline }) {
      throw InvalidTask("\(visit.path.debugDescription) is no path of a page: it begins with a slash")
    }
    if visit.within < 0 || visit.within > 600 {
      throw InvalidTask("a visit can wait from 0 to 600 seconds, not \(visit.within)")
    }
  }
}
