internal import MartletCore
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Asks for a password on the terminal, without showing it.
enum PasswordPrompt {
  /// Why there is no password.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// The terminal whose echo is off, with its settings from before.
  private static let silenced = Mutex<(descriptor: Int32, settings: termios)?>(nil)
  /// More than any password, and little enough for a pipe that never ends.
  private static let limit = 4096

  /// Asks once. The question goes to the terminal even where output is redirected; without a terminal the first
  /// line of standard input is the answer.
  ///
  /// - Parameter standard: What an empty answer means.
  /// - Throws: ``Failure`` if the answer is empty and has no meaning, or there is none.
  static func ask(_ question: String, whenEmpty standard: Secret? = nil) throws -> Secret {
    let terminal = openTerminal()
    defer { if let terminal { close(terminal) } }
    let answer = try terminal.map { try ask(question, on: $0) } ?? line(from: 0)
    if answer.isEmpty, let standard { return standard }
    guard !answer.isEmpty, let password = String(validating: answer, as: UTF8.self) else {
      throw Failure(description: "no password was given")
    }
    return Secret(password)
  }

  /// Asks once, on the terminal only.
  ///
  /// - Parameter isEchoed: Whether the answer is shown while it is typed.
  /// - Returns: Nil where there is no terminal, or it ends, or the answer is no text.
  static func askOnTerminal(_ question: String, isEchoed: Bool) -> String? {
    guard let terminal = openTerminal() else { return nil }
    defer { close(terminal) }
    return (try? ask(question, on: terminal, isEchoed: isEchoed)).flatMap {
      String(validating: $0, as: UTF8.self)
    }
  }

  /// Shows a line on the terminal, if there is one.
  static func tellOnTerminal(_ text: String) {
    guard let terminal = openTerminal() else { return }
    defer { close(terminal) }
    show(text + "\n", on: terminal)
  }

  private static func openTerminal() -> Int32? {
    let terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)
    return terminal >= 0 ? terminal : nil
  }

  static func ask(_ question: String, on terminal: Int32, isEchoed: Bool = false) throws -> [UInt8] {
    show(question, on: terminal)
    if !isEchoed { silence(terminal) }
    defer {
      if !isEchoed {
        restore()
        show("\n", on: terminal)
      }
    }
    return try line(from: terminal)
  }

  /// Switches the echo on again, if it is off. Safe to call from anywhere, more than once.
  static func restore() {
    silenced.withLock { state in
      guard let (descriptor, settings) = state else { return }
      withUnsafePointer(to: settings) { _ = tcsetattr(descriptor, TCSAFLUSH, $0) }
      state = nil
    }
  }

  /// A program that ends in the middle of a question leaves a terminal that shows what is typed.
  private static let restoresAtExit: Void = { atexit { PasswordPrompt.restore() } }()

  private static func silence(_ terminal: Int32) {
    _ = restoresAtExit
    silenced.withLock { state in
      var settings = termios()
      guard tcgetattr(terminal, &settings) == 0 else { return }
      state = (terminal, settings)
      settings.c_lflag &= ~tcflag_t(ECHO)
      tcsetattr(terminal, TCSAFLUSH, &settings)
    }
  }

  private static func show(_ text: String, on terminal: Int32) {
    let bytes = Array(text.utf8)
    _ = write(terminal, bytes, bytes.count)
  }

  private static func line(from descriptor: Int32) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var byte: UInt8 = 0
    while bytes.count < limit {
      let count = read(descriptor, &byte, 1)
      if count < 0, errno == EINTR { continue }
      guard count == 1, byte != 0x0a else { return bytes }
      bytes.append(byte)
    }
    throw Failure(description: "the password is longer than \(limit) bytes")
  }
}
