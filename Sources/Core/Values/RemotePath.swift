/// An absolute path on a host.
///
///     let root: RemotePath = "/srv/shop"
///     root / "releases" / name
///     let log: RemotePath = "/var/log/\(name).log"
///
/// A path that isn't absolute, or has a line break or a NUL in it, is refused when the playbook is planned.
/// A trailing slash is dropped.
public struct RemotePath: Hashable, Sendable, Checked, ExpressibleByStringInterpolation,
  CustomStringConvertible
{
  /// The path as it is sent to the host.
  public let string: String

  /// A path from a value that is known only when the playbook runs.
  public init(_ string: String) {
    var string = string
    while string.count > 1, string.hasSuffix("/") { string.removeLast() }
    self.string = string
  }

  public init(stringLiteral value: String) { self.init(value) }

  /// The path of something inside this folder; `name` may have several components.
  public static func / (folder: RemotePath, name: String) -> RemotePath {
    RemotePath(folder.string == "/" ? "/" + name : folder.string + "/" + name)
  }

  /// The folder that the path is in; the root folder's is itself.
  public var parent: RemotePath {
    guard let slash = string.lastIndex(of: "/"), slash != string.startIndex else { return "/" }
    return RemotePath(String(string[..<slash]))
  }

  /// The last component, as in `nginx.conf` for `/etc/nginx/nginx.conf`.
  public var name: String { string.split(separator: "/").last.map(String.init) ?? "/" }

  /// Whether this is the other path, or lies somewhere below it.
  public func isInside(_ folder: RemotePath) -> Bool {
    string == folder.string || folder.string == "/" || string.hasPrefix(folder.string + "/")
  }

  public var description: String { string }

  public var problem: String? {
    if string.isEmpty { return "a remote path is empty" }
    guard string.hasPrefix("/") else {
      return "the remote path \"\(string)\" is relative: write it from the root, as in \"/srv/\(string)\""
    }
    if string.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
      return "the remote path \(string.debugDescription) has a control character in it"
    }
    let components = string.split(separator: "/")
    if components.contains("..") || components.contains(".") {
      return "the remote path \"\(string)\" has a component . or ..: write where it leads to"
    }
    return nil
  }
}

extension RemotePath: Codable {
  public init(from decoder: any Decoder) throws {
    self.init(try decoder.singleValueContainer().decode(String.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(string)
  }
}
