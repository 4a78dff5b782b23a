/// An absolute path on a host.
///
///     let root: RemotePath = "/srv/shop"
///     root / "releases" / name
///     let log: RemotePath = "/var/log/\(name).log"
///
/// A path that isn't absolute, or has a line break or a NUL in it, is refused when the playbook is planned.
/// A trailing slash is no part of the path, but stays in the text that it becomes: nginx's `alias` means something else
/// without it. Two paths are the same if their bytes are, slashes at their ends apart.
public struct RemotePath: Hashable, Sendable, Checked, ExpressibleByStringInterpolation,
  CustomStringConvertible
{
  /// The path as it is sent to the host, without a slash at its end.
  public let string: String
  /// Whether it was written with a slash at its end.
  private let endsWithSlash: Bool

  /// A path from a value that is known only when the playbook runs.
  public init(_ string: String) {
    // By bytes: for Swift a slash with an accent after it is another character, for a host it is a slash.
    var bytes: [UInt8] = []
    for byte in string.utf8 where byte != Self.slash || bytes.last != Self.slash { bytes.append(byte) }
    endsWithSlash = bytes.count > 1 && bytes.last == Self.slash
    if endsWithSlash { bytes.removeLast() }
    self.string = bytes.count == string.utf8.count ? string : String(decoding: bytes, as: UTF8.self)
  }

  private static let slash = UInt8(ascii: "/")

  public static func == (first: RemotePath, second: RemotePath) -> Bool {
    first.string.utf8.elementsEqual(second.string.utf8)
  }

  public func hash(into hasher: inout Hasher) { hasher.combine(BytePath(string)) }

  public init(stringLiteral value: String) { self.init(value) }

  /// The path of something inside this folder; `name` may have several components.
  public static func / (folder: RemotePath, name: String) -> RemotePath {
    RemotePath(folder.string == "/" ? "/" + name : folder.string + "/" + name)
  }

  /// The folder that the path is in; the root folder's is itself.
  public var parent: RemotePath {
    let parent = BytePath(string).parent
    return parent.isEmpty ? "/" : RemotePath(String(decoding: parent.bytes, as: UTF8.self))
  }

  /// The last component, as in `nginx.conf` for `/etc/nginx/nginx.conf`.
  public var name: String { string == "/" ? "/" : BytePath(string).name.description }

  /// Whether this is the other path, or lies somewhere below it.
  public func isInside(_ folder: RemotePath) -> Bool {
    self == folder || folder.string == "/" || BytePath(string).isBelow(BytePath(folder.string))
  }

  /// The path as it was written: `"alias \(root / "static/");"` has the slash that nginx wants.
  public var description: String { endsWithSlash ? string + "/" : string }

  public var problem: String? {
    if string.isEmpty { return "a remote path is empty" }
    guard string.utf8.first == Self.slash else {
      return "the remote path \"\(string)\" is relative: write it from the root, as in \"/srv/\(string)\""
    }
    if string.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
      return "the remote path \(string.debugDescription) has a control character in it"
    }
    let components = BytePath(string).components
    // PATH_MAX, which counts the NUL at the end, and NAME_MAX of limits.h(0p), as Linux has them.
    if string.utf8.count > 4095 {
      return "the remote path \"\(string.prefix(60))…\" has \(string.utf8.count) bytes: Linux takes 4,095"
    }
    if let long = components.first(where: { $0.bytes.count > 255 }) {
      return
        "the remote path \"\(string.prefix(60))…\" has a name of \(long.bytes.count) bytes in it: Linux takes 255"
    }
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
