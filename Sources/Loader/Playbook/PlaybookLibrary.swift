#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// The compiled library that playbooks in a single file are linked with.
///
/// It lies where `martlet` itself was built, or beside it in an installation:
///
///     .build/debug/martlet  libMartletPlaybook.so  Modules/
///     bin/martlet           lib/martlet/{libMartletPlaybook.so, Modules/, Modules/NAME/module.modulemap}
public struct PlaybookLibrary: Sendable {
  /// The folder that holds it.
  let folder: String
  /// The library itself.
  let file: String
  /// The folder of the Swift modules.
  let modules: String
  /// The module maps of the C libraries that those modules mention.
  let moduleMaps: [String]

  #if os(macOS)
    static let fileName = "libMartletPlaybook.dylib"
  #else
    static let fileName = "libMartletPlaybook.so"
  #endif

  /// Finds the library.
  ///
  /// - Parameters:
  ///   - executable: The path of the running `martlet`, without symbolic links.
  ///   - environment: `MARTLET_LIBRARY` names another folder to look in, and no other is tried then.
  /// - Throws: ``PlaybookError`` that names the folders that were looked in.
  public static func find(executable: String, environment: [String: String]) throws -> PlaybookLibrary {
    let bin = LocalPath.folder(of: executable)
    let given = environment["MARTLET_LIBRARY"].flatMap { $0.isEmpty ? nil : $0 }
    let folders = given.map { [$0] } ?? [bin, LocalPath.folder(of: bin) + "/lib/martlet"]
    for folder in folders {
      let file = folder + "/" + fileName
      let modules = folder + "/Modules"
      guard FileManager.default.isReadableFile(atPath: file),
        FileManager.default.fileExists(atPath: modules + "/Martlet.swiftmodule")
      else { continue }
      let maps = moduleMaps(shippedIn: modules) + moduleMaps(builtFrom: folder)
      return PlaybookLibrary(folder: folder, file: file, modules: modules, moduleMaps: maps)
    }
    throw PlaybookError(
      """
      \(fileName), which playbooks are linked with, is not in \(folders.joined(separator: " or ")).
      In Martlet's own folder `swift build` makes it; elsewhere, set MARTLET_LIBRARY to the folder that holds it and Modules/.
      """)
  }

  /// Those of an installation: `Modules/CYaml/module.modulemap`.
  private static func moduleMaps(shippedIn modules: String) -> [String] {
    subfolders(of: modules).map { "\($0)/module.modulemap" }.filter(FileManager.default.fileExists)
  }

  /// Those of the sources that the build folder was made from: the package's own, and its dependencies'.
  private static func moduleMaps(builtFrom folder: String) -> [String] {
    // The build folder may be any (`--scratch-path`); the dependencies' sources lie in it, as `checkouts`.
    var root = folder
    var packages: [String] = []
    while !FileManager.default.fileExists(atPath: root + "/Package.swift") {
      packages += subfolders(of: root + "/checkouts")
      root = LocalPath.folder(of: root)
      if root.isEmpty || root == "/" { return [] }
    }
    packages.append(root)
    return packages.flatMap { subfolders(of: $0 + "/Sources") }
      .flatMap { ["\($0)/module.modulemap", "\($0)/include/module.modulemap"] }
      .filter(FileManager.default.fileExists)
  }

  private static func subfolders(of folder: String) -> [String] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    return names.sorted().map { folder + "/" + $0 }
  }
}

/// Why a playbook's file can't be made into a program.
public struct PlaybookError: Error, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}
