import MartletCore
import MartletFacts

/// A package as a playbook names it: name, architecture, version.
struct PackageRequest: Sendable, Hashable {
  /// As it was written, and as apt-get takes it.
  let text: String
  /// The name, with the architecture if there is one.
  let name: String
  /// The version, or a pattern for it, with `*` for any characters.
  let version: String?

  init(_ text: String) {
    self.text = text
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    name = String(parts.first ?? "")
    version = parts.count > 1 ? String(parts[1]) : nil
  }

  /// Names are those of Debian Policy, section 5.6.1; versions of section 5.6.12.
  func validate() throws {
    if text.isEmpty { throw InvalidTask("the name of a package is empty") }
    let isNameByte = { (byte: UInt8) in
      (0x61...0x7a).contains(byte) || (0x30...0x39).contains(byte) || [0x2b, 0x2d, 0x2e].contains(byte)
    }
    let parts = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    let bare = parts.first ?? ""
    let first = bare.utf8.first ?? 0
    guard bare.utf8.count > 1, isNameByte(first), ![0x2b, 0x2d, 0x2e].contains(first),
      bare.utf8.allSatisfy(isNameByte),
      parts.count == 1 || (!parts[1].isEmpty && parts[1].utf8.allSatisfy(isNameByte) && parts[1].first != "-")
    else {
      throw InvalidTask(
        "\(text.debugDescription) is no name of a package: lower-case letters, digits, and + - . are allowed"
          + (text.contains(" ") ? "; write each package as a text of its own" : ""))
    }
    // apt-get takes a trailing hyphen or plus for an order to remove or install.
    if bare.hasSuffix("-") { throw InvalidTask("the package \(text.debugDescription) ends in a hyphen") }
    guard let version else { return }
    let isVersionByte = { (byte: UInt8) in
      isNameByte(byte) || (0x41...0x5a).contains(byte) || [0x7e, 0x3a, 0x2a].contains(byte)
    }
    if version.isEmpty || !version.utf8.allSatisfy(isVersionByte) {
      throw InvalidTask("\(version.debugDescription) is no version of the package \(name)")
    }
  }

  /// Whether a package that was found is the one that is asked for.
  func isMet(by found: PackageStatus) -> Bool {
    guard let version else { return found.isInstalled }
    guard found.state == .installed, let installed = found.version else { return false }
    return Self.matches(Array(installed.utf8), Array(version.utf8)[...])
  }

  /// Whether what was found is as new as apt could make it.
  func isNewest(_ found: PackageStatus, candidate: String?) -> Bool {
    guard isMet(by: found) else { return false }
    return version != nil || found.state != .installed || candidate == nil || found.version == candidate
  }

  private static func matches(_ text: [UInt8], _ pattern: ArraySlice<UInt8>) -> Bool {
    let parts = pattern.split(separator: 0x2a, omittingEmptySubsequences: false)
    guard let first = parts.first, let last = parts.last, parts.count > 1 else {
      return text == Array(pattern)
    }
    guard text.starts(with: first), text.count >= first.count + last.count,
      text.suffix(last.count).elementsEqual(last)
    else { return false }
    var rest = text[first.count..<(text.count - last.count)]
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
      guard
        let start = rest.indices.first(where: { rest[$0...].starts(with: part) })
      else { return false }
      rest = rest[(start + part.count)...]
    }
    return true
  }
}
