import CLibSSH2
import Glibc
import Synchronization

/// Logging in with a password, and with whatever else the server asks.
extension SSHConnection {
  /// The next password for the method; nil where there is none left.
  private func nextPassword(
    _ method: AuthenticationMethod, _ state: LoginState, _ scope: Scope
  ) async throws(SSHError) -> SSHSecret? {
    switch state.passwords.next(for: method, canAsk: target.questions != nil) {
    case .secret(let secret): return secret
    case .none: return nil
    case .ask(let refused):
      guard let questions = target.questions, !target.leavesQuestionsToOpenSSH || state.beyond.isEmpty else {
        return nil
      }
      let (user, host) = (target.user, target.host)
      let answer = try await wait(state, scope, stopsClock: true) {
        await questions.password(user: user, host: host, refused: refused)
      }
      state.passwords.take(answer, for: method)
      return answer
    }
  }

  /// Sends one password.
  ///
  /// - Returns: Whether the user is logged in.
  func sendPassword(_ state: LoginState, _ scope: Scope) async throws(SSHError) -> Bool {
    guard let secret = try await nextPassword(.password, state, scope) else {
      state.exhausted.insert(.password)
      return false
    }
    state.sent[.password, default: 0] += 1
    let user = target.user
    let code = try await call(scope) { session in
      secret.bytes.withUnsafeBytes { bytes in
        Int(
          libssh2_userauth_password_ex(
            session, user, UInt32(user.utf8.count), bytes.baseAddress?.assumingMemoryBound(to: CChar.self),
            UInt32(bytes.count), declineChange))
      }
    }
    if code == 0 { return true }
    if code == Int(LIBSSH2_ERROR_PASSWORD_EXPIRED) {
      throw SSHError(
        .authenticationFailed, target,
        "the password of user \(printable(user)) has expired, and the server wants a new one: log in with "
          + "ssh \(shellWord("\(user)@\(target.host)")) once and change it")
    }
    let refusal = try await takeRefusal(code, AuthenticationMethod.password.rawValue, state, scope)
    if refusal.isPartialSuccess { state.exhausted.insert(.password) }
    return false
  }

  /// Answers the server's questions once through. The first that wants the password gets it, all others go to
  /// the user.
  ///
  /// - Returns: Whether the user is logged in.
  func holdDialogue(_ state: LoginState, _ scope: Scope) async throws(SSHError) -> Bool {
    // Where the last time began with the password there is no use in beginning again without one.
    var password: SSHSecret?
    if state.dialogueWantsPassword {
      password = try await nextPassword(.keyboardInteractive, state, scope)
      guard password != nil else {
        state.exhausted.insert(.keyboardInteractive)
        return false
      }
    }
    guard let detour = Detour() else {
      throw SSHError(.local, target, "no thread can be started: \(errorText(errno))")
    }
    let dialogue = Dialogue(detour, password)
    defer {
      // libssh2 is in the middle of a call: it must come out before the session can go.
      dialogue.answers = nil
      while dialogue.isLeft { dialogue.isLeft = !detour.goOn() }
      detour.end()
    }
    let user = target.user
    let name = AuthenticationMethod.keyboardInteractive.rawValue
    let code = try await call(scope, dialogue, user) { () async throws(SSHError) in
      dialogue.answers = try await self.answers(to: dialogue, state, scope)
    }
    if code == 0 { return true }
    if link?.isMalformed == true { throw breakDown(code) }
    // A server may refuse without having asked: no login attempt that is worth another.
    if dialogue.rounds == 0 || dialogue.isHopeless { state.exhausted.insert(.keyboardInteractive) }
    if dialogue.hasAnswered { state.sent[.keyboardInteractive, default: 0] += 1 }
    let refusal = try await takeRefusal(code, name, state, scope)
    if refusal.isPartialSuccess { state.exhausted.insert(.keyboardInteractive) }
    return false
  }

  /// Calls libssh2, on the detour's stack; `answer` is run each time that it has called back.
  private func call(
    _ scope: Scope, _ dialogue: Dialogue, _ user: String, _ answer: () async throws(SSHError) -> Void
  ) async throws(SSHError) -> Int {
    while true {
      let code = try await call(scope) { session in
        let work = {
          Dialogue.current.withLock { $0 = dialogue }
          dialogue.code = Int(
            libssh2_userauth_keyboard_interactive_ex(
              session, user, UInt32(user.utf8.count), answerByDialogue))
          Dialogue.current.withLock { $0 = nil }
        }
        let isOver = dialogue.isLeft ? dialogue.detour.goOn() : dialogue.detour.run(work)
        dialogue.isLeft = !isOver
        return isOver ? dialogue.code : Dialogue.mustAnswer
      }
      guard code == Dialogue.mustAnswer else { return code }
      try await answer()
    }
  }

  private func answers(
    to dialogue: Dialogue, _ state: LoginState, _ scope: Scope
  ) async throws(SSHError) -> [[UInt8]]? {
    let prompts = dialogue.prompts
    if !dialogue.hasSentPassword, prompts.count == 1, dialogue.wantsPassword(prompts[0]) {
      dialogue.hasSentPassword = true
      state.dialogueWantsPassword = true
      var secret = dialogue.password
      if secret == nil { secret = try await nextPassword(.keyboardInteractive, state, scope) }
      dialogue.hasAnswered = secret != nil
      dialogue.isHopeless = secret == nil
      return secret.map { [$0.bytes] }
    }
    let asked = SSHPrompts(
      user: target.user, host: target.host, name: dialogue.name, instruction: dialogue.instruction,
      prompts: prompts)
    var answers: [SSHSecret]?
    if let questions = target.questions {
      answers = try await wait(state, scope, stopsClock: true) { await questions.answers(to: asked) }
    }
    guard let answers, answers.count == prompts.count else {
      dialogue.isHopeless = true
      let texts = prompts.map { "\"\($0.text)\"" }.joined(separator: ", ")
      state.problems.append("the server asks \(texts), and no one has answered")
      return nil
    }
    dialogue.hasAnswered = true
    return answers.map(\.bytes)
  }
}

/// One keyboard-interactive exchange, between the reactor and libssh2's callback.
///
/// `@unchecked Sendable`: the two use it in turns (``Detour``).
private final class Dialogue: @unchecked Sendable {
  let detour: Detour
  /// Whether libssh2 is in the middle of its callback.
  var isLeft = false
  var code = 0
  var name = ""
  var instruction = ""
  var prompts: [SSHPrompts.Prompt] = []
  var answers: [[UInt8]]?
  var rounds = 0
  /// Asked for beforehand.
  let password: SSHSecret?
  var hasSentPassword = false
  /// Whether anything was answered that someone has said.
  var hasAnswered = false
  /// Whether another exchange would go the same way.
  var isHopeless = false

  /// What a call ends with that is left in the callback: no code of libssh2.
  static let mustAnswer = 1
  /// That of the call that is about to be made: libssh2 tells its callback only the session, and the calls of
  /// one thread come one after the other. Not touched after the callback has begun.
  static let current = Mutex<Dialogue?>(nil)

  init(_ detour: Detour, _ password: SSHSecret?) {
    self.detour = detour
    self.password = password
  }

  /// Prompts differ by language and module: one that is hidden is for the password unless it speaks of what a
  /// device shows, or of a change of the password.
  func wantsPassword(_ prompt: SSHPrompts.Prompt) -> Bool {
    guard !prompt.isEchoed else { return false }
    let words = prompt.text.lowercased().split { !$0.isLetter && $0 != "-" }
    let otherWords: Set<Substring> = [
      "code", "passcode", "otp", "token", "pin", "verification", "one-time", "factor", "challenge",
      "response",
      "new", "old", "current", "retype",
    ]
    return !words.contains { otherWords.contains($0) }
  }
}

private let answerByDialogue:
  @convention(c) (
    UnsafePointer<CChar>?, Int32, UnsafePointer<CChar>?, Int32, Int32,
    UnsafePointer<LIBSSH2_USERAUTH_KBDINT_PROMPT>?, UnsafeMutablePointer<LIBSSH2_USERAUTH_KBDINT_RESPONSE>?,
    UnsafeMutablePointer<UnsafeMutableRawPointer?>?
  ) -> Void = { name, nameLength, instruction, instructionLength, count, prompts, responses, _ in
    guard let dialogue = Dialogue.current.withLock({ $0.take() }) else { return }
    dialogue.rounds += 1
    guard count > 0, let prompts, let responses else { return }
    func text(_ bytes: UnsafeRawPointer?, _ length: Int) -> String {
      bytes.map { printable(UnsafeRawBufferPointer(start: $0, count: max(0, length)), limit: 400) } ?? ""
    }
    dialogue.name = text(name, Int(nameLength))
    dialogue.instruction = text(instruction, Int(instructionLength))
    dialogue.prompts = (0..<Int(count)).map { index in
      // 1.11 has made the length 64 bits long, under the same name of the library.
      let (size, echo) = SSHLibrary.isModern ? (24, 16) : (16, 12)
      let prompt = UnsafeRawPointer(prompts) + index * size
      let length =
        SSHLibrary.isModern
        ? prompt.load(fromByteOffset: 8, as: Int.self) : Int(prompt.load(fromByteOffset: 8, as: UInt32.self))
      return SSHPrompts.Prompt(
        text: text(prompt.load(as: UnsafeRawPointer?.self), length),
        isEchoed: prompt.load(fromByteOffset: echo, as: UInt8.self) != 0)
    }
    dialogue.answers = nil
    dialogue.detour.leave()
    guard let answers = dialogue.answers else { return }
    for (index, answer) in answers.enumerated() {
      // libssh2 frees it.
      guard let copy = malloc(max(1, answer.count)) else { return }
      memcpy(copy, answer, answer.count)
      responses[index].text = copy.assumingMemoryBound(to: CChar.self)
      responses[index].length = UInt32(answer.count)
    }
  }

/// Leaves the new password away, so that libssh2 says that the old one has expired.
private let declineChange:
  @convention(c) (
    OpaquePointer?, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, UnsafeMutablePointer<Int32>?,
    UnsafeMutablePointer<UnsafeMutableRawPointer?>?
  ) -> Void = { _, _, _, _ in }
