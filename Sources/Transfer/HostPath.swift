internal import MartletCore

/// A path on a host, as a user writes it: absolute, or seen from the home folder.
///
/// `~/x` and `x` are the same. A path that ends with a slash, `.` or `..`, and the empty one, is a folder that
/// the thing is to be put into.
public struct HostPath: Sendable, Equatable, CustomStringConvertible {
  public let description: String
  /// Whether it names the folder that the thing goes into, and not the thing.
  public let isFolder: Bool
  private let isAbsolute: Bool
  private let components: [String]

  /// - Throws: ``TransferError`` if no path can be like that.
  public init(_ text: String) throws {
    guard !text.utf8.contains(0) else { throw TransferError("the path \(shown(text)) has a NUL in it") }
    description = text
    isAbsolute = text.hasPrefix("/")
    var rest = Substring(text)
    if text == "~" || text.hasPrefix("~/") {
      rest = rest.dropFirst()
    } else if text.hasPrefix("~"), !text.prefix(while: { $0 != "/" }).contains(where: \.isWhitespace) {
      throw TransferError(
        "\(shown(text)): only your own ~ is known; write the absolute path, or ./\(shown(text)) for a file of that name"
      )
    }
    let words = rest.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    components = words.filter { !$0.isEmpty && $0 != "." }
    isFolder = ["", ".", ".."].contains(words.last ?? "") || components.isEmpty
  }

  /// The last component; nil for a root, a home folder, or `..`.
  public var name: String? { components.last.flatMap { $0 == ".." ? nil : $0 } }

  /// The path of something inside this folder.
  func appending(_ name: String) throws -> HostPath {
    try HostPath(
      description.isEmpty ? name : (description.hasSuffix("/") ? description : description + "/") + name)
  }

  /// The path as a word of the shell, which begins with a slash when the shell has read it.
  var word: String { Self.word(components, isAbsolute) }

  /// The folder it is in, likewise.
  var folderWord: String { Self.word(Array(components.dropLast()), isAbsolute) }

  private static func word(_ components: [String], _ isAbsolute: Bool) -> String {
    let path = components.joined(separator: "/")
    if isAbsolute { return Shell.quote("/" + path) }
    // The home folder itself may be the root.
    return path.isEmpty ? #""${HOME%/}/.""# : #""${HOME%/}"/"# + Shell.quote(path)
  }
}
