internal import MartletCore
internal import MartletEngine

#if canImport(System)
  internal import System
#else
  internal import SystemPackage
#endif
#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif
#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Glibc
#endif

/// A folder that only this user can enter, for a master's control socket and what it says; gone with the value.
final class ControlFolder: Sendable {
  let path: String

  /// - Throws: ``TransportError`` if it can't be made.
  init() throws {
    let wanted = ProcessInfo.processInfo.environment["TMPDIR"] ?? "/tmp"
    // The path of a socket may be 104 bytes long on some systems (unix(7)), and ssh adds 17 for a while. Of "${" it
    // would make the value of a variable.
    let isFit = wanted.hasPrefix("/") && wanted.utf8.count <= 60 && !wanted.contains("$")
    // mkdtemp(3) makes a new one with the mode 0700, and fails rather than take one that somebody else has put there: so
    // it may be in a folder that all can write to, as ssh-agent's is.
    var template = Array("\(isFit ? wanted : "/tmp")/martlet.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw TransportError(
        "no folder for ssh's control socket can be made in \(isFit ? wanted : "/tmp"): "
          + String(cString: strerror(errno)))
    }
    path = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
  }

  deinit { remove() }

  /// The master's control socket.
  var socket: String { path + "/s" }
  /// What the master and its helpers say.
  var log: String { path + "/log" }

  func openLog() throws -> FileDescriptor {
    do {
      return try FileDescriptor.open(
        FilePath(log), .writeOnly, options: [.append, .create, .closeOnExec], permissions: .ownerReadWrite)
    } catch {
      throw TransportError("\(log) can't be written: \(error)")
    }
  }

  func remove() {
    for file in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
      unlink("\(path)/\(file)")
    }
    rmdir(path)
  }

  /// The end of what the master has said so far, in one line.
  var said: String {
    guard let data = FileManager.default.contents(atPath: log) else { return "" }
    return Self.summary(of: String(decoding: data.suffix(8 << 10), as: UTF8.self))
  }

  /// The same, to stand behind another text.
  var complaint: String {
    let said = said
    return said.isEmpty ? "" : "; ssh says: \(said)"
  }

  /// The text without what a terminal would obey, but for the ends of lines.
  static func harmless(_ text: String) -> String {
    String(
      String.UnicodeScalarView(
        text.unicodeScalars.filter { $0 == "\n" || $0.properties.generalCategory != .control }))
  }

  /// What is of interest, without frames and what a terminal would obey.
  static func summary(of text: String) -> String {
    var lines = harmless(text).split(whereSeparator: \.isNewline).map(\.trimmed)
    lines.removeAll { $0.isEmpty || $0.hasPrefix("@@@@") || RefusalLog.reason(in: $0) != nil }
    lines = lines.map { line in
      // Who says it is known.
      line.hasPrefix("ssh: ") ? String(line.dropFirst(5)) : line
    }
    let all = lines.joined(separator: " ")
    return all.count > 1000 ? "…" + all.suffix(1000) : all
  }
}
