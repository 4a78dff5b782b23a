internal import Synchronization

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
  public static func file(_ path: String) -> Secret {
    let reference = "file:\(path)"
    guard let data = FileManager.default.contents(atPath: path) else {
      return Secret(
        source: .missing("the file \(path), which holds a secret, can't be read"), reference: reference)
    }
    var value = String(decoding: data, as: UTF8.self)
    if value.hasSuffix("\n") { value.removeLast() }
    return Secret(source: .value(value), reference: reference)
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
  /// Put it nowhere else. What is revealed here is still redacted in all that Martlet prints.
  public func reveal() -> String {
    if case .value(let value) = source { return value }
    return ""
  }

  public var problem: String? {
    if case .missing(let why) = source { return why }
    return nil
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
    if let kept = (decoder.userInfo[SecretBox.key] as? SecretBox)?.secret(for: text) {
      self = kept
    } else if text.hasPrefix("env:") {
      self = .environment(String(text.dropFirst(4)))
    } else if text.hasPrefix("file:") {
      self = .file(String(text.dropFirst(5)))
    } else {
      self.init(text)
    }
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    guard let reference = reference ?? (encoder.userInfo[SecretBox.key] as? SecretBox)?.reference(to: self)
    else {
      throw EncodingError.invalidValue(
        self,
        .init(codingPath: encoder.codingPath, debugDescription: "a secret's value is never written out"))
    }
    try container.encode(reference)
  }
}

/// Carries secrets that have no reference through an encoder and back, where Swift's own defaults of variables go
/// through one: what is written is a number of this box.
final class SecretBox: Sendable {
  // A constant name is always a key.
  static let key = CodingUserInfoKey(rawValue: "martlet.secrets") ?? { fatalError("no key") }()
  private static let prefix = "\u{0}secret "
  private let kept = Mutex<[Secret]>([])

  func reference(to secret: Secret) -> String {
    kept.withLock { kept in
      kept.append(secret)
      return Self.prefix + String(kept.count - 1)
    }
  }

  /// The secret that was written as this text; nil if none was.
  func secret(for text: String) -> Secret? {
    guard text.hasPrefix(Self.prefix), let number = Int(text.dropFirst(Self.prefix.count)) else { return nil }
    return kept.withLock { $0.indices.contains(number) ? $0[number] : nil }
  }
}
