import CLibSSH2
import Glibc

/// Agreeing on keys with a server, and finding out who it is.
extension SSHConnection {
  /// Fails, before anything is sent, where the target asks only for what libssh2 doesn't have.
  func checkAlgorithms() throws(SSHError) {
    guard let purpose = target.algorithms.impossible.first, let wanted = target.algorithms[purpose] else {
      return
    }
    throw SSHError(
      .noCommonAlgorithm, target,
      "the configuration asks for a \(purpose.rawValue) that libssh2 \(SSHAlgorithms.libraryVersion) doesn't have: "
        + "it asks for \(words(wanted)); libssh2 has \(words(SSHAlgorithms.supported(purpose))). Allow one of these, or "
        + "use the transport openssh")
  }

  /// Exchanges keys and checks that of the host; when the connection is only to find the key out, that is all.
  func agreeOnKeys(_ scope: Scope) async throws(SSHError) {
    phase = .banner
    guard let link, let session = link.session else { throw breakDown(0) }
    try prefer(session)
    do throws(SSHError) {
      try await exchangeKeys(link, scope)
    } catch {
      throw explain(error, ServerOpening(link.opening))
    }
    let opening = link.opening
    link.isHandshakeOver = true
    let key = try hostKey(session)
    shownKey = key
    if !isProbe { try await verify(key, opening) }
  }

  private func prefer(_ session: OpaquePointer) throws(SSHError) {
    let algorithms = target.algorithms
    func set(_ purpose: SSHAlgorithms.Purpose, _ names: [String]) throws(SSHError) {
      for method in purpose.methods
      where libssh2_session_method_pref(session, method, names.joined(separator: ",")) != 0 {
        throw SSHError(
          .noCommonAlgorithm, target, "libssh2 doesn't take \(words(names)) for the \(purpose.rawValue)")
      }
    }
    for purpose in SSHAlgorithms.Purpose.allCases where purpose != .hostKeys {
      try set(purpose, algorithms.offered(purpose))
    }
    let known = try target.knownKeys()
    let types = known.types + target.knownHosts.confirmed.map(\.type)
    let methods = algorithms.hostKeyMethods(knownTypes: types)
    if !methods.isEmpty { try set(.hostKeys, methods) }
  }

  private func exchangeKeys(_ link: Link, _ scope: Scope) async throws(SSHError) {
    let code = try await attempt(scope) { link, session throws(SSHError) -> Int? in
      let code = libssh2_session_handshake(session, Link.placeholder)
      // A server may say something else before; sshd does where MaxStartups is exceeded.
      if phase == .banner, let banner = libssh2_session_banner_get(session), strncmp(banner, "SSH-", 4) == 0 {
        phase = .keyExchange
        // libssh2 would wait for the key exchange of a protocol that has none.
        if let version = ServerOpening(link.opening).foreignVersion {
          throw SSHError(
            .protocolError(.banner), target,
            "the server speaks version \(printable(version, limit: 20)) of the SSH protocol; only 2.0 is supported"
          )
        }
      }
      return code == LIBSSH2_ERROR_EAGAIN ? nil : Int(code)
    }
    guard code != 0 else { return }
    // Also where the server's key exchange couldn't be read.
    if code == Int(LIBSSH2_ERROR_KEX_FAILURE), link.socketError == nil, !link.isFlooded {
      throw SSHError(
        .noCommonAlgorithm, target, "client and server have no algorithm in common (\(link.lastMessage))")
    }
    throw breakDown(code)
  }

  /// Adds to an error what can be seen from the server's own words.
  private func explain(_ error: SSHError, _ opening: ServerOpening) -> SSHError {
    func with(_ note: String) -> SSHError { SSHError(error.kind, target, error.message + note) }
    switch error.kind {
    case .timedOut(.banner), .disconnected(.banner), .protocolError(.banner):
      guard opening.banner == nil, !opening.preamble.isEmpty, !opening.isFull else { return error }
      let note =
        "; what came was not that of an SSH server: \"\(printable(opening.preamble, limit: 60))\". Is the port right?"
      // Another service that hangs up does so the next time too.
      if case .timedOut = error.kind { return with(note) }
      return SSHError(.protocolError(.banner), target, error.message + note)
    case .timedOut(.keyExchange), .disconnected(.keyExchange), .protocolError(.keyExchange),
      .noCommonAlgorithm:
      if let length = opening.badLength {
        return SSHError(
          .protocolError(.keyExchange), target,
          "the server announced a packet of \(length) bytes while exchanging keys, which can't be; "
            + "it introduced itself as \"\(opening.banner ?? "")\"")
      }
      guard error.kind == .noCommonAlgorithm else { return error }
      return with(noCommonAlgorithm(opening.offer))
    default: return error
    }
  }

  /// What was asked for and what there was.
  private func noCommonAlgorithm(_ offer: ServerOpening.Offer?) -> String {
    let version = SSHAlgorithms.libraryVersion
    func ours(_ purpose: SSHAlgorithms.Purpose) -> [String] {
      purpose == .hostKeys
        ? target.algorithms.hostKeyMethods(knownTypes: []) : target.algorithms.offered(purpose)
    }
    guard let offer else {
      let offers = SSHAlgorithms.Purpose.allCases.map { "\($0.rawValue): \(words(ours($0)))" }
      return "; libssh2 \(version) offered " + offers.joined(separator: "; ")
    }
    var notes: [String] = []
    for purpose in SSHAlgorithms.Purpose.allCases {
      let theirs = offer.lists[purpose] ?? []
      guard !ours(purpose).contains(where: theirs.contains) else { continue }
      notes.append(
        "\(purpose.rawValue): the server has \(words(theirs)); libssh2 \(version) was to use \(words(ours(purpose)))"
      )
    }
    return (notes.isEmpty ? "" : ": " + notes.joined(separator: "; ")) + weakAlgorithms(offer)
      + ". The system's ssh may know more: use the transport openssh, or give the server more to choose from"
  }

  /// What would do, but is too weak to be used unasked.
  private func weakAlgorithms(_ offer: ServerOpening.Offer) -> String {
    let options: [(SSHAlgorithms.Purpose, String)] = [
      (.kex, "KexAlgorithms"), (.ciphers, "Ciphers"), (.macs, "MACs"),
    ]
    let lines = options.compactMap { purpose, option -> String? in
      let theirs = offer.lists[purpose] ?? []
      guard target.algorithms[purpose] == nil,
        !SSHAlgorithms.standard(purpose).contains(where: theirs.contains),
        let possible = SSHAlgorithms.supported(purpose).first(where: theirs.contains)
      else { return nil }
      return "\(option) +\(possible)"
    }
    guard !lines.isEmpty else { return "" }
    return
      ". What the server has is weak and not offered unasked, by ssh neither; to use it nevertheless, write for "
      + "this host into ~/.ssh/config: " + lines.joined(separator: ", ")
  }

  private func words(_ names: [String]) -> String {
    names.isEmpty ? "none" : names.map { printable($0, limit: 64) }.joined(separator: ", ")
  }
}
