#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// What a live report must know of the terminal that it draws on.
public struct Terminal: Sendable {
  /// Its size in character cells.
  public struct Size: Sendable, Equatable {
    public var columns: Int
    public var rows: Int

    public init(columns: Int, rows: Int) {
      self.columns = columns
      self.rows = rows
    }
  }

  let output: ReportOutput
  let isColoured: Bool
  let size: @Sendable () -> Size

  /// A terminal of the caller's own, as in tests.
  public init(output: ReportOutput, isColoured: Bool, size: @escaping @Sendable () -> Size) {
    self.output = output
    self.isColoured = isColoured
    self.size = size
  }

  /// The terminal behind standard output; nil if there is none, or it can't move its cursor (`TERM=dumb`).
  ///
  /// Colours are left out where `NO_COLOR` is set and not empty (no-color.org).
  public static func standardOutput(environment: [String: String]) -> Terminal? {
    let kind = environment["TERM"] ?? ""
    guard isatty(1) == 1, !kind.isEmpty, kind != "dumb" else { return nil }
    let isColoured = (environment["NO_COLOR"] ?? "").isEmpty
    return Terminal(output: .standardOutput, isColoured: isColoured) { currentSize(of: 1) }
  }

  /// The size now: it is asked for at every drawing, so a resize needs no signal.
  private static func currentSize(of descriptor: Int32) -> Size {
    var size = winsize()
    let isKnown = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 && size.ws_row > 0
    return isKnown
      ? Size(columns: Int(size.ws_col), rows: Int(size.ws_row)) : Size(columns: 80, rows: 24)
  }
}
