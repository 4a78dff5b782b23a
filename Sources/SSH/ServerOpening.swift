/// What a server said before the keys were agreed on, read a second time where that failed: libssh2 keeps to
/// itself what it didn't like.
struct ServerOpening: Equatable {
  /// The lists of its SSH_MSG_KEXINIT.
  struct Offer: Equatable {
    var lists: [SSHAlgorithms.Purpose: [String]]
  }

  /// What stands before its introduction; on a port of another service that is all there is.
  private(set) var preamble: [UInt8] = []
  /// The line by which it introduces itself, as in `SSH-2.0-OpenSSH_9.2`.
  private(set) var banner: String?
  private(set) var offer: Offer?
  /// A length of a packet that can't be.
  private(set) var badLength: UInt32?

  /// RFC 4253 section 6.1 asks for 35,000; OpenSSH's limit is this.
  private static let packetLimit: UInt32 = 256 << 10

  init(_ bytes: [UInt8]) {
    var rest = bytes[...]
    while banner == nil {
      guard let end = rest.firstIndex(of: 10) else {
        preamble += rest
        return
      }
      let line = rest[..<end]
      if line.starts(with: "SSH-".utf8) {
        banner = printable(line.last == 13 ? line.dropLast() : line, limit: 100)
      } else {
        preamble += rest[...end]
      }
      rest = rest[(end + 1)...]
    }
    var reader = WireReader(rest)
    while offer == nil, let length = reader.uint32() {
      guard (5...ServerOpening.packetLimit).contains(length) else {
        badLength = length
        return
      }
      guard let packet = reader.bytes(Int(length)), let padding = packet.first else { return }
      offer = ServerOpening.offer(packet.dropFirst().dropLast(Int(padding)))
    }
  }

  /// Whether it is sshd that turns a client away for now (MaxStartups, PerSourcePenalties).
  var isFull: Bool {
    ["Exceeded MaxStartups", "Not allowed at this time"].contains { preamble.starts(with: $0.utf8) }
  }

  /// The version of the protocol that it speaks where that isn't ours.
  var foreignVersion: String? {
    guard let banner else { return nil }
    let parts = banner.split(separator: "-", maxSplits: 2, omittingEmptySubsequences: false)
    // 1.99 is 2.0 and older ones: RFC 4253 section 5.1.
    guard parts.count > 1, parts[1] != "2.0", parts[1] != "1.99" else { return nil }
    return String(parts[1])
  }

  private static func offer(_ payload: ArraySlice<UInt8>) -> Offer? {
    var reader = WireReader(payload)
    guard reader.byte() == 20, reader.bytes(16) != nil else { return nil }
    var lists: [[String]] = []
    for _ in 0..<6 {
      guard let list = reader.text() else { return nil }
      lists.append(list.split(separator: ",").map { printable(String($0), limit: 64) })
    }
    // Not algorithms, but signs that extensions are understood (RFC 8308; OpenSSH's PROTOCOL, 1.9).
    lists[0].removeAll { $0.hasPrefix("ext-info-") || $0.hasPrefix("kex-strict-") }
    // Ciphers and MACs by the direction to the client; servers offer the same both ways.
    return Offer(lists: [.kex: lists[0], .hostKeys: lists[1], .ciphers: lists[3], .macs: lists[5]])
  }
}
