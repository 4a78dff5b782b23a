internal import MartletCore

/// What sudo, su or doas says on standard error or a terminal before the user's shell runs, and what is to be answered.
///
/// A password is given only to a prompt: sudo's is a nonce that was chosen here, that of su or doas is its last line,
/// which has no end yet and speaks of a password. It is given once. A second attempt could lock the account.
struct BecomeDialogue {
  private let become: Become
  private let marker: String
  private var text = ""
  private var bytes: [UInt8] = []
  private var answeredAt: Int?
  /// Whose password sudo wants, if it says so.
  private(set) var account: String?
  /// Whether it asked again for the password that it has got.
  private(set) var refusedPassword = false
  /// Whether it asked for a password where none can be given.
  private(set) var lacksPassword = false
  /// Whether it is sudo-rs, which takes the end of its input for an empty password and tries that too.
  private(set) var isSudoRS = false

  init(_ become: Become, marker: String) {
    self.become = become
    self.marker = marker
  }

  /// Whether what becomes the user was started, which is said on standard error or a terminal.
  var hasBegun: Bool { (become.method == .su || become.usesTerminal) && text.contains(marker) }

  /// Whether the password was sent.
  var hasAnswered: Bool { answeredAt != nil }

  /// Takes more of standard error.
  ///
  /// - Returns: What is to be sent now, if anything.
  mutating func consume(_ more: [UInt8]) -> [UInt8]? {
    guard become.mayAsk, !refusedPassword, !lacksPassword else { return nil }
    // Not every terminal can be told to leave line breaks alone.
    bytes += become.usesTerminal ? more.filter { $0 != UInt8(ascii: "\r") } : more
    // A lecture is long, and no prompt is.
    guard bytes.count <= 1 << 20 else { return nil }
    text = String(decoding: bytes, as: UTF8.self)
    let prompts = become.method == .sudo ? sudoPrompts() : ownPrompts()
    guard prompts > 0 else { return nil }
    if hasAnswered {
      refusedPassword = become.method != .sudo || prompts > 1
      return nil
    }
    guard let password = become.password else {
      lacksPassword = true
      return nil
    }
    answeredAt = bytes.count
    // A second line of it would be read by whoever reads next.
    return password.reveal().utf8.prefix { $0 != UInt8(ascii: "\n") } + [UInt8(ascii: "\n")]
  }

  /// The line without an end that came last: what a tool may be waiting with.
  var openLine: String {
    let open = bytes[(answeredAt ?? 0)...].split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
    )
    .last
    return String(decoding: open ?? [], as: UTF8.self).trimmed
  }

  private mutating func sudoPrompts() -> Int {
    let parts = text.split(separator: "\(marker) for ", omittingEmptySubsequences: false)
    isSudoRS = parts.first?.hasSuffix("[sudo: ") ?? false
    let names = parts.dropFirst().compactMap { part in
      part.firstIndex(of: ":").map { String(part[..<$0]) }
    }
    if let name = names.first, PlayUser.problem(withName: name) == nil { account = name }
    return names.count
  }

  /// Those of who asks in words of its own.
  private func ownPrompts() -> Int {
    guard let start = text.firstRange(of: marker + "\n") else { return 0 }
    if hasAnswered { return Self.asksForPassword(openLine) ? 1 : 0 }
    let line = text[start.upperBound...].split(separator: "\n", omittingEmptySubsequences: false).last ?? ""
    return Self.asksForPassword(line.trimmed) ? 1 : 0
  }

  /// Whether a line is a question for a password. PAM asks in English in the C locale, but a module can have its
  /// own mind; the other words are those of Linux-PAM's translations.
  static func asksForPassword(_ line: String) -> Bool {
    guard line.hasSuffix(":") || line.hasSuffix("：") else { return false }
    let line = line.lowercased()
    return words.contains { line.contains($0) }
  }

  /// The last lines that came in place of what was to start, without questions and without what the marker frames.
  static func lastWords(in bytes: [UInt8], without marker: String) -> String {
    let text = String(decoding: bytes, as: UTF8.self)
    let lines = text.split(separator: "\n").filter { !$0.contains(marker) }.map { line in
      // The answer to a question stays unseen, and so does its line break: what comes next stands behind it.
      guard let colon = line.firstIndex(of: ":"), asksForPassword(String(line[...colon])) else {
        return line.trimmed
      }
      return line[line.index(after: colon)...].trimmed
    }.filter { !$0.isEmpty }
    return lines.suffix(4).joined(separator: "; ")
  }

  private static let words = [
    "password", "passwort", "passphrase", "mot de passe", "contraseña", "contrasinal", "contrasenya",
    "parola",
    "parool", "pasahitza", "palavra-passe", "passord", "adgangskode", "lösenord", "wachtwoord", "salasana",
    "senha",
    "hasło", "heslo", "geslo", "jelszó", "lozinka", "slaptažodis", "kata sandi", "mật khẩu", "пароль",
    "парола",
    "лозинка", "ססמה", "सांकेतिक", "पासवर्ड", "암호", "パスワード", "密码", "密碼", "口令", "κωδικός",
  ]
}
