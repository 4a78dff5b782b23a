public import MartletCore

/// The SHA-256 sum of a regular file; nil where there is none. Symbolic links are not followed.
///
///     var observes: FileSum { FileSum("/etc/motd") }
///     func decide(given sum: FileDigest?) -> Decision { sum?.sha256 == SHA256.hex(wanted) ? .unchanged : … }
///
/// All files of a host are summed by one process. Where a diff will be shown, small files also come with what
/// they hold.
public struct FileSum: ProbedFact, CustomStringConvertible {
  public typealias Value = FileDigest?

  /// The largest file whose contents are fetched for a diff, in bytes.
  public static let contentsLimit = 64 * 1024

  /// The file in question.
  public let path: RemotePath

  public init(_ path: RemotePath) { self.path = path }

  public static let kind = "sum of the file"

  public var description: String { path.string }

  public var dependsOn: [Resource] { [.path(path)] }

  public var silence: String? { FileProbe.silence(path) }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    guard !facts.isEmpty else { return "" }
    let paths = facts.map(\.path)
    let sums: ShellCommand = """
      ( set --
      for _p in \(paths); do
      if [ -f "$_p" ] && [ ! -L "$_p" ]; then
      set -- "$@" "$_p"
      elif [ -e "$_p" ] || [ -L "$_p" ] || \(splice: FileProbe.isSurelyAbsent); then printf '%s\\n' "- $_p"
      fi
      done
      [ $# = 0 ] || exec sha256sum -- "$@" 2>/dev/null )
      """
    guard options.wantsContents else { return sums }
    return """
      \(splice: sums)
      echo contents
      \(splice: FileProbe.contents(of: paths, limit: contentsLimit))
      """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: FileDigest?] {
    var values: [Self: FileDigest?] = [:]
    let parts = output.lines.split(separator: "contents", maxSplits: 1, omittingEmptySubsequences: false)
    let contents = parts.count > 1 ? FileProbe.parse(parts[1]) : [:]
    for line in parts.first ?? [] {
      if line.hasPrefix("- /") {
        values.updateValue(nil, forKey: Self(RemotePath(String(line.dropFirst(2)))))
        continue
      }
      guard let (sum, bytes) = Self.sumAndName(Array(line.utf8)[...]) else {
        throw FactError.malformed(kind, String(line.prefix(200)))
      }
      let path = RemotePath(String(decoding: bytes, as: UTF8.self))
      var digest = FileDigest(sha256: sum)
      // The file may have been changed between its sum and its contents.
      if case .file(let bytes)? = contents[path], SHA256.hex(bytes) == sum { digest.bytes = bytes }
      values[Self(path)] = digest
    }
    return values.filter { Set(facts).contains($0.key) }
  }

  /// Takes a line of sha256sum(1) apart. GNU's puts a backslash in front of a line whose name has characters
  /// escaped; BusyBox's escapes nothing.
  package static func sumAndName(_ line: ArraySlice<UInt8>) -> (sum: String, name: [UInt8])? {
    let isEscaped = line.first == UInt8(ascii: "\\")
    let line = isEscaped ? line.dropFirst() : line
    let sum = line.prefix { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    let name = line.dropFirst(66)
    guard sum.count == 64, line.dropFirst(64).first == UInt8(ascii: " "), !name.isEmpty else { return nil }
    return (String(decoding: sum, as: UTF8.self), isEscaped ? unescaped(name) : Array(name))
  }

  private static func unescaped(_ name: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    var isAfterBackslash = false
    for byte in name {
      if isAfterBackslash {
        result.append(byte == UInt8(ascii: "n") ? 0x0a : byte == UInt8(ascii: "r") ? 0x0d : byte)
        isAfterBackslash = false
      } else if byte == UInt8(ascii: "\\") {
        isAfterBackslash = true
      } else {
        result.append(byte)
      }
    }
    return result
  }
}

/// The sum of a file, and what it holds if that was asked for.
public struct FileDigest: Sendable, Hashable {
  /// 64 lower-case hexadecimal digits.
  public var sha256: String
  /// What the file holds; nil unless a diff was asked for and the file is small.
  public var bytes: [UInt8]?

  public init(sha256: String, bytes: [UInt8]? = nil) {
    self.sha256 = sha256
    self.bytes = bytes
  }

  /// The digest of contents that are at hand; for predictions and tests.
  public init(of contents: Contents) {
    self.init(
      sha256: SHA256.hex(contents.bytes),
      bytes: contents.bytes.count <= FileSum.contentsLimit ? contents.bytes : nil)
  }
}
