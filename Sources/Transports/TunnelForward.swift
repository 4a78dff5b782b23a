/// What a tunnel connects: a place here with a place there, written as `ssh -L` takes it.
///
///     5433:localhost:5432            port 5433 of this machine's loopback address
///     0:db.internal:5432             a free port
///     *:8080:[2001:db8::5]:80        port 8080 of all addresses of this machine
///     /tmp/db.sock:localhost:5432    a socket that only this user may connect to
public struct TunnelForward: Sendable, Hashable {
  /// The path of a socket to listen on; nil where it is a port.
  public var path: String?
  /// The address to listen on; nil is the loopback one, `*` all of them.
  public var bind: String?
  /// The port to listen on; 0 is a free one.
  public var port: Int
  /// Where connections lead, as the host sees it.
  public var host: String
  /// The TCP port there.
  public var hostPort: Int

  /// Reads `[BIND:]PORT:HOST:HOSTPORT` or `PATH:HOST:HOSTPORT`; IPv6 addresses are in brackets.
  ///
  /// - Throws: ``Malformed`` with what is wrong.
  public init(_ text: String) throws(Malformed) {
    var parts = try Self.split(text)
    func malformed(_ reason: String) -> Malformed {
      Malformed(
        description: "\(text): \(reason); write [BIND:]PORT:HOST:HOSTPORT, as in 5433:localhost:5432")
    }
    guard (3...4).contains(parts.count) else {
      throw malformed("it has \(parts.count) part\(parts.count == 1 ? "" : "s"), and needs 3 or 4")
    }
    let last = parts.removeLast()
    guard let hostPort = Int(last), (1...65535).contains(hostPort) else {
      throw malformed("\(last.isEmpty ? "nothing" : last) is no port to connect to (1 to 65535)")
    }
    host = parts.removeLast()
    guard !host.isEmpty else { throw malformed("the host to connect to is missing") }
    let place = parts.removeLast()
    bind = parts.first.map { $0.isEmpty ? "*" : $0 }
    self.hostPort = hostPort
    if place.hasPrefix("/") {
      guard bind == nil else { throw malformed("a socket's path has no address before it") }
      (path, port) = (place, 0)
    } else {
      guard let port = Int(place), (0...65535).contains(port) else {
        throw malformed(
          "\(place.isEmpty ? "nothing" : place) is no port to listen on (0 to 65535), and no path")
      }
      self.port = port
    }
  }

  /// At colons that are not in brackets.
  private static func split(_ text: String) throws(Malformed) -> [String] {
    var parts = [""]
    var isInBrackets = false
    for character in text {
      switch character {
      case "[" where !isInBrackets && parts[parts.count - 1].isEmpty: isInBrackets = true
      case "]" where isInBrackets: isInBrackets = false
      case ":" where !isInBrackets: parts.append("")
      default: parts[parts.count - 1].append(character)
      }
    }
    if isInBrackets { throw Malformed(description: "\(text): a bracket is not closed") }
    return parts
  }

  /// A text that is no forward.
  public struct Malformed: Error, CustomStringConvertible {
    public let description: String
  }
}
