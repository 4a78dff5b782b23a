/// One forwarding: LocalForward, RemoteForward or DynamicForward.
struct Forward: Sendable, Hashable {
  /// Where to listen, and where connections go. OpenSSH's marks: port -2 means a socket's path.
  var listenHost: String?
  var listenPort = 0
  var listenPath: String?
  var connectHost: String?
  var connectPort = 0
  var connectPath: String?

  static let pathPort = -2

  /// Reads `[listenhost:]listenport:connecthost:connectport`, with socket paths in place of either pair, or
  /// `[listenhost:]listenport` for a dynamic one.
  ///
  /// ssh_config(5), "LocalForward": "IPv6 addresses can be specified by enclosing addresses in square brackets. […]
  /// Unix domain socket paths may use the tokens described in the TOKENS section and environment variables".
  /// What isn't sensible but accepted by OpenSSH is accepted here.
  ///
  /// - Returns: nil if it can't be read.
  init?(_ text: [UInt8], isDynamic: Bool, isRemote: Bool) {
    var rest = text[...].drop { $0 == 0x20 || (0x09...0x0d).contains($0) }
    var fields: [(text: String, isPath: Bool)] = []
    while fields.count < 4, !rest.isEmpty {
      guard let field = Self.field(&rest) else { break }
      fields.append(field)
    }
    guard rest.isEmpty else { return nil }
    func port(_ index: Int) -> Int { Numbers.port(fields[index].text) ?? -1 }
    func listen(path index: Int) {
      listenPath = fields[index].text
      listenPort = Self.pathPort
    }
    func connect(path index: Int) {
      connectPath = fields[index].text
      connectPort = Self.pathPort
    }
    switch fields.count {
    case 1:
      if fields[0].isPath { listen(path: 0) } else { listenPort = port(0) }
      connectHost = "socks"
    case 2 where fields[0].isPath && fields[1].isPath:
      listen(path: 0)
      connect(path: 1)
    case 2 where fields[1].isPath:
      listenPort = port(0)
      connect(path: 1)
    case 2:
      listenHost = fields[0].text
      listenPort = port(1)
      connectHost = "socks"
    case 3 where fields[0].isPath:
      listen(path: 0)
      connectHost = fields[1].text
      connectPort = port(2)
    case 3 where fields[2].isPath:
      listenHost = fields[0].text
      listenPort = port(1)
      connect(path: 2)
    case 3:
      listenPort = port(0)
      connectHost = fields[1].text
      connectPort = port(2)
    case 4:
      listenHost = fields[0].text
      listenPort = port(1)
      connectHost = fields[2].text
      connectPort = port(3)
    default:
      return nil
    }
    if isDynamic {
      guard fields.count <= 2 else { return nil }
    } else {
      guard fields.count >= 3 || connectPath != nil || listenPath != nil else { return nil }
      guard connectPort > 0 || connectPath != nil else { return nil }
    }
    guard listenPort >= 0 || listenPath != nil, isRemote || listenPort != 0 else { return nil }
    // The sizes of a host name for getnameinfo(3), and of a socket's path.
    for host in [listenHost, connectHost] where (host?.utf8.count ?? 0) >= 1025 { return nil }
    for path in [listenPath, connectPath] where (path?.utf8.count ?? 0) >= 108 { return nil }
  }

  /// The next field, up to a colon; in square brackets it is taken literally, outside of them a backslash escapes.
  private static func field(_ rest: inout ArraySlice<UInt8>) -> (text: String, isPath: Bool)? {
    let colon = UInt8(ascii: ":")
    if rest.first == UInt8(ascii: "[") {
      guard let close = rest.firstIndex(of: UInt8(ascii: "]")) else { return nil }
      let inner = rest[(rest.startIndex + 1)..<close]
      let after = rest[(close + 1)...]
      guard after.isEmpty || after.first == colon else { return nil }
      rest = after.dropFirst()
      return (String(bytes: inner), inner.contains(UInt8(ascii: "/")))
    }
    var text: [UInt8] = []
    var isPath = false
    var index = rest.startIndex
    while index < rest.endIndex, rest[index] != colon {
      if rest[index] == UInt8(ascii: "\\") {
        index += 1
        guard index < rest.endIndex else { return nil }
      } else if rest[index] == UInt8(ascii: "/") {
        isPath = true
      }
      text.append(rest[index])
      index += 1
    }
    rest = index < rest.endIndex ? rest[(index + 1)...] : []
    return (String(bytes: text), isPath)
  }
}
