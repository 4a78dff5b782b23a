import CLibSSH2
import Glibc

/// Logging in with keys.
extension SSHConnection {
  /// A key that the server is asked to take.
  private struct Credential {
    enum Signer {
      case key(PrivateKey)
      case agent
    }

    var blob: [UInt8]
    var signer: Signer
    var label: String
  }

  /// All that was tried and seen, for the message in case nothing works.
  private struct Record {
    var tried: [String] = []
    var problems: [String] = []
  }

  func authenticate(_ scope: Scope) async throws(SSHError) {
    var record = Record()
    var agent: AgentClient?
    var agentKeys: [AgentClient.Key] = []
    if let path = target.agentSocket {
      do throws(SSHError) {
        let client = try await AgentClient.connect(path, self, scope)
        agentKeys = try await client.keys(self, scope)
        agent = client
      } catch {
        guard error.kind == .authenticationFailed else { throw error }
        record.problems.append(error.message)
      }
    }
    for credential in credentials(agentKeys, &record) {
      let isAccepted = try await offer(credential, agent, scope, &record)
      if isAccepted { return }
    }
    try await report(record, scope)
  }

  private func credentials(_ agentKeys: [AgentClient.Key], _ record: inout Record) -> [Credential] {
    var credentials: [Credential] = []
    func agentCredential(_ key: AgentClient.Key) -> Credential {
      let name = key.comment.isEmpty ? "" : "\(key.comment) "
      return Credential(blob: key.blob, signer: .agent, label: "\(name)\(fingerprint(key.blob)) (agent)")
    }
    for case .file(let path) in target.identities {
      do throws(KeyFile.Failure) {
        let file = try KeyFile.load(path)
        if let key = file.privateKey {
          credentials.append(Credential(blob: key.blob, signer: .key(key), label: path))
        } else if let key = agentKeys.first(where: { $0.blob == file.publicBlob }) {
          credentials.append(agentCredential(key))
        } else {
          throw KeyFile.encrypted(path)
        }
      } catch {
        record.problems.append(error.message)
      }
    }
    for key in agentKeys where key.isUsable && !credentials.contains(where: { $0.blob == key.blob }) {
      credentials.append(agentCredential(key))
    }
    return credentials
  }

  /// Offers one key; false where the server doesn't take it.
  private func offer(
    _ credential: Credential, _ agent: AgentClient?, _ scope: Scope, _ record: inout Record
  ) async throws(SSHError) -> Bool {
    let request = SignRequest()
    if case .key(let key) = credential.signer { request.key = key }
    let blob = authenticationBlob(credential.blob)
    let user = target.user
    while true {
      let code = try await call(scope) { session in
        request.withAbstract { abstract in
          // EAGAIN of the callback is told apart from that of the socket by `request.data`.
          let code = Int(
            libssh2_userauth_publickey(
              session, user, blob, blob.count, signWithRequest, abstract))
          return code == Int(LIBSSH2_ERROR_EAGAIN) && request.data != nil ? 1 : code
        }
      }
      if code == 1, let agent, let data = request.data {
        request.data = nil
        do throws(SSHError) {
          request.signature = try await agent.sign(data, with: credential.blob, self, scope)
        } catch {
          guard error.kind == .authenticationFailed else { throw error }
          request.isRefused = true
          record.problems.append("\(credential.label): \(error.message)")
        }
        continue
      }
      if code == 0 { return true }
      record.tried.append(credential.label)
      switch Int32(code) {
      case LIBSSH2_ERROR_AUTHENTICATION_FAILED, LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED:
        if let link, link.socketError == nil, link.farewell == nil { return false }
        fallthrough
      default:
        let error = breakDown(code)
        guard case .disconnected = error.kind else { throw error }
        throw SSHError(
          .authenticationFailed, target,
          "the server hung up while keys were tried for user \(printable(user)) (\(record.tried.joined(separator: ", "))): "
            + "\(error.message). It allows a few keys only (MaxAuthTries): name the right one as the identity"
        )
      }
    }
  }

  /// Nothing was accepted.
  private func report(_ record: Record, _ scope: Scope) async throws(SSHError) {
    let user = printable(target.user)
    let notes = record.problems.isEmpty ? "" : " Also: " + record.problems.joined(separator: "; ")
    // Asked only now, because the question is a login attempt ("none") of its own.
    let offered = try await methodsOffered(scope)
    if libssh2_userauth_authenticated(link?.session) != 0 { return }
    let offers = offered.isEmpty ? "" : "; it offers: \(offered)"
    guard !record.tried.isEmpty else {
      if let problem = record.problems.first {
        let kind = target.identities.isEmpty ? SSHError.Kind.authenticationFailed : .keyFile
        let others =
          record.problems.count > 1 ? "; " + record.problems.dropFirst().joined(separator: "; ") : ""
        throw SSHError(kind, target, "no key to log in with: \(problem)\(others)")
      }
      throw SSHError(
        .authenticationFailed, target,
        "no key to log in with as \(user): name a key file, or start an agent "
          + "and add a key (ssh-add)\(offers)")
    }
    throw SSHError(
      .authenticationFailed, target,
      "the server takes none of the keys for user \(user): tried \(record.tried.joined(separator: ", "))\(offers). "
        + "Is the public key in the user's authorized_keys (ssh-copy-id), and is the user right?\(notes)")
  }

  private func methodsOffered(_ scope: Scope) async throws(SSHError) -> String {
    let user = target.user
    return try await attempt(scope) { _, session in
      if let list = libssh2_userauth_list(session, user, UInt32(user.utf8.count)) {
        return printable(String(cString: list))
      }
      return libssh2_session_last_errno(session) == LIBSSH2_ERROR_EAGAIN ? nil : ""
    }
  }
}

/// What libssh2 asks to be signed, and the answer. It asks by a callback that can't wait: it is told EAGAIN
/// while an agent is asked, and asks again.
private final class SignRequest {
  var key: PrivateKey?
  var data: [UInt8]?
  var signature: [UInt8]?
  var isRefused = false

  /// libssh2 passes the address on as its callback's `abstract`.
  func withAbstract<T>(_ body: (UnsafeMutablePointer<UnsafeMutableRawPointer?>) -> T) -> T {
    var abstract: UnsafeMutableRawPointer? = Unmanaged.passUnretained(self).toOpaque()
    return withExtendedLifetime(self) { withUnsafeMutablePointer(to: &abstract, body) }
  }
}

private let signWithRequest:
  @convention(c) (
    OpaquePointer?, UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?, UnsafeMutablePointer<Int>?,
    UnsafePointer<UInt8>?, Int, UnsafeMutablePointer<UnsafeMutableRawPointer?>?
  ) -> Int32 = { _, signature, count, data, length, abstract in
    guard let signature, let count, let data, let context = abstract?.pointee else { return -1 }
    let request = Unmanaged<SignRequest>.fromOpaque(context).takeUnretainedValue()
    let bytes = UnsafeBufferPointer(start: data, count: length)
    if request.isRefused { return -1 }
    guard let signed = request.key.map({ $0.sign(bytes) }) ?? request.signature else {
      if request.key != nil { return -1 }
      request.data = Array(bytes)
      return LIBSSH2_ERROR_EAGAIN
    }
    // libssh2 frees it.
    guard let copy = malloc(signed.count) else { return -1 }
    memcpy(copy, signed, signed.count)
    signature.pointee = copy.assumingMemoryBound(to: UInt8.self)
    count.pointee = signed.count
    return 0
  }
