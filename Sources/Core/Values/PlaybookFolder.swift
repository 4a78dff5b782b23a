#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Where the local files are that a playbook names by relative paths.
package enum PlaybookFolder {
  /// Tells a playbook's program where its source lies; `martlet apply site.swift` sets it.
  package static let variable = "MARTLET_PLAYBOOK_FOLDER"

  /// The folder of a playbook that is a single file; for other programs the current one.
  package static let path: String = {
    let given = ProcessInfo.processInfo.environment[variable] ?? ""
    return given.hasPrefix("/") ? given : FileManager.default.currentDirectoryPath
  }()

  /// A path seen from that folder.
  package static func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : self.path == "/" ? "/" + path : self.path + "/" + path
  }
}
