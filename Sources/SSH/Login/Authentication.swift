import CLibSSH2
import Glibc
import Synchronization

/// Logging in: every method that the target allows and the server offers, until the server is content.
extension SSHConnection {
  /// More than any login has: a server could go on offering.
  private static let stepLimit = 200

  func authenticate(_ scope: Scope, deadline: ContinuousClock.Instant) async throws(SSHError) {
    let state = LoginState(target, deadline: deadline)
    if target.methods.contains(.publicKey) { try await gatherKeys(state, scope) }
    if target.password == nil, target.questions == nil {
      state.exhausted = [.password, .keyboardInteractive]
    }
    link?.isLoggingIn = true
    defer { link?.isLoggingIn = false }
    do throws(SSHError) {
      try await logIn(state, scope)
    } catch {
      throw hungUp(error, state)
    }
  }

  private func logIn(_ state: LoginState, _ scope: Scope) async throws(SSHError) {
    for _ in 0..<SSHConnection.stepLimit {
      guard let method = target.methods.first(where: { state.canTry($0) }) else { break }
      // A key is tried at once; for all else it is worth a round trip to know whether it is wanted.
      if method != .publicKey, state.offered == nil {
        state.offered = try await methodsOffered(scope)
        if libssh2_userauth_authenticated(link?.session) != 0 { return }
        continue
      }
      let isIn =
        switch method {
        case .publicKey: try await offerNextKey(state, scope)
        case .password: try await sendPassword(state, scope)
        case .keyboardInteractive: try await holdDialogue(state, scope)
        }
      if isIn { return }
    }
    try await report(state, scope)
  }

  private func gatherKeys(_ state: LoginState, _ scope: Scope) async throws(SSHError) {
    var agentKeys: [AgentClient.Key] = []
    if let path = target.agentSocket, SilentAgents.contains(path) {
      state.problems.append("the agent at \(path) has just now not answered for another connection")
    } else if let path = target.agentSocket {
      do throws(SSHError) {
        (state.agent, agentKeys) = try await withScope(parent: scope, timeout: target.agentTimeout) {
          scope throws(SSHError) in
          let agent = try await AgentClient.connect(path, self, scope)
          return (agent, try await agent.keys(self, scope))
        }
        if agentKeys.isEmpty {
          state.problems.append(
            "the agent at \(path) shows no keys (ssh-add adds one; if it is locked: ssh-add -X)")
        }
      } catch {
        // The login's own deadline or its cancellation.
        try check(scope)
        switch error.kind {
        case .timedOut:
          SilentAgents.add(path)
          state.problems.append(
            "the agent at \(path) has not answered for \(target.agentTimeout.inSeconds); "
              + "it may hang, or be a forwarded one whose connection is dead")
        case .authenticationFailed: state.problems.append(error.message)
        default: throw error
        }
      }
    }
    let credentials = Credentials(target, agentKeys: agentKeys)
    state.credentials = credentials.list
    state.problems += credentials.problems
    state.beyond = credentials.beyond
  }

  /// Tells what a negative answer of a login call means, and whether anything can still be tried.
  ///
  /// - Parameter label: What was tried.
  /// - Throws: Where the connection is gone, naming what was tried.
  func takeRefusal(
    _ code: Int, _ label: String, _ state: LoginState, _ scope: Scope
  ) async throws(SSHError) -> LoginRefusal {
    let refusals = [LIBSSH2_ERROR_AUTHENTICATION_FAILED, LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED, -1]
    guard refusals.contains(Int32(code)), let link, link.socketError == nil, link.farewell == nil else {
      throw breakDown(code)
    }
    let refusal: LoginRefusal
    if let said = link.refusal {
      refusal = said
    } else {
      refusal = LoginRefusal(list: try await methodsOffered(scope).joined(separator: ","))
    }
    link.refusal = nil
    state.note(refusal, after: label)
    return refusal
  }

  /// A connection that breaks while logging in, in terms of the login.
  private func hungUp(_ error: SSHError, _ state: LoginState) -> SSHError {
    guard case .disconnected = error.kind, !state.summary.isEmpty || state.timeAsked > .zero else {
      return error
    }
    var message = "the server hung up while logging in as \(printable(target.user)) was tried "
    message += "(\(state.summary.isEmpty ? "nothing was sent yet" : state.summary)): \(error.message)."
    if state.timeAsked > .seconds(20) {
      message +=
        " It waited \(state.timeAsked.inSeconds) for an answer, and allows only so long (LoginGraceTime)"
    } else {
      message += " It allows a few attempts only (MaxAuthTries): name the right key as the identity"
      message += target.identitiesOnly ? "" : ", and no others (IdentitiesOnly)"
    }
    return SSHError(.authenticationFailed, target, message + notes(state))
  }

  private func notes(_ state: LoginState) -> String {
    let notes = state.beyond + state.problems
    return notes.isEmpty ? "" : ". Also: " + notes.joined(separator: "; ")
  }

  /// Nothing was enough.
  private func report(_ state: LoginState, _ scope: Scope) async throws(SSHError) {
    // Asked only now, because the question is a login attempt ("none") of its own.
    if state.offered == nil { state.offered = try await methodsOffered(scope) }
    if libssh2_userauth_authenticated(link?.session) != 0 { return }
    let user = printable(target.user)
    let offered = state.offered ?? []
    let offers =
      offered.isEmpty ? "" : "; it offers: \(offered.map { printable($0) }.joined(separator: ", "))"
    let takesKeys = offered.isEmpty || offered.contains(AuthenticationMethod.publicKey.rawValue)
    let hasNoKey =
      takesKeys && target.methods.contains(.publicKey) && state.sent.isEmpty && state.credentials.isEmpty
      && notes(state).isEmpty
    if hasNoKey {
      state.problems.append(
        "there is no key, neither in a file nor in an agent (--key, IdentityFile, ssh-add)")
    }
    let wantsPassword = target.methods.contains { $0 != .publicKey && offered.contains($0.rawValue) }
    if wantsPassword, state.sent.isEmpty {
      state.problems.append(
        target.questions == nil && target.password == nil
          ? "no one can be asked for a password here, and none is set for the host"
          : "no password was given (it is asked for on a terminal, or can be set for the host)")
    }
    if let key = state.credentials.first, state.passed.isEmpty, !offered.isEmpty,
      !offered.contains(AuthenticationMethod.publicKey.rawValue)
    {
      state.problems.append("the server takes no keys, so \(key.label) was not tried")
    }
    let kind: SSHError.Kind = state.beyond.isEmpty ? .authenticationFailed : .needsOpenSSH
    if !state.passed.isEmpty {
      throw SSHError(
        kind, target,
        "the server took \(state.passed.joined(separator: ", ")) for user \(user), and then wants more, "
          + "which there isn't: tried \(state.summary)\(offers)\(notes(state))", offered: offered)
    }
    guard state.summary.isEmpty else {
      let hint =
        state.tried.isEmpty
        ? "Are the password and the user right, and may the user log in with it?"
        : "Is the public key in the user's authorized_keys (ssh-copy-id), and is the user right?"
      throw SSHError(
        kind, target,
        "the server takes none of what was tried for user \(user): \(state.summary)\(offers). \(hint)"
          + (notes(state).isEmpty ? "" : String(notes(state).dropFirst())), offered: offered)
    }
    let problems = state.beyond + state.problems
    guard problems.isEmpty else {
      let isFile = !target.identities.isEmpty && state.beyond.isEmpty && !hasNoKey
      throw SSHError(
        isFile ? .keyFile : kind, target,
        "nothing to log in with as \(user): \(problems.joined(separator: "; "))\(offers)", offered: offered)
    }
    throw SSHError(
      .authenticationFailed, target,
      "nothing to log in with as \(user)\(offers)", offered: offered)
  }

  /// Asks the server for the methods that it goes on with. Servers count the question as a login attempt unless
  /// it is the first; some let the user in.
  func methodsOffered(_ scope: Scope) async throws(SSHError) -> [String] {
    let user = target.user
    let list = try await attempt(scope) { _, session in
      if let list = libssh2_userauth_list(session, user, UInt32(user.utf8.count)) {
        return String(cString: list)
      }
      return libssh2_session_last_errno(session) == LIBSSH2_ERROR_EAGAIN ? nil : ""
    }
    if list.isEmpty, libssh2_userauth_authenticated(link?.session) == 0 {
      throw breakDown(Int(libssh2_session_last_errno(link?.session)))
    }
    link?.refusal = nil
    return LoginRefusal(list: list).methods
  }

  /// Waits for an answer that takes as long as it takes: the user's, or that of a calculation elsewhere.
  /// The login's clock stands still if it is the user's.
  func wait<T: Sendable>(
    _ state: LoginState, _ scope: Scope, stopsClock: Bool, for answer: @escaping @Sendable () async -> T
  ) async throws(SSHError) -> T {
    let box = Answer<T>()
    let task = Task.detached { [weak self] in
      let value = await answer()
      Reactor.shared.perform { [weak self] in
        box.value.withLock { $0 = value }
        self?.assumeIsolated { $0.wake() }
      }
    }
    defer { task.cancel() }
    let start = ContinuousClock.now
    if stopsClock { stopClock(scope) }
    defer {
      if stopsClock {
        let passed = ContinuousClock.now - start
        state.timeAsked += passed
        state.deadline += passed
        startClock(scope, left: state.deadline - .now, of: target.connectTimeout)
      }
    }
    while true {
      try check(scope)
      if let value = box.value.withLock({ $0 }) { return value }
      await pause()
    }
  }
}

/// Where an answer is put until the login looks for it.
private final class Answer<T: Sendable>: Sendable {
  let value = Mutex<T?>(nil)
}
