/// How things are transferred.
public struct TransferOptions: Sendable {
  /// Whether modes and times of change are kept exactly; otherwise a mode is the source's without what the
  /// receiver's umask forbids, and the time is now.
  public var preserves = false
  /// Whether both sides make a SHA-256 sum of what was transferred, which are compared before anything is put in its
  /// place. Without it a transfer is as sure as with `scp`: SSH protects it on the way, and the size is compared.
  public var verifies = false
  /// Whether a transfer of one file goes on where an earlier one with this option was interrupted.
  /// Such a transfer is always verified.
  public var resumes = false
  /// How long nothing may move before the transfer is given up.
  public var idleLimit = Duration.seconds(60)
  /// How much longer than that it may take until the host begins, where another user has to be become.
  public var startLimit = Duration.zero

  public init() {}
}

/// What was transferred.
public struct TransferSummary: Sendable, Equatable {
  /// How the host confirmed what it has, besides the size.
  public enum Verification: Sendable, Equatable {
    /// By SHA-256.
    case sha256
    /// By the CRC of POSIX's `cksum`, where the host has nothing better.
    case cksum
    /// Not at all: it was not asked to, or, for a tree, it can't.
    case none
  }

  /// The bytes that went over the connection: of a file, or of a tree's archive.
  public var bytes: Int
  /// How many bytes were there already from an earlier transfer.
  public var resumedAt = 0
  /// How many files, without folders and symbolic links.
  public var files = 1
  public var verification: Verification
  /// What was left out or may not be as expected, a line each.
  public var warnings: [String] = []
}
