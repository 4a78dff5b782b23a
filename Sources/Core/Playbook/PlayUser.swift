/// Whom the tasks of a play run as.
///
///     Play("Database", on: "db", become: .user("postgres")) { … }
///     Play("Web servers", on: "web", become: .root) { … }         // or become: true
///
/// What the inventory or the command line says of a host wins.
@frozen public enum PlayUser: Sendable, Hashable {
  /// The one who logs in.
  case login
  /// Root.
  case root
  /// The user of this name.
  case user(String)

  /// The name of the user to become; nil for the one who logs in.
  package var name: String? {
    switch self {
    case .login: nil
    case .root: "root"
    case .user(let name): name
    }
  }

  /// What makes a text no name of a user, as the end of a sentence; nil if it can be one.
  ///
  /// Stricter than useradd(8) only where a shell, sudo(8) or su(1) would take the name for something else.
  package static func problem(withName name: String) -> String? {
    let isSafe = name.utf8.allSatisfy { byte in
      byte > 0x20 && byte != 0x7f && !#"'"\/:,;|&<>()$`*?[]{}!#%"#.utf8.contains(byte)
        || byte == UInt8(ascii: "$") && name.utf8.last == byte
    }
    guard !name.isEmpty, !name.hasPrefix("-"), isSafe, name.utf8.count <= 256 else {
      return "\(name.debugDescription) is not the name of a user"
    }
    return nil
  }
}

extension PlayUser: ExpressibleByBooleanLiteral {
  /// `true` is root, `false` the one who logs in.
  public init(booleanLiteral value: Bool) { self = value ? .root : .login }
}
