import CLibCrypto

/// The lines of a known_hosts file.
extension KnownHosts {
  enum Marker { case none, revoked, authority }

  enum Names: Equatable {
    case patterns([[UInt8]])
    case hashed(salt: [UInt8], digest: [UInt8])
  }

  struct Entry {
    var line: Int
    var marker: Marker
    var names: Names
    var type: String
    var blob: [UInt8]
  }

  /// The line by which a key is written down.
  ///
  /// - Parameter isHashed: Whether the name is hidden, as `HashKnownHosts` asks for.
  static func line(_ key: HostKey, for name: Name, isHashed: Bool) -> String {
    var shown = name.text
    if isHashed {
      var source = SystemRandomNumberGenerator()
      let salt = (0..<20).map { _ in UInt8.random(in: .min ... .max, using: &source) }
      shown = "|1|\(Base64.encode(salt))|\(Base64.encode(hmacSHA1(key: salt, Array(name.text.utf8))))"
    }
    return "\(shown) \(key.type) \(Base64.encode(key.blob))\n"
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
      return .patterns(patterns.map { $0.map(\.lowercasedASCII) })
    }
    let parts = field.split(separator: UInt8(ascii: "|"))
    guard parts.count == 3, parts[0].elementsEqual("1".utf8), let salt = Base64.decode(parts[1]),
      let digest = Base64.decode(parts[2]), digest.count == 20
    else { return nil }
    return .hashed(salt: salt, digest: digest)
  }

  /// `*` is any run of characters, `?` any one. Linear in time for each star: a hostile file can't stall it.
  static func wildcard(_ pattern: ArraySlice<UInt8>, _ text: String.UTF8View) -> Bool {
    var (p, t) = (pattern.startIndex, text.startIndex)
    var star: (p: Int, t: String.Index)?
    while t < text.endIndex {
      if p < pattern.endIndex, pattern[p] == UInt8(ascii: "*") {
        star = (p, t)
        p += 1
      } else if p < pattern.endIndex, pattern[p] == UInt8(ascii: "?") || pattern[p] == text[t] {
        p += 1
        t = text.index(after: t)
      } else if let last = star {
        star = (last.p, text.index(after: last.t))
        (p, t) = (last.p + 1, text.index(after: last.t))
      } else {
        return false
      }
    }
    return pattern[p...].allSatisfy { $0 == UInt8(ascii: "*") }
  }
}

extension KnownHosts.Names {
  /// - Parameter name: In lower case.
  func match(_ name: String) -> Bool {
    switch self {
    case .hashed(let salt, let digest): return hmacSHA1(key: salt, Array(name.utf8)) == digest
    case .patterns(let patterns):
      var isMatch = false
      for pattern in patterns {
        if pattern.first == UInt8(ascii: "!") {
          if KnownHosts.wildcard(pattern.dropFirst(), name.utf8) { return false }
        } else if !isMatch {
          isMatch = KnownHosts.wildcard(pattern[...], name.utf8)
        }
      }
      return isMatch
    }
  }
}

extension UInt8 {
  fileprivate var lowercasedASCII: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }
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
