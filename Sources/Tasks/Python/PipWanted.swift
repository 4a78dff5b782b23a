import MartletCore
import MartletFacts

/// All that a `PipInstall` asks for, and how much of it can be known without pip.
struct PipWanted: Sendable {
  private(set) var requirements: [PipRequirement] = []
  /// Whether names and versions tell everything.
  private(set) var isExact = true
  /// What can't be read here, or changes where it can't be seen: then only pip can tell.
  private(set) var unreadable: String?
  /// A file that another includes, and that isn't there.
  private(set) var missingFile: String?
  /// The folders of local projects that are built where they are.
  private(set) var builtThere: [String] = []
  /// All that was read, in one text.
  private(set) var fingerprint: String

  /// - Parameter options: What else pip is told, as part of the fingerprint.
  init(options: String) { fingerprint = options }

  /// Requirements that are named in a playbook, with the sums of local ones.
  mutating func add(packages: [String], sums: [String?]) {
    let read = packages.map { PipRequirement($0) }
    requirements += read
    isExact = isExact && read.allSatisfy(\.isDecidable)
    fingerprint += packages.sorted().joined(separator: "\n")
    for sum in sums { fingerprint += "\n\(sum ?? "nothing")" }
  }

  /// A requirements file, with all that it includes.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - found: The files that were brought, and the sums of local projects.
  mutating func add(file path: String, in found: PipRequirementsText) {
    let folder = Self.folder(of: path)
    var queue = [(path: path, isConstraint: false)]
    var seen: Set<String> = []
    while let next = queue.first {
      queue.removeFirst()
      guard seen.insert("\(next.isConstraint) \(next.path)").inserted else { continue }
      guard let entry = found.files[next.path] else {
        unreadable = unreadable ?? "the file \(next.path)"
        continue
      }
      guard let text = entry else {
        missingFile = missingFile ?? next.path
        continue
      }
      fingerprint += "\(next.path)\n\(text)\n"
      let read = PipRequirements(text: text)
      for include in read.includes {
        guard let name = include.path else {
          unreadable = unreadable ?? "a line of \(next.path) that names another file"
          continue
        }
        let path = name.hasPrefix("/") ? name : Self.folder(of: next.path) + "/" + name
        queue.append((path, include.isConstraint))
      }
      // What a constraint asks for is only asked for if something else does so too.
      if next.isConstraint {
        isExact = false
        continue
      }
      requirements += read.requirements
      for requirement in read.requirements {
        isExact = isExact && requirement.isDecidable
        if requirement.isUnreadable { unreadable = unreadable ?? "\"\(requirement.text)\"" }
        guard let local = requirement.localPath else { continue }
        let path = local.hasPrefix("/") ? local : folder + "/" + local
        if let sum = found.sums["\(requirement.isEditable ? "e" : "p") \(path)"] {
          fingerprint += "\(path) \(sum)\n"
          if !requirement.isEditable { builtThere.append(path) }
        } else {
          unreadable = unreadable ?? "\"\(requirement.text)\""
        }
      }
    }
  }

  private static func folder(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[..<$0]) } ?? ""
  }
}
