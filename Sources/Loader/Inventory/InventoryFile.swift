public import MartletCore

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// Reads inventories: YAML files, and lists of hosts from the command line.
///
///     hosts:
///       db: {address: 192.0.2.7, user: admin}
///     groups:
///       web:
///         hosts: {web[01:20].example.com: {}}
///         vars: {domain: shop.example}
///
/// Ansible's YAML inventories read as they are: every key at the top is a group, with `hosts`, `vars` and `children`;
/// `ansible_host`, `ansible_port`, `ansible_user`, `ansible_ssh_private_key_file` and `ansible_become` say how to
/// reach a host. The own names are `address`, `port`, `user`, `key`, `known_hosts`, `accept_new` and `become`; in a
/// file that uses a name with `ansible_` or `martlet_` in front, the first four and `become` are ordinary variables,
/// and the own names are written `martlet_address` and so on. Paths in a file start from its folder.
///
/// `transport` (Ansible's `ansible_connection`) says how a host is reached: `ssh`, `openssh`, `local`, `docker`,
/// `podman`, or `auto` as without it. A host called `@local` is the machine that Martlet runs on.
///
/// A host's variables win over those of its groups, a child's over those of its parents, `all` comes last.
public enum InventoryFile {
  /// Files larger than this are refused.
  private static let sizeLimit = 256 << 20

  /// Reads inventories as `-i` names them, and joins them; what a later one says wins.
  ///
  ///     let inventory = try InventoryFile.load(["inventory.yaml", "spare1,spare2"])
  ///
  /// - Parameters:
  ///   - paths: Files, or lists of hosts with at least one comma: `web1,web2:2222,`.
  ///   - warn: Called with each thing that the user should know.
  /// - Returns: The inventory, with at least one host.
  /// - Throws: ``InventoryError`` with the file and the line.
  public static func load(_ paths: [String], warn: (String) -> Void = { _ in }) throws -> Inventory {
    var draft = InventoryDraft()
    for (source, path) in paths.enumerated() {
      if path.contains(",") {
        try add(list: path, source: source, to: &draft)
      } else {
        try add(file: path, source: source, to: &draft, warn: warn)
      }
    }
    let source = paths.joined(separator: ", ")
    guard !draft.isEmpty else {
      throw InventoryError(
        "\(paths.isEmpty ? "no inventory is given" : source): there is no host in it; write one under hosts:")
    }
    return try draft.inventory(source: source, warn: warn)
  }

  private static func add(list: String, source: Int, to draft: inout InventoryDraft) throws {
    let names = list.split(separator: ",").map(\.trimmed).filter { !$0.isEmpty }
    for written in names {
      let (pattern, port) = HostName.split(written)
      var values = InventoryDraft.Values()
      if let port {
        values.settings[.port] = InventoryDraft.Setting(
          value: .int(port), origin: "-i", source: source, kind: .setting(.port) { $0.port = port })
      }
      do {
        for name in try HostName.expand(pattern) {
          if let problem = HostName.problem(name) { throw InventoryError(problem) }
          try draft.add(host: name, values: values, to: "all")
        }
      } catch let error as InventoryError {
        throw InventoryError("-i \(list): \(error.description)")
      }
    }
  }

  private static func add(
    file path: String, source: Int, to draft: inout InventoryDraft, warn: (String) -> Void
  ) throws {
    let text = try contents(of: path)
    if let line = sectionLine(text) {
      throw InventoryError(
        "\(path):\(line): this looks like an INI inventory, which is not supported; "
          + "`ansible-inventory -i \(path) --list --yaml` writes it as YAML")
    }
    guard let root = try YAMLReader.read(text, file: path), !root.isNull else {
      throw InventoryError("\(path): the inventory is empty: write a host under hosts:")
    }
    for warning in try InventoryReader.read(root, file: path, source: source, into: &draft) { warn(warning) }
    let folder = LocalPath.folder(of: path)
    for name in ["group_vars", "host_vars"] {
      let beside = folder.isEmpty ? name : folder + "/" + name
      if FileManager.default.fileExists(atPath: beside) {
        warn("\(beside) is not read: put the variables into \(path)")
      }
    }
  }

  private static func contents(of path: String) throws -> String {
    var isFolder = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw InventoryError("\(path): there is no such inventory; a list of hosts needs a comma: -i \(path),")
    }
    guard !isFolder else {
      throw InventoryError("\(path) is a folder: name the inventory files in it with -i")
    }
    let attributes = try? FileManager.default.attributesOfItem(atPath: path)
    if let size = attributes?[.size] as? UInt64, size > sizeLimit {
      throw InventoryError("\(path) is larger than \(sizeLimit >> 20) MiB, too large for an inventory")
    }
    let data: Data
    do {
      data = try Data(contentsOf: URL(filePath: path))
    } catch {
      throw InventoryError("\(path) can't be read; is it yours to read? (\(reason(error)))")
    }
    if data.starts(with: Data("#!".utf8)), FileManager.default.isExecutableFile(atPath: path) {
      throw InventoryError(
        "\(path) is a program; inventories that are programs are not supported yet: write its answer into a file"
      )
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw InventoryError("\(path): the file is not UTF-8 text")
    }
    guard !text.hasPrefix("$ANSIBLE_VAULT;") else {
      throw InventoryError(
        "\(path) is encrypted by Ansible's vault, which is not read; `ansible-vault decrypt` makes a copy, and secrets can be written as env:NAME or file:PATH"
      )
    }
    guard !text.utf8.contains(0) else { throw InventoryError("\(path): the file has a NUL byte in it") }
    return text
  }

  private static func reason(_ error: any Error) -> String {
    (error as? CocoaError)?.code == .fileReadNoPermission ? "permission denied" : "\(error)"
  }

  /// The line of an INI section, if that is what the file begins with.
  private static func sectionLine(_ text: String) -> Int? {
    var number = 0
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      number += 1
      let line = line.trimmed
      if line.isEmpty || line.hasPrefix("#") || line.hasPrefix(";") { continue }
      return line.hasPrefix("[") && line.hasSuffix("]") && !line.contains(",") ? number : nil
    }
    return nil
  }
}
