import Synchronization

/// The contents of known_hosts files, in the format of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
///
/// libssh2's own reader isn't used: it takes `@revoked` for a host's name, so that a revoked key is trusted
/// where it is also listed plainly; it knows no wildcards; and one malformed line makes it drop the file.
struct KnownHosts {
  /// What the files call a host.
  struct Name: Equatable, Sendable {
    /// `name`, `[name]:port` where the port isn't 22, or the alias alone (`HostKeyAlias` of ssh_config(5)).
    let text: String
    /// The name alone, where the port isn't 22 and there is no alias.
    let withoutPort: String?

    init(host: String, port: Int, alias: String? = nil) {
      if let alias {
        (text, withoutPort) = (alias.lowercased(), nil)
      } else if port == 22 {
        (text, withoutPort) = (host.lowercased(), nil)
      } else {
        (text, withoutPort) = ("[\(host.lowercased())]:\(port)", host.lowercased())
      }
    }

    /// Whether a line can be written for it that means this host and nothing else.
    var isWritable: Bool {
      !text.isEmpty && text.utf8.count <= 1000
        && !text.utf8.contains { $0 <= 0x20 || $0 == 0x7F || "|,*?!#@".utf8.contains($0) }
    }
  }

  /// A line that says something about the host that was asked for.
  struct Key: Equatable, Sendable {
    var file: String
    var line: Int
    var type: String
    var blob: [UInt8]
  }

  enum Verdict: Equatable, Sendable {
    case trusted
    case unknown
    /// Others are known. They may be of another type: the server didn't offer the known one.
    case changed([Key])
    case revoked(Key)
    /// No key is known, but an authority that signs the keys of the host.
    case certificateNeeded(Key)
  }

  private var files: [(path: String, lines: Lines)]

  init(_ files: [(path: String, lines: Lines)]) { self.files = files }

  /// All that the files say about a host.
  func keys(of name: Name) -> KnownKeys {
    var keys = KnownKeys()
    for file in files {
      let matches = file.lines.matches(name.text)
      let matchesWithoutPort = name.withoutPort.map(file.lines.matches) ?? []
      for index in matches.union(matchesWithoutPort).sorted() {
        let entry = file.lines.entries[index]
        let key = Key(file: file.path, line: entry.line, type: entry.type, blob: entry.blob)
        switch entry.marker {
        // As OpenSSH does (sshconnect.c, "checking without port identifier"), these count by the name alone too.
        case .revoked: keys.revoked.append(key)
        case .authority: keys.authorities.append(key)
        case .none where matches.contains(index): keys.plain.append(key)
        case .none: keys.withoutPort.append(key)
        }
      }
    }
    return keys
  }

  /// What is in one file, and which lines a name was found in: to look through hashed names takes an HMAC a line,
  /// and a run asks for each host several times, also on the thread that serves all connections.
  final class Lines: Sendable {
    let entries: [Entry]
    private let found = Mutex<[String: Set<Int>]>([:])

    init(_ entries: [Entry]) { self.entries = entries }

    func matches(_ name: String) -> Set<Int> {
      if let known = found.withLock({ $0[name] }) { return known }
      let matches = Set(entries.indices.filter { entries[$0].names.match(name) })
      found.withLock { $0[name] = matches }
      return matches
    }
  }
}

/// All that known_hosts files say about one host.
struct KnownKeys: Equatable, Sendable {
  var plain: [KnownHosts.Key] = []
  /// Known for the name without the port.
  var withoutPort: [KnownHosts.Key] = []
  var authorities: [KnownHosts.Key] = []
  var revoked: [KnownHosts.Key] = []

  /// The types of the keys that are known, so that the server can be asked for one of them.
  var types: [String] {
    var types: [String] = []
    for key in plain + withoutPort where !types.contains(key.type) { types.append(key.type) }
    return types
  }

  var needsCertificate: Bool { plain.isEmpty && withoutPort.isEmpty && !authorities.isEmpty }

  /// What to make of a key that the host has shown.
  func check(_ blob: [UInt8]) -> KnownHosts.Verdict {
    if let key = revoked.first(where: { $0.blob == blob }) { return .revoked(key) }
    if plain.contains(where: { $0.blob == blob }) { return .trusted }
    if !plain.isEmpty { return .changed(plain) }
    // A key that is known for the host's name is the host's on any port. A different one says nothing about
    // this port.
    if withoutPort.contains(where: { $0.blob == blob }) { return .trusted }
    if let authority = authorities.first, withoutPort.isEmpty { return .certificateNeeded(authority) }
    return .unknown
  }
}
