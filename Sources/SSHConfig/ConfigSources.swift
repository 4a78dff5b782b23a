#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The machine and the user that a configuration is read for.
struct ConfigSources: Sendable {
  let environment: [String: String]
  let userName: String
  let userID: UInt32
  /// From the password database, not from HOME: "~" in ssh_config(5) is `pw_dir`.
  let home: String

  /// - Parameter home: instead of the password database's.
  init(environment: [String: String], home: String?) throws(SSHConfigError) {
    self.environment = environment
    userID = getuid()
    guard let entry = Account(id: userID) else {
      throw SSHConfigError("the user \(userID) has no entry in the password database")
    }
    userName = entry.name
    self.home = home ?? entry.home
  }

  /// ssh's own limit is memory.
  private static let largestFile = 16 << 20
  private static let readDeadline: Int32 = 10_000

  /// The content of a file; empty for a directory, as for OpenSSH.
  ///
  /// - Returns: nil if the file isn't there or can't be opened.
  func read(_ path: String, checksPermissions: Bool) throws(SSHConfigError) -> [UInt8]? {
    // Not to wait for the writer of a pipe without end.
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard file >= 0 else { return nil }
    defer { close(file) }
    if checksPermissions {
      var status = stat()
      guard fstat(file, &status) == 0 else { throw SSHConfigError("\(path) can't be examined") }
      guard status.st_uid == 0 || status.st_uid == userID else {
        throw SSHConfigError("\(path) belongs to another user: ssh refuses it too. chown it")
      }
      let isGroupWritable = status.st_mode & 0o020 != 0
      guard status.st_mode & 0o002 == 0,
        !isGroupWritable || Account.isOnlyMember(owner: status.st_uid, reader: userID, of: status.st_gid)
      else { throw SSHConfigError("others can write to \(path): ssh refuses it too. chmod go-w \(path)") }
    }
    return try content(of: file, path)
  }

  private func content(of file: Int32, _ path: String) throws(SSHConfigError) -> [UInt8] {
    var content: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while true {
      #if canImport(Darwin)
        let count = Darwin.read(file, &buffer, buffer.count)
      #elseif canImport(Musl)
        let count = Musl.read(file, &buffer, buffer.count)
      #else
        let count = Glibc.read(file, &buffer, buffer.count)
      #endif
      if count > 0 {
        content += buffer[..<count]
        guard content.count <= Self.largestFile else {
          throw SSHConfigError("\(path) is longer than \(Self.largestFile >> 20) MiB")
        }
      } else if count == 0 || errno == EISDIR {
        return content
      } else if errno == EAGAIN {
        var waiting = pollfd(fd: file, events: Int16(POLLIN), revents: 0)
        guard poll(&waiting, 1, Self.readDeadline) > 0 else {
          throw SSHConfigError("\(path) has not come to its end in \(Self.readDeadline / 1000) s")
        }
      } else if errno != EINTR {
        throw SSHConfigError("\(path) can't be read: \(String(cString: strerror(errno)))")
      }
    }
  }

  /// The files that a pattern of `Include` names, in lexical order; none if it matches nothing.
  func paths(matching pattern: String) -> [String] {
    var found = glob_t()
    defer { globfree(&found) }
    guard glob(expandingTilde(in: pattern), 0, nil, &found) == 0, let paths = found.gl_pathv else {
      return []
    }
    return (0..<Int(found.gl_pathc)).compactMap { paths[$0].map { String(cString: $0) } }
  }

  /// A home directory in front of a glob pattern, with its own special characters quoted. For this alone OpenSSH asks
  /// HOME before the password database.
  private func expandingTilde(in pattern: String) -> String {
    guard pattern.hasPrefix("~") else { return pattern }
    let end = pattern.firstIndex(of: "/") ?? pattern.endIndex
    let name = pattern[..<end].dropFirst()
    let home = name.isEmpty ? environment["HOME"] ?? home : Account(name: String(name))?.home
    guard let home else { return pattern }
    var quoted = ""
    for character in home {
      if "*?[]\\".contains(character) { quoted.append("\\") }
      quoted.append(character)
    }
    return quoted + pattern[end...]
  }

  /// A path whose `~` or `~user` is replaced.
  func expandTilde(_ path: String) throws(Tokens.Failure) -> String {
    guard path.hasPrefix("~") else { return path }
    let end = path.firstIndex(of: "/") ?? path.endIndex
    let name = path[..<end].dropFirst()
    guard let directory = name.isEmpty ? home : Account(name: String(name))?.home else {
      throw Tokens.Failure(message: "there is no user \(name)")
    }
    return directory + (directory.hasSuffix("/") ? "" : "/") + path[end...].drop { $0 == "/" }
  }
}

/// An entry of the password database.
struct Account {
  let name: String
  let home: String

  init?(id: UInt32) {
    self.init { getpwuid_r(id, $0, $1, $2, $3) }
  }

  init?(name: String) {
    self.init { getpwnam_r(name, $0, $1, $2, $3) }
  }

  private init?(
    _ look: (
      UnsafeMutablePointer<passwd>, UnsafeMutablePointer<CChar>, Int,
      UnsafeMutablePointer<UnsafeMutablePointer<passwd>?>
    ) -> Int32
  ) {
    var entry = passwd()
    var found: UnsafeMutablePointer<passwd>?
    // An entry's strings; more than any system has.
    var strings = [CChar](repeating: 0, count: 65536)
    let texts: (String, String)? = strings.withUnsafeMutableBufferPointer { buffer in
      guard let start = buffer.baseAddress, look(&entry, start, buffer.count, &found) == 0, found != nil,
        let name = entry.pw_name, let home = entry.pw_dir
      else { return nil }
      return (String(cString: name), String(cString: home))
    }
    guard let (name, home) = texts else { return nil }
    self.name = name
    self.home = home
  }

  /// Whether a group that may write to a file has but one member, who owns it: OpenSSH's `secure_permissions`, with
  /// Debian's change for users that have a group of their own.
  static func isOnlyMember(owner: UInt32, reader: UInt32, of group: UInt32) -> Bool {
    guard let entry = getgrgid(group), let ownerName = Account(id: owner)?.name else { return false }
    var members = 0
    setpwent()
    defer { endpwent() }
    while let user = getpwent() {
      guard user.pointee.pw_gid == group else { continue }
      members += 1
      if user.pointee.pw_uid != reader { return false }
    }
    if let first = entry.pointee.gr_mem?.pointee {
      members += 1
      if String(cString: first) != ownerName || entry.pointee.gr_mem[1] != nil { return false }
    }
    return members > 0
  }
}
