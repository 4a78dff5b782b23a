/// Where the agent listens: ssh_config(5), "IdentityAgent".
public enum IdentityAgent: Sendable, Hashable {
  /// No agent is to be used.
  case none
  case path(String)
  /// Where SSH_AUTH_SOCK says, if it says anything.
  case environment

  init(_ text: String?, _ environment: [String: String]) {
    switch text {
    case nil, "SSH_AUTH_SOCK"?: self = .environment
    case "none"?: self = .none
    case let text?:
      if text.hasPrefix("$"), !text.hasPrefix("${") {
        self = environment[String(text.dropFirst())].map { .path($0) } ?? .none
      } else {
        self = .path(text)
      }
    }
  }
}

/// Whether the host may use the agent: ssh_config(5), "ForwardAgent".
public enum ForwardAgent: Sendable, Hashable {
  case no
  /// The agent that authenticates.
  case yes
  /// Another one.
  case path(String)

  init(isOn: Bool, path: String?, _ environment: [String: String]) {
    guard isOn else {
      self = .no
      return
    }
    guard let path else {
      self = .yes
      return
    }
    if path.hasPrefix("$") {
      self = environment[String(path.dropFirst())].map { .path($0) } ?? .no
    } else {
      self = .path(path)
    }
  }
}

/// What to do with a host whose key isn't known: ssh_config(5), "StrictHostKeyChecking".
public enum StrictHostKeyChecking: Sendable, Hashable {
  /// Refuse it.
  case yes
  /// Take it and write it down; refuse a changed one.
  case acceptNew
  /// `no` or `off`: take it; ssh would also connect if the key has changed, without passwords.
  case no
  case ask

  init(number: Int) {
    switch number {
    case 0: self = .no
    case 1: self = .acceptNew
    case 2: self = .yes
    default: self = .ask
    }
  }
}

/// Which addresses of a name are used: ssh_config(5), "AddressFamily".
public enum AddressFamily: Sendable, Hashable {
  case any, inet, inet6

  init(number: Int) {
    switch number {
    case 4: self = .inet
    case 6: self = .inet6
    default: self = .any
    }
  }
}

/// A host on the way to another.
public struct JumpHop: Sendable, Hashable {
  /// nil: as the hop's own configuration says.
  public let user: String?
  /// A name that may have a configuration of its own.
  public let host: String
  /// nil: as the hop's own configuration says.
  public let port: Int?
}
