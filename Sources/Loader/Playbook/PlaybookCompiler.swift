internal import MartletCore
internal import Subprocess

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif
#if canImport(System)
  internal import System
#else
  internal import SystemPackage
#endif
#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Makes a program of a playbook that is a single Swift file, once for each content of the file.
///
/// The program is kept in `$XDG_CACHE_HOME/martlet` (`~/.cache/martlet`), under a hash of all that it is made from:
/// the file, the compiler and the library. So a second start costs no more than reading the file.
public struct PlaybookCompiler: Sendable {
  private let library: PlaybookLibrary
  private let environment: [String: String]
  /// Counts up when the way of compiling changes.
  private static let format = 3
  /// How many programs are kept; each takes some hundred kilobytes.
  private static let keptPrograms = 64

  /// - Parameters:
  ///   - library: What playbooks are linked with.
  ///   - environment: Where the compiler (`PATH`) and the cache are looked for.
  public init(library: PlaybookLibrary, environment: [String: String]) {
    self.library = library
    self.environment = environment
  }

  /// The program of a playbook, compiled if it isn't in the cache.
  ///
  /// The compiler writes what it has to say about the file to standard error, with the file's own path.
  ///
  /// - Parameter path: The Swift file.
  /// - Returns: The path of an executable file.
  /// - Throws: ``PlaybookError`` if the file can't be read or doesn't compile, or there is no compiler.
  public func program(for path: String) async throws -> String {
    let source: Data
    do {
      source = try Data(contentsOf: URL(filePath: path))
    } catch {
      throw PlaybookError("\(path) can't be read: is it there, and a file?")
    }
    guard String(decoding: source, as: UTF8.self).contains("@main") else {
      throw PlaybookError(
        "\(path) has no @main: a playbook is `@main struct \(moduleName(path).capitalized): Playbook { var plays: Plays { … } }`"
      )
    }
    let compiler = try findCompiler()
    let cache = try cacheFolder()
    // The name is part of the program: it is in the places that messages and plans show.
    let key = SHA256.hex(
      [
        "\(Self.format)", path, SHA256.hex(source), compiler, state(of: compiler), library.file,
        state(of: library.file),
      ].joined(separator: "\n"))
    let program = "\(cache)/\(key.prefix(40))"
    if FileManager.default.isExecutableFile(atPath: program) {
      // The oldest are thrown away, so one that is used must not look old.
      try? FileManager.default.setAttributes([.modificationDate: Date()], ofItemAtPath: program)
      return program
    }
    let draft = "\(program).\(ProcessInfo.processInfo.processIdentifier).new"
    let folder = draft + ".source.new"
    defer {
      try? FileManager.default.removeItem(atPath: draft)
      try? FileManager.default.removeItem(atPath: folder)
    }
    // Never the file itself, which may change and change back meanwhile: under this name is what was hashed.
    let copy = try PlaybookSource(source, path: path).write(into: folder)
    try await compile(copy, of: path, to: draft, with: compiler)
    // Renamed when it is whole: another start at the same time sees no program, or all of it.
    guard rename(draft, program) == 0 else {
      throw PlaybookError("the compiled playbook can't be put into \(cache)")
    }
    prune(cache)
    return program
  }

  private func compile(
    _ copy: String, of path: String, to program: String, with compiler: String
  ) async throws {
    let maps = library.moduleMaps.flatMap { ["-Xcc", "-fmodule-map-file=\($0)"] }
    let arguments =
      // With lines, a trap in the playbook names its own.
      [
        "-Onone", "-gline-tables-only", "-parse-as-library", "-swift-version", "6", "-module-name",
        moduleName(path),
      ]
      + ["-I", library.modules] + maps + ["-L", library.folder, "-lMartletPlaybook"]
      + ["-Xlinker", "-rpath", "-Xlinker", library.folder, copy, "-o", program]
    let status: TerminationStatus
    do {
      status = try await run(
        .path(FilePath(compiler)), arguments: Arguments(arguments), input: .none,
        output: .fileDescriptor(.standardError, closeAfterSpawningProcess: false),
        error: .fileDescriptor(.standardError, closeAfterSpawningProcess: false)
      ).terminationStatus
    } catch {
      throw PlaybookError("the compiler \(compiler) can't be started: \(error)")
    }
    guard status.isSuccess else { throw PlaybookError("\(path) doesn't compile") }
  }

  /// The module's name, which `#fileID` shows: `site` for `site.swift`.
  private func moduleName(_ path: String) -> String {
    let file = path.split(separator: "/").last.map(String.init) ?? path
    let base = file.hasSuffix(".swift") ? String(file.dropLast(6)) : file
    let name = String(base.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
    // `Martlet` would be the library's own name.
    return name.first?.isLetter == true && !name.hasPrefix("Martlet") ? name : "playbook_" + name
  }

  private func findCompiler() throws -> String {
    for folder in (environment["PATH"] ?? "").split(separator: ":") {
      let path = "\(folder)/swiftc"
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    throw PlaybookError(
      """
      swiftc is not in PATH: a playbook that is a Swift file needs the Swift compiler (swift.org/install).
      Without it, apply a playbook that was compiled elsewhere: martlet apply ./playbook
      """)
  }

  /// Size and time of change: asking the compiler for its version would take longer than everything else here.
  private func state(of path: String) -> String {
    let real = URL(filePath: path).resolvingSymlinksInPath().path
    let attributes = try? FileManager.default.attributesOfItem(atPath: real)
    let time = (attributes?[.modificationDate] as? Date)?.timeIntervalSince1970 ?? 0
    return "\(real) \(attributes?[.size] ?? 0) \(time)"
  }

  /// The cache's folder, made if need be.
  ///
  /// - Throws: ``PlaybookError`` if it isn't the user's own, or others can write to it: a program would be run
  ///   from it that somebody else may have put there.
  private func cacheFolder() throws -> String {
    let base =
      environment["XDG_CACHE_HOME"].flatMap { $0.hasPrefix("/") ? $0 : nil }
      ?? (environment["HOME"] ?? "/") + "/.cache"
    let folder = base + "/martlet"
    try? FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    var status = stat()
    guard lstat(folder, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      throw PlaybookError("the folder \(folder) for compiled playbooks can't be made")
    }
    guard status.st_uid == getuid(), status.st_mode & 0o022 == 0 else {
      throw PlaybookError(
        "\(folder) holds compiled playbooks, but it is not yours, or others can write to it: remove it, or chmod 700"
      )
    }
    return folder
  }

  /// Removes the programs that were not used for longest, and what an interrupted compilation has left.
  private func prune(_ cache: String) {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: cache)) ?? []
    let aged = names.map { name in
      let attributes = try? FileManager.default.attributesOfItem(atPath: "\(cache)/\(name)")
      return (name, attributes?[.modificationDate] as? Date ?? .distantPast)
    }.sorted { $0.1 > $1.1 }
    let hourAgo = Date().addingTimeInterval(-3600)
    for (index, (name, date)) in aged.enumerated()
    where index >= Self.keptPrograms || (name.hasSuffix(".new") && date < hourAgo) {
      try? FileManager.default.removeItem(atPath: "\(cache)/\(name)")
    }
  }
}
