import CLibSSH2
import Glibc

/// Logging in with keys.
extension SSHConnection {
  /// Offers the next key.
  ///
  /// - Returns: Whether the user is logged in.
  func offerNextKey(_ state: LoginState, _ scope: Scope) async throws(SSHError) -> Bool {
    var credential = state.credentials.removeFirst()
    if credential.blob == nil, case .sealed(let path, let stamp, let sealed) = credential.signer {
      // The file doesn't tell its public half: there is nothing to offer before it is opened.
      guard let key = try await open(path, stamp, sealed, state, scope) else { return false }
      credential.blob = key.blob
      credential.signer = .key(key)
    }
    guard let blob = credential.blob else { return false }
    let request = SignRequest()
    let name = SSHLibrary.authenticationBlob(blob)
    let user = target.user
    while true {
      let code = try await call(scope) { session in
        request.withAbstract { abstract in
          // EAGAIN of the callback is told apart from that of the socket by `request.data`.
          let code = Int(
            libssh2_userauth_publickey(session, user, name, name.count, signWithRequest, abstract))
          return code == Int(LIBSSH2_ERROR_EAGAIN) && request.data != nil ? 1 : code
        }
      }
      if code == 1, let data = request.data {
        request.data = nil
        request.signature = try await sign(data, credential, state, scope)
        request.isRefused = request.signature == nil
        continue
      }
      if code == 0 { return true }
      if request.isRefused {
        // Nothing was sent: the server knows of no attempt.
        return false
      }
      // Named before the refusal is looked at, so that a server that hangs up is told with this key.
      state.tried.append(credential.label)
      let refusal = try await takeRefusal(code, credential.label, state, scope)
      let isOffered = refusal.methods.contains(AuthenticationMethod.publicKey.rawValue)
      if !refusal.isPartialSuccess, !isOffered, request.signature == nil {
        // It wasn't looked at: another method comes first. There may be a turn for it later.
        state.tried.removeLast()
        state.credentials.insert(credential, at: 0)
      }
      return false
    }
  }

  /// The signature; nil where there is none to be had.
  private func sign(
    _ data: [UInt8], _ credential: Credential, _ state: LoginState, _ scope: Scope
  ) async throws(SSHError) -> [UInt8]? {
    guard let algorithm = SSHLibrary.algorithm(in: data) else { return nil }
    switch credential.signer {
    case .key(let key): return key.sign(data, algorithm)
    case .sealed(let path, let stamp, let sealed):
      guard let key = try await open(path, stamp, sealed, state, scope) else { return nil }
      guard key.blob == credential.blob || Certificate(credential.blob ?? [])?.key == key.blob else {
        state.problems.append("\(path).pub is not the public half of the key in \(path)")
        return nil
      }
      return key.sign(data, algorithm)
    case .agent(let blob):
      do throws(SSHError) {
        return try await state.agent?.sign(data, algorithm, with: blob, self, scope)
      } catch {
        guard error.kind == .authenticationFailed else {
          if case .timedOut = error.kind {
            throw SSHError(
              error.kind, target,
              "\(error.message): the agent has not signed with \(credential.label); "
                + "it may wait for a confirmation or for a key to be touched")
          }
          throw error
        }
        state.problems.append("\(credential.label): \(error.message)")
        return nil
      }
    }
  }

  private func open(
    _ path: String, _ stamp: LocalFile.Stamp?, _ sealed: SealedKey, _ state: LoginState, _ scope: Scope
  ) async throws(SSHError) -> PrivateKey? {
    let questions = target.questions
    let outcome = try await wait(state, scope, stopsClock: true) {
      await KeyVault.shared.key(path, stamp, sealed, questions)
    }
    switch outcome {
    case .key(let key): return key
    case .none(let reason):
      state.problems.append(reason)
      return nil
    }
  }
}

/// What libssh2 asks to be signed, and the answer. It asks by a callback that can't wait: it is told EAGAIN
/// while the signature is made, and asks again.
private final class SignRequest {
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
    if request.isRefused { return -1 }
    guard let signed = request.signature else {
      request.data = Array(UnsafeBufferPointer(start: data, count: length))
      return LIBSSH2_ERROR_EAGAIN
    }
    // libssh2 frees it.
    guard let copy = malloc(signed.count) else { return -1 }
    memcpy(copy, signed, signed.count)
    signature.pointee = copy.assumingMemoryBound(to: UInt8.self)
    count.pointee = signed.count
    return 0
  }
