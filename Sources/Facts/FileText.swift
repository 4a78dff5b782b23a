public import MartletCore

/// All that a regular file holds, up to 1 MiB. Symbolic links are not followed.
///
///     var observes: FileText { FileText("/etc/hosts") }
///     func decide(given hosts: FileTextValue) -> Decision {
///       guard case .text(let bytes) = hosts else { return .failed("…") }
///
/// It is for tasks that change a part of a file. To know only whether a file is right, ask for its
/// ``FileSum``.
public struct FileText: ProbedFact, CustomStringConvertible {
  public typealias Value = FileTextValue

  /// The largest file that is fetched, in bytes.
  public static let limit = 1024 * 1024

  /// The file in question.
  public let path: RemotePath

  public init(_ path: RemotePath) { self.path = path }

  public static let kind = "contents of the file"

  public var description: String { path.string }

  public var dependsOn: [Resource] { [.path(path)] }

  public func dependencies(of value: Value) -> [Resource] {
    value == .absent ? dependsOn + path.sourcesOfAbsence : dependsOn
  }

  public var silence: String? { FileProbe.silence(path) }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    FileProbe.contents(of: facts.map(\.path), limit: limit)
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: FileTextValue] {
    let found = FileProbe.parse(output.lines)
    var values: [Self: FileTextValue] = [:]
    for fact in facts {
      switch found[fact.path] {
      case .file(let bytes): values[fact] = .text(bytes)
      case .tooLarge: values[fact] = .tooLarge
      case .notAFile: values[fact] = .notAFile
      case .absent: values[fact] = .absent
      case nil: break
      }
    }
    return values
  }
}

/// What a file holds, as far as it can be said.
@frozen public enum FileTextValue: Sendable, Hashable {
  /// There is nothing at the path.
  case absent
  /// A folder, a symbolic link or a special file is in its place.
  case notAFile
  /// The file has more than ``FileText/limit`` bytes.
  case tooLarge
  /// The bytes of the file.
  case text([UInt8])

  /// The value of a file with these contents; for predictions.
  public static func of(_ contents: Contents) -> FileTextValue {
    contents.bytes.count <= FileText.limit ? .text(contents.bytes) : .tooLarge
  }

  /// The contents as text; nil if there is no file or it isn't UTF-8.
  public var string: String? {
    guard case .text(let bytes) = self else { return nil }
    return String(validating: bytes, as: UTF8.self)
  }
}
