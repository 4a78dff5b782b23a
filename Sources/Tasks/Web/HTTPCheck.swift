public import MartletCore
public import MartletFacts

/// Proves that a web server answers as it should; it changes nothing.
///
///     HTTPCheck("http://127.0.0.1/", host: "shop.example", dependsOn: [.service("nginx"), .service("shop")])
///     HTTPCheck("http://localhost/health", unixSocket: "/srv/shop/run/gunicorn.sock", body: "ok")
///
/// The host itself asks. Right after a change it asks again until the answer is right, or `within` seconds are
/// over. An answer that isn't right stops the host's run, with the status and the first lines.
public struct HTTPCheck: HostTask {
  let answer: HTTPAnswer
  let body: String?

  /// - Parameters:
  ///   - url: What to ask for, `http` or `https`.
  ///   - status: The status that is right; nil for any of 200 to 399.
  ///   - body: A text that the first 4096 bytes must have in them.
  ///   - host: The `Host` field of the request: the site's name, where the URL has an address.
  ///   - socket: A Unix socket to connect to; the URL's host then only goes into the request.
  ///   - address: An address of the host to connect to, so that the site is asked by its own name:
  ///     `127.0.0.1`.
  ///   - verifiesCertificate: Whether the server's certificate has to be good.
  ///   - within: How long to wait after a change, in seconds.
  ///   - resources: The services, files and trees that the answer comes from.
  public init(
    _ url: String, status: Int? = nil, body: String? = nil, host: String? = nil,
    unixSocket socket: RemotePath? = nil, address: String? = nil, verifiesCertificate: Bool = true,
    within: Int = 10,
    dependsOn resources: [Resource] = []
  ) {
    answer = HTTPAnswer(
      url, host: host, socket: socket, address: address, status: status, within: within,
      verifiesCertificate: verifiesCertificate, dependsOn: resources)
    self.body = body
  }

  public var label: String {
    answer.host.map { "HTTP check \($0) \(answer.url)" } ?? "HTTP check \(answer.url)"
  }

  public var observes: HTTPAnswer { answer }

  public func decide(given response: HTTPResponse) -> Decision {
    let start = response.body.split(separator: "\n").prefix(5).joined(separator: "\n").prefix(800)
    guard let status = response.status else {
      return .failed("\(answer.url) does not answer: \(start)")
    }
    let isRight = answer.status.map { $0 == status } ?? (200..<400).contains(status)
    if !isRight {
      let wanted = answer.status.map(String.init) ?? "a status below 400"
      return .failed("\(answer.url) answers with status \(status), not \(wanted):\n\(start)")
    }
    if let body, !response.body.contains(body) {
      return .failed("\(answer.url) answers with status \(status), but without \"\(body)\":\n\(start)")
    }
    return .unchanged
  }

  public func validate() throws {
    if !answer.url.hasPrefix("http://"), !answer.url.hasPrefix("https://") {
      throw InvalidTask("\"\(answer.url)\" is no URL to check: it begins with neither http:// nor https://")
    }
    let texts = [answer.url, answer.host ?? "", answer.address ?? ""]
    if texts.contains(where: { $0.contains { $0.isNewline || $0 == " " } }) {
      throw InvalidTask("\"\(answer.url)\", or the host that goes with it, has a blank or line break in it")
    }
    if let status = answer.status, !(100..<600).contains(status) {
      throw InvalidTask("\(status) is no HTTP status")
    }
    if answer.within < 0 || answer.within > 600 {
      throw InvalidTask("an HTTP check can wait from 0 to 600 seconds, not \(answer.within)")
    }
  }
}
