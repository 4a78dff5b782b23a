public import MartletCore

/// A way to reach hosts: SSH, the local machine, a scripted host of a test.
///
/// The engine asks for no more than this: run one command line and talk to it. Every transport passes the same
/// contract tests (Tests/TransportsTests).
public protocol Transport: Sendable {
  /// Does what is better done once for all hosts than for each, such as asking a person about all unknown host
  /// keys in one question. It is called once, before the first host is connected to, also in check mode. What
  /// can't be done for a host is left for ``connect(to:)`` to fail at.
  ///
  /// - Parameter hosts: The hosts that the run is going to reach.
  /// - Returns: What the user should know.
  /// - Throws: An error that keeps the run from starting at all, for a person.
  func prepare(for hosts: [InventoryHost]) async throws -> [TransportNotice]

  /// Opens a session, within the transport's own deadline.
  ///
  /// - Throws: ``TransportError`` with what went wrong, for a person.
  func connect(to host: InventoryHost) async throws -> any TransportSession
}

extension Transport {
  /// Nothing has to be prepared.
  public func prepare(for hosts: [InventoryHost]) async throws -> [TransportNotice] { [] }
}

/// Something that a transport has to say before the run begins.
public struct TransportNotice: Sendable, Equatable {
  /// The host that it is about; nil: all.
  public var host: String?
  /// The words, for a person.
  public var message: String
  /// Whether it is only worth showing to those who want to know everything (`-v`).
  public var verboseOnly: Bool

  /// - Parameters:
  ///   - message: The words, for a person.
  ///   - host: The host that it is about; nil: all.
  ///   - verboseOnly: Whether it is only shown at `-v`.
  public init(_ message: String, host: String? = nil, verboseOnly: Bool = false) {
    self.host = host
    self.message = message
    self.verboseOnly = verboseOnly
  }
}

/// A session with one host, kept for a whole run.
public protocol TransportSession: Sendable {
  /// As whom commands run, where the transport found that out by itself; nil: as the inventory says.
  var user: String? { get }
  /// Whether commands may use the keys of an agent on this machine (ForwardAgent).
  var forwardsAgent: Bool { get }
  /// Whether a command gets a terminal where its exchange wants one.
  var offersTerminals: Bool { get }
  /// Whether all commands run on terminals: their outputs come as one, and they never see the end of their input.
  var isTerminal: Bool { get }

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

extension TransportSession {
  public var user: String? { nil }
  public var forwardsAgent: Bool { false }
  public var offersTerminals: Bool { false }
  public var isTerminal: Bool { false }
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
  /// Whether the command is to run on a terminal, which echoes and changes nothing. Both outputs come as one then, and
  /// the command never sees an end of its input.
  var wantsTerminal: Bool { get }
}

extension ExchangeHandler {
  public var expectsBulk: Bool { false }
  public var wantsTerminal: Bool { false }
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
