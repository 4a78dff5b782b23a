internal import MartletCore

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif
#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Puts a playbook's program in the place of this one.
public enum ProgramLauncher {
  /// Becomes another program: with the same process id, terminal and environment, so that signals and job control
  /// work as if it had been started by itself.
  ///
  /// - Parameters:
  ///   - program: The path of an executable file.
  ///   - name: What the program is told it is called, for its usage texts.
  ///   - arguments: Its arguments.
  ///   - source: The Swift file that it was made from: local files that it names are looked for beside that, wherever
  ///     the command is started. nil for a program that was compiled elsewhere.
  /// - Throws: ``PlaybookError`` if it can't be run. On success it doesn't return.
  public static func become(_ program: String, name: String, arguments: [String], source: String? = nil)
    throws -> Never
  {
    if let source {
      let url = URL(filePath: source).resolvingSymlinksInPath().standardizedFileURL
      setenv(PlaybookFolder.variable, url.deletingLastPathComponent().path, 1)
    } else {
      unsetenv(PlaybookFolder.variable)
    }
    var words: [UnsafeMutablePointer<CChar>?] = ([name] + arguments).map { strdup($0) }
    words.append(nil)
    // A playbook that traps shows where, and not every register and library of the process.
    setenv("SWIFT_BACKTRACE", "threads=crashed,registers=none,images=none,limit=12,top=0,color=no", 0)
    execv(program, words)
    let reason = errno
    for word in words { free(word) }
    let hint = reason == ENOEXEC ? "; is it a program of this kind of machine?" : ""
    throw PlaybookError("\(program) can't be run: \(String(cString: strerror(reason)))\(hint)")
  }

  /// The path of the running program, without symbolic links.
  public static var ownPath: String {
    #if os(Linux)
      if let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
        return path
      }
    #endif
    let path = CommandLine.arguments.first ?? ""
    return URL(filePath: path).resolvingSymlinksInPath().path
  }
}

/// A playbook that was compiled already.
public enum PlaybookProgram {
  /// Makes sure that a path names a program.
  ///
  /// - Returns: The path, in a form that isn't looked up in `PATH`.
  /// - Throws: ``PlaybookError`` that says what it is instead.
  public static func check(_ path: String) throws -> String {
    var isFolder = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw PlaybookError("\(path): there is no such playbook")
    }
    guard !isFolder else {
      throw PlaybookError("\(path) is a folder; in a Swift package, run the playbook by `swift run NAME`")
    }
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw PlaybookError("\(path) is neither a Swift file (.swift) nor a program")
    }
    return path
  }
}
