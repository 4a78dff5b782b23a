import CLibCrypto

/// The contents of known_hosts files, in the format of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT".
///
/// libssh2's own reader isn't used: it takes `@revoked` for a host's name, so that a revoked key is trusted
/// where it is also listed plainly; it knows no wildcards; and one malformed line makes it drop the file.
struct KnownHosts {
  /// A line that says something about the host that was asked for.
  struct Key: Equatable {
    var file: String
    var line: Int
    var type: String
    var blob: [UInt8]
  }

  enum Verdict: Equatable {
    case trusted
    case unknown
    /// Others are known. They may be of another type: the server didn't offer the known one.
    case changed([Key])
    case revoked(Key)
  }

  enum Marker { case none, revoked, authority }

  enum Names: Equatable {
    case patterns([String])
    case hashed(salt: [UInt8], digest: [UInt8])
  }

  struct Entry {
    var line: Int
    var marker: Marker
    var names: Names
    var type: String
    var blob: [UInt8]
  }

  private var files: [(path: String, entries: [Entry])]

  init(_ files: [(path: String, entries: [Entry])]) { self.files = files }

  /// The types of the keys that are known for a host, so that the server can be asked for one of them.
  func types(host: String, port: Int) -> [String] {
    var types: [String] = []
    for key in keys(host: host, port: port, marker: .none) where !types.contains(key.type) {
      types.append(key.type)
    }
    return types
  }

  func check(_ blob: [UInt8], host: String, port: Int) -> Verdict {
    // A revoked key counts wherever the line's patterns match the host, by name and port or by name alone.
    let revoked =
      keys(host: host, port: port, marker: .revoked) + keys(host: host, port: 22, marker: .revoked)
    if let key = revoked.first(where: { $0.blob == blob }) { return .revoked(key) }
    let known = keys(host: host, port: port, marker: .none)
    if known.contains(where: { $0.blob == blob }) { return .trusted }
    if !known.isEmpty { return .changed(known) }
    // As OpenSSH does (sshconnect.c, "checking without port identifier"): a key that is known for the
    // host's name is the host's on any port. A different one says nothing about this port.
    if port != 22, keys(host: host, port: 22, marker: .none).contains(where: { $0.blob == blob }) {
      return .trusted
    }
    return .unknown
  }

  private func keys(host: String, port: Int, marker: Marker) -> [Key] {
    let name = KnownHosts.name(host: host, port: port)
    var keys: [Key] = []
    for file in files {
      for entry in file.entries where entry.marker == marker && KnownHosts.matches(entry.names, name) {
        keys.append(Key(file: file.path, line: entry.line, type: entry.type, blob: entry.blob))
      }
    }
    return keys
  }

  /// How known_hosts writes a host: `name`, or `[name]:port` where the port isn't 22.
  static func name(host: String, port: Int) -> String {
    port == 22 ? host.lowercased() : "[\(host.lowercased())]:\(port)"
  }

  static func matches(_ names: Names, _ name: String) -> Bool {
    switch names {
    case .hashed(let salt, let digest): return hmacSHA1(key: salt, Array(name.utf8)) == digest
    case .patterns(let patterns):
      var isMatch = false
      for pattern in patterns {
        if pattern.hasPrefix("!") {
          if wildcard(Array(pattern.utf8.dropFirst()), Array(name.utf8)) { return false }
        } else if !isMatch {
          isMatch = wildcard(Array(pattern.utf8), Array(name.utf8))
        }
      }
      return isMatch
    }
  }

  /// `*` is any run of characters, `?` any one. Linear in time for each star: a hostile file can't stall it.
  static func wildcard(_ pattern: [UInt8], _ text: [UInt8]) -> Bool {
    var (p, t) = (0, 0)
    var star: (p: Int, t: Int)?
    while t < text.count {
      if p < pattern.count, pattern[p] == UInt8(ascii: "*") {
        star = (p, t)
        p += 1
      } else if p < pattern.count, pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t] {
        p += 1
        t += 1
      } else if let last = star {
        star = (last.p, last.t + 1)
        (p, t) = (last.p + 1, last.t + 1)
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }

  /// The lines that can be understood. Others are passed over, as OpenSSH does: one bad line must not take
  /// the protection of all the others away.
  static func parse(_ bytes: [UInt8]) -> [Entry] {
    var entries: [Entry] = []
    for (index, line) in bytes.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
      if let entry = entry(line, number: index + 1) { entries.append(entry) }
    }
    return entries
  }

  private static func entry(_ line: ArraySlice<UInt8>, number: Int) -> Entry? {
    var fields = line.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
    guard let first = fields.first, first.first != UInt8(ascii: "#") else { return nil }
    var marker = Marker.none
    if first.first == UInt8(ascii: "@") {
      switch String(decoding: first, as: UTF8.self) {
      case "@revoked": marker = .revoked
      case "@cert-authority": marker = .authority
      default: return nil
      }
      fields.removeFirst()
    }
    guard fields.count >= 3, let names = names(fields[0]), let blob = Base64.decode(fields[2]) else {
      return nil
    }
    var reader = WireReader(blob)
    let type = String(decoding: fields[1], as: UTF8.self)
    guard reader.text() == type else { return nil }
    return Entry(line: number, marker: marker, names: names, type: type, blob: blob)
  }

  private static func names(_ field: ArraySlice<UInt8>) -> Names? {
    guard field.first == UInt8(ascii: "|") else {
      let patterns = field.split(separator: UInt8(ascii: ","))
      return .patterns(patterns.map { String(decoding: $0, as: UTF8.self).lowercased() })
    }
    let parts = field.split(separator: UInt8(ascii: "|"))
    guard parts.count == 3, parts[0].elementsEqual("1".utf8), let salt = Base64.decode(parts[1]),
      let digest = Base64.decode(parts[2]), digest.count == 20
    else { return nil }
    return .hashed(salt: salt, digest: digest)
  }
}

private func hmacSHA1(key: [UInt8], _ data: [UInt8]) -> [UInt8] {
  var digest = [UInt8](repeating: 0, count: 20)
  var count: UInt32 = 20
  _ = HMAC(EVP_sha1(), key, Int32(key.count), data, data.count, &digest, &count)
  return digest
}

/// `SHA256:…` as ssh-keygen -l shows it.
func fingerprint(_ blob: [UInt8]) -> String {
  var digest = [UInt8](repeating: 0, count: 32)
  var count: UInt32 = 32
  _ = EVP_Digest(blob, blob.count, &digest, &count, EVP_sha256(), nil)
  return "SHA256:" + Base64.encode(digest, padded: false)
}
