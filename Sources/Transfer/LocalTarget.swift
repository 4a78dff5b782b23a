#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Where something of a host goes on this machine.
struct LocalTarget: Sendable {
  /// The folder it is in; `.` for the current one.
  let folder: String
  let name: String

  var path: String { Self.join(folder, name) }

  /// - Parameters:
  ///   - text: As the user wrote it. With a slash, `.` or `..` at its end it is the folder to put the thing into.
  ///   - sourceName: What the thing is called there.
  init(_ text: String, sourceName: String?) throws {
    guard !text.utf8.contains(0) else { throw TransferError("the path \(shown(text)) has a NUL in it") }
    let words = text.split(separator: "/", omittingEmptySubsequences: false)
    if ["", ".", ".."].contains(words.last ?? "") {
      guard let sourceName else {
        throw TransferError(
          "\(shown(text)) is a folder, and what is fetched has no name: name it, as in \(shown(text))/NAME")
      }
      folder = text.isEmpty ? "." : text
      name = sourceName
    } else {
      name = words.last.map(String.init) ?? ""
      let rest = words.dropLast().joined(separator: "/")
      folder = words.count == 1 ? "." : rest.isEmpty ? "/" : rest
    }
  }

  /// The file beside it that is not there yet.
  func temporary(_ nonce: String) -> String { Self.join(folder, temporaryName(for: name, nonce)) }

  /// The file beside it that holds what came so far.
  var part: String { Self.join(folder, partName(for: name)) }

  /// What is there; nil for nothing.
  func existing() throws -> stat? {
    var status = stat()
    if stat(path, &status) == 0 { return status }
    if lstat(path, &status) == 0 { return status }
    if errno == ENOENT { return nil }
    throw localError(path)
  }

  private static func join(_ folder: String, _ name: String) -> String {
    folder == "." ? "./" + name : folder.hasSuffix("/") ? folder + name : folder + "/" + name
  }
}

/// The name beside `name` under which something comes into being. A name has at most 255 bytes.
func temporaryName(for name: String, _ nonce: String) -> String {
  name.utf8.count <= 200 ? ".\(name).martlet-\(nonce)" : ".martlet-\(nonce)"
}

/// The name beside `name` of what an interrupted transfer leaves to be resumed.
func partName(for name: String) -> String {
  name.utf8.count <= 200 ? ".\(name).martlet-part" : ".\(name.prefix(30)).martlet-part"
}
