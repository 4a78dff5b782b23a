import Glibc
import Synchronization

/// A client of ssh-agent (draft-miller-ssh-agent). libssh2's own can't sign with RSA keys on 1.10, and blocks.
/// Confined to the reactor's thread.
final class AgentClient {
  struct Key {
    var blob: [UInt8]
    var comment: String
  }

  private let socket: Int32
  private let path: String
  private var registration: UInt64?
  private static let replyLimit = 1 << 20

  private init(_ socket: Int32, _ path: String) {
    self.socket = socket
    self.path = path
  }

  deinit {
    if let registration { Reactor.shared.remove(registration, socket) }
    close(socket)
  }

  static func connect(
    _ path: String, _ owner: isolated SSHConnection, _ scope: Scope
  ) async throws(SSHError) -> AgentClient {
    let socket = Glibc.socket(
      AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard socket >= 0 else { throw SSHError(.local, owner.target, errorText(errno)) }
    let client = AgentClient(socket, path)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
      throw client.failure(owner, "its path is empty or too long")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    while true {
      let status = withUnsafeBytes(of: &address) { raw in
        Glibc.connect(socket, raw.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(raw.count))
      }
      if status == 0 { break }
      // The agent's queue is full: it has no other way of telling when there is room.
      guard errno == EAGAIN else { throw client.failure(owner, errorText(errno)) }
      try await owner.sleep(scope, .milliseconds(20))
    }
    client.registration = Reactor.shared.add(socket) { [weak owner] in
      owner?.assumeIsolated { $0.wake() }
    }
    guard client.registration != nil else { throw client.failure(owner, errorText(errno)) }
    return client
  }

  func keys(_ owner: isolated SSHConnection, _ scope: Scope) async throws(SSHError) -> [Key] {
    var reply = WireReader(try await exchange([11], owner, scope))
    guard reply.byte() == 12, let count = reply.uint32(), count <= 10_000 else {
      throw failure(owner, "it does not list its keys")
    }
    var keys: [Key] = []
    for _ in 0..<count {
      guard let blob = reply.string(), let comment = reply.string() else {
        throw failure(owner, "its list of keys is malformed")
      }
      keys.append(Key(blob: blob, comment: printable(comment, limit: 60)))
    }
    return keys
  }

  func sign(
    _ data: [UInt8], _ algorithm: String, with blob: [UInt8], _ owner: isolated SSHConnection, _ scope: Scope
  ) async throws(SSHError) -> [UInt8] {
    var request = WireWriter()
    request.byte(13)
    request.string(blob)
    request.string(data)
    // SSH_AGENT_RSA_SHA2_256 and SSH_AGENT_RSA_SHA2_512; other keys have one algorithm only.
    request.uint32(algorithm.hasPrefix("rsa-sha2-256") ? 2 : algorithm.hasPrefix("rsa-sha2-512") ? 4 : 0)
    var reply = WireReader(try await exchange(request.bytes, owner, scope))
    guard reply.byte() == 14, let signature = reply.string() else {
      throw failure(owner, "it refused to sign (is it locked, or was the confirmation declined?)")
    }
    var parts = WireReader(signature)
    guard parts.string() != nil, let raw = parts.string() else {
      throw failure(owner, "its signature is malformed")
    }
    return raw
  }

  private func failure(_ owner: isolated SSHConnection, _ reason: String) -> SSHError {
    SSHError(.authenticationFailed, owner.target, "the agent at \(path) can't be used: \(reason)")
  }

  /// Sends a request and reads the reply's payload.
  private func exchange(
    _ payload: [UInt8], _ owner: isolated SSHConnection, _ scope: Scope
  ) async throws(SSHError) -> [UInt8] {
    var request = WireWriter()
    request.string(payload)
    var sent = 0
    var reply: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16384)
    while true {
      try owner.check(scope)
      if sent < request.bytes.count {
        let count = request.bytes.withUnsafeBytes { bytes in
          send(socket, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
        }
        if count > 0 {
          sent += count
          continue
        }
        if count < 0, errno != EAGAIN, errno != EINTR { throw failure(owner, errorText(errno)) }
      } else {
        let count = recv(socket, &chunk, chunk.count, 0)
        if count == 0 { throw failure(owner, "it closed the connection") }
        if count > 0 {
          reply += chunk[..<count]
          var reader = WireReader(reply)
          if let length = reader.uint32() {
            guard length > 0, length <= UInt32(AgentClient.replyLimit) else {
              throw failure(owner, "its reply is malformed")
            }
            if reply.count == 4 + Int(length) { return Array(reply.dropFirst(4)) }
            if reply.count > 4 + Int(length) { throw failure(owner, "its reply is malformed") }
          }
          continue
        }
        if errno != EAGAIN, errno != EINTR { throw failure(owner, errorText(errno)) }
      }
      await owner.pause()
    }
  }
}

/// Agents that have not answered a moment ago: the next connection doesn't wait for them too.
enum SilentAgents {
  private static let paths = Mutex<[String: ContinuousClock.Instant]>([:])
  private static let patience = Duration.seconds(30)

  static func add(_ path: String) { paths.withLock { $0[path] = .now } }

  static func contains(_ path: String) -> Bool {
    paths.withLock { paths in
      guard let since = paths[path] else { return false }
      if since.duration(to: .now) > patience { paths[path] = nil }
      return paths[path] != nil
    }
  }
}
