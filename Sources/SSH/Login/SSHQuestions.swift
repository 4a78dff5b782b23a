/// A way of proving who the user is (RFC 4252, RFC 4256), by its name in the protocol.
public enum AuthenticationMethod: String, Sendable, Hashable, CaseIterable {
  /// Keys, of files and of an agent.
  case publicKey = "publickey"
  /// Whatever the server asks: usually a password, then perhaps a second factor.
  case keyboardInteractive = "keyboard-interactive"
  /// The user's password.
  case password = "password"
}

/// A password or a passphrase. Printing it shows nothing.
public struct SSHSecret: Sendable, Equatable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  package let bytes: [UInt8]

  /// A secret in UTF-8.
  public init(_ text: String) { bytes = Array(text.utf8) }

  /// The same for every secret.
  public var description: String { "(secret)" }
  /// The same for every secret.
  public var debugDescription: String { description }
  /// Without children, so that `dump` shows nothing either.
  public var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

/// What a server asks in the course of keyboard-interactive (RFC 4256 section 3.2).
///
/// All texts are the server's own words, made printable: control characters and what hides or reverses text are
/// question marks.
public struct SSHPrompts: Sendable {
  /// One thing to answer.
  public struct Prompt: Sendable, Equatable {
    /// The question, as `Verification code: `.
    public var text: String
    /// Whether the answer may be seen while it is typed.
    public var isEchoed: Bool

    package init(text: String, isEchoed: Bool) {
      self.text = text
      self.isEchoed = isEchoed
    }
  }

  /// The user to log in as; empty where the question tells.
  public let user: String
  /// The host as the user names it.
  public let host: String
  /// What the server calls the dialogue; often empty.
  public let name: String
  /// What it says before it asks; often empty.
  public let instruction: String
  /// At least one.
  public let prompts: [Prompt]

  package init(
    user: String, host: String, name: String = "", instruction: String = "", prompts: [Prompt]
  ) {
    self.user = user
    self.host = host
    self.name = name
    self.instruction = instruction
    self.prompts = prompts
  }
}

/// Asks the user what a connection can't know: implemented by who has a terminal.
///
/// The calls come from many connections at once, and on threads that may be waited on. While a connection waits
/// for an answer its ``SSHTarget/connectTimeout`` stands still, but a server has a limit of its own
/// (sshd's LoginGraceTime, two minutes by default).
public protocol SSHQuestions: Sendable {
  /// Asks for the passphrase of a private key file; once a file and process, however many connections need it.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - wasWrong: Whether the passphrase that was given last didn't open it.
  /// - Returns: Nil: the user has none, and the key isn't used.
  func passphrase(forKey path: String, wasWrong: Bool) async -> SSHSecret?

  /// Asks for the user's password; for every connection.
  ///
  /// - Parameters:
  ///   - user: The user to log in as.
  ///   - host: The host as the user names it.
  ///   - refused: What this connection was given before and the host has refused; nil for the first.
  /// - Returns: Nil: the user has none.
  func password(user: String, host: String, refused: SSHSecret?) async -> SSHSecret?

  /// Shows what wants no answer here, as that a hardware key waits to be touched.
  func tell(_ text: String) async

  /// Passes on what else a server asks, as for a second factor.
  ///
  /// - Returns: An answer for each prompt; nil: the user has none.
  func answers(to prompts: SSHPrompts) async -> [SSHSecret]?
}

extension SSHQuestions {
  /// Says nothing.
  public func tell(_ text: String) async {}
}
