/// What a server says when it refuses a login attempt (SSH_MSG_USERAUTH_FAILURE, RFC 4252 section 5.1).
///
/// libssh2 makes one and the same error of "wrong" and "right, and now the next step", and drops the list of
/// methods. To ask again (``SSHConnection/methodsOffered(_:)``) is a login attempt that servers count, of six.
/// So the packet is read where libssh2 gives its memory back, which is this client's own.
struct LoginRefusal: Equatable {
  /// The methods that can continue.
  var methods: [String]
  /// Whether the attempt was right, and more is wanted.
  var isPartialSuccess: Bool

  /// Nil where the memory holds anything else. What comes behind the packet is of no meaning.
  init?(packet: UnsafeRawBufferPointer) {
    guard packet.count >= 6, packet[0] == 51 else { return nil }
    let length = packet[1..<5].reduce(0) { $0 << 8 | Int($1) }
    guard length <= 1000, packet.count >= 6 + length else { return nil }
    let list = packet[5..<5 + length]
    let isList = list.allSatisfy { $0.isASCIIAlphanumeric || "-@.,_".utf8.contains($0) }
    guard isList, packet[5 + length] <= 1 else { return nil }
    self.init(list: String(decoding: list, as: UTF8.self), isPartialSuccess: packet[5 + length] == 1)
  }

  init(list: String, isPartialSuccess: Bool = false) {
    methods = list.split(separator: ",").map(String.init)
    self.isPartialSuccess = isPartialSuccess
  }
}
