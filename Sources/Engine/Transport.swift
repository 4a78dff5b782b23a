public import MartletCore

/// A way to reach hosts: SSH, the local machine, a scripted host of a test.
///
/// The engine asks for no more than this: run one command line and talk to it. Every transport passes the same
/// contract tests (Tests/TransportsTests).
public protocol Transport: Sendable {
  /// Opens a session, within the transport's own deadline.
  ///
  /// - Throws: ``TransportError`` with what went wrong, for a person.
  func connect(to host: InventoryHost) async throws -> any TransportSession
}

/// A session with one host, kept for a whole run.
public protocol TransportSession: Sendable {
  /// Runs a command line through the login shell of the host's user.
  ///
  /// - Parameters:
  ///   - command: A line that every login shell understands alike: plain words and single quotes.
  ///   - exchange: Whom the command talks with.
  ///   - deadline: How long it may take altogether.
  /// - Returns: How the command ended.
  /// - Throws: ``TransportError`` if the connection is lost or the deadline passes. Cancelling the task ends the
  ///   wait at once.
  func run(_ command: String, exchange: any ExchangeHandler, deadline: Duration) async throws -> ExitStatus

  /// Ends the session; never waits for the host longer than a moment.
  func close() async
}

/// The controller's side of a running command.
public protocol ExchangeHandler: AnyObject, Sendable {
  /// The next bytes for the command's standard input, or nil at their end. May wait for output first;
  /// its task is cancelled when the command has ended.
  func input() async throws -> [UInt8]?
  /// Takes bytes of the command's standard output, in order. It may block as long as a write to a disk does:
  /// a transport calls it where that keeps no other host waiting, and reads no more than a little ahead.
  func output(_ bytes: [UInt8])
  /// Takes bytes of the command's standard error.
  func errorOutput(_ bytes: [UInt8])
  /// Whether so much output comes that its rate matters: then more of it may be under way, and in memory.
  var expectsBulk: Bool { get }
}

extension ExchangeHandler {
  public var expectsBulk: Bool { false }
}

/// How a command on a host ended.
@frozen public enum ExitStatus: Sendable, Equatable {
  /// By itself, with this exit status.
  case code(Int32)
  /// By a signal, named as in RFC 4254, section 6.10: `KILL`.
  case signal(String)
}

/// Why a host can't be worked with, for a person.
public struct TransportError: Error, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}
