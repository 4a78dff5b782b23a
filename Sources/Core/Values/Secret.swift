#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// A value that must not be seen: it has no description, and every sink of events redacts it.
///
///     Secret.environment("DJANGO_SECRET_KEY")
///     Secret.file("secrets/database-password")
///
/// It reaches a host inside the program that is sent over standard input, never in a command's arguments,
/// where every user of the host could read it (proc(5), `/proc/PID/cmdline`).
public struct Secret: Sendable, Hashable, Checked {
  private enum Source: Hashable, Sendable {
    case value(String)
    case missing(String)
  }
  private let source: Source
  /// Where it comes from, as it stands in an inventory: `env:NAME` or `file:PATH`.
  private let reference: String?

  private init(source: Source, reference: String?) {
    self.source = source
    self.reference = reference
    KnownSecrets.note(self)
  }

  /// A secret that is at hand, as from a password manager's library.
  public init(_ value: String) { self.init(source: .value(value), reference: nil) }

  /// A secret from an environment variable of the machine that runs the playbook.
  ///
  /// A variable that is not set, or empty, is an error when the playbook is planned.
  public static func environment(_ name: String) -> Secret {
    let reference = "env:\(name)"
    guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else {
      return Secret(
        source: .missing("the environment variable \(name), which holds a secret, is not set"),
        reference: reference)
    }
    return Secret(source: .value(value), reference: reference)
  }

  /// A secret from a file of the machine that runs the playbook; one line break at its end is dropped.
  ///
  /// A file that can't be read, is empty or isn't UTF-8 is an error when the playbook is planned.
  public static func file(_ path: String) -> Secret {
    func missing(_ why: String) -> Secret {
      Secret(source: .missing("the file \(path), which holds a secret, \(why)"), reference: "file:\(path)")
    }
    guard var bytes = FileManager.default.contents(atPath: path).map(Array.init) else {
      return missing("can't be read")
    }
    // By bytes: to Swift a line break of two bytes is one character, which no "\n" is the end of.
    if bytes.last == 0x0a { bytes.removeLast() }
    if bytes.last == 0x0d { bytes.removeLast() }
    guard !bytes.isEmpty else { return missing("is empty") }
    guard let value = String(validating: bytes, as: UTF8.self) else { return missing("is not UTF-8 text") }
    return Secret(source: .value(value), reference: "file:\(path)")
  }

  /// A new secret from the system's random numbers, of letters and digits only.
  ///
  /// - Parameter length: How many characters; 50 are some 297 bits.
  public static func random(length: Int = 50) -> Secret {
    let alphabet = Array("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    var generator = SystemRandomNumberGenerator()
    return Secret(
      source: .value(
        String((0..<length).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &generator)] })),
      reference: nil)
  }

  /// The clear value, for the few places that must have it: contents of files, a prompt's answer.
  ///
  /// Put it nowhere else. What is revealed here is still redacted in all that Martlet prints. Revealing one that isn't
  /// there gives an empty text, and the play that does so is refused before anything is sent: ask ``problem`` first
  /// where it may be missing.
  public func reveal() -> String {
    if let problem { KnownSecrets.noteRevealed(missing: problem) }
    return value ?? ""
  }

  /// The clear value; nil where there is none.
  var value: String? {
    if case .value(let value) = source, !value.isEmpty { return value }
    return nil
  }

  public var problem: String? {
    switch source {
    case .missing(let why): why
    case .value(""): "a secret is empty"
    case .value: nil
    }
  }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// Three asterisks, whatever the value.
  public var description: String { "***" }
  public var debugDescription: String { "***" }
  public var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// In an inventory a secret is a reference, `env:NAME` or `file:PATH`; anything else is the value itself.
extension Secret: Codable {
  public init(from decoder: any Decoder) throws {
    let text = try decoder.singleValueContainer().decode(String.self)
    if let secret = KnownSecrets.process.secret(for: text) {
      self = secret
    } else if text.hasPrefix("env:") {
      self = .environment(String(text.dropFirst(4)))
    } else if text.hasPrefix("file:") {
      self = .file(String(text.dropFirst(5)))
    } else {
      self.init(text)
    }
  }

  /// Writes the reference. Of a secret at hand nothing is written, but for the defaults of ``HostVars``: a word that
  /// stands for it in this process.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    if let reference { return try container.encode(reference) }
    guard let key = CodingUserInfoKey.standsInForSecrets, encoder.userInfo[key] != nil else {
      throw EncodingError.invalidValue(
        self,
        .init(codingPath: encoder.codingPath, debugDescription: "a secret's value is never written out"))
    }
    try container.encode(KnownSecrets.process.token(for: self))
  }
}

extension CodingUserInfoKey {
  /// Set where secrets are written as words that stand for them, to be read back at once.
  static let standsInForSecrets = CodingUserInfoKey(rawValue: "martlet.standsInForSecrets")
}
