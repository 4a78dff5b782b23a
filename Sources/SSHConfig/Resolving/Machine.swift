import CLibCrypto

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What tokens and addresses need to know of this machine.
struct Machine: Sendable {
  /// With the domain, if it is set so.
  let name: String

  static let defaultPort = 22

  init() throws(SSHConfigError) {
    var buffer = [CChar](repeating: 0, count: 1025)
    guard gethostname(&buffer, buffer.count - 1) == 0 else {
      throw SSHConfigError("this machine's name can't be found out")
    }
    name = String(bytes: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) })
  }

  /// The tokens that most options take. ssh_config(5): "%C: Hash of %l%h%p%r. %d: Local user's home directory. %h: The
  /// remote hostname. %i: The local user ID. %k: The host key alias if specified, otherwise the original remote
  /// hostname given on the command line. %L: The local hostname. %l: The local hostname, including the domain name.
  /// %n: The original remote hostname, as given on the command line. %p: The remote port. %r: The remote username.
  /// %u: The local username." and, since 9.4, "%j: The contents of the ProxyJump option, or the empty string".
  func tokens(
    host: String, original: String, port: Int, user: String, keyAlias: String, jump: String,
    _ sources: ConfigSources
  ) -> Tokens {
    let values: KeyValuePairs<String, String> = [
      "C": Self.sha1(name + host + "\(port)" + user), "L": String(name.prefix { $0 != "." }),
      "d": sources.home,
      "h": host, "i": "\(sources.userID)", "j": jump, "k": keyAlias, "l": name, "n": original, "p": "\(port)",
      "r": user, "u": sources.userName,
    ]
    return Tokens(
      values: values.reduce(into: [:]) { tokens, pair in
        if let letter = pair.key.utf8.first { tokens[letter] = pair.value }
      })
  }

  /// OpenSSH names control sockets by this sum; nothing rests on its strength.
  private static func sha1(_ text: String) -> String {
    var sum = [UInt8](repeating: 0, count: 20)
    let input = Array(text.utf8)
    _ = input.withUnsafeBytes { EVP_Digest($0.baseAddress, $0.count, &sum, nil, EVP_sha1(), nil) }
    return sum.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// Whether a name can only be an address (OpenSSH's `is_addr`), as text such as `127.1` is.
  static func isAddress(_ name: String, family: Int) -> Bool {
    looksLikeAddress(name) || canonicalAddress(name, family: family) != nil
  }

  static func looksLikeAddress(_ name: String) -> Bool {
    let bytes = name.utf8
    return bytes.contains(UInt8(ascii: "%")) || bytes.contains(UInt8(ascii: ":"))
      || bytes.allSatisfy { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
  }

  /// An address in its usual form; nil if the name is none of this family. It asks no name server.
  ///
  /// - Parameter family: as `AddressFamily` says: 0 for any, 4 or 6.
  static func canonicalAddress(_ name: String, family: Int) -> String? {
    var hints = addrinfo()
    hints.ai_family = family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNSPEC
    #if canImport(Glibc)
      hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #else
      hints.ai_socktype = SOCK_STREAM
    #endif
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(name, "22", &hints, &found) == 0, let entry = found else { return nil }
    defer { freeaddrinfo(found) }
    guard entry.pointee.ai_next == nil else { return nil }
    var text = [CChar](repeating: 0, count: 1025)
    let result = getnameinfo(
      entry.pointee.ai_addr, entry.pointee.ai_addrlen, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
    return result == 0 ? String(bytes: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }) : nil
  }
}
