#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// A playbook's text as it was read once, for the compiler, which is to name the file that it came from.
struct PlaybookSource {
  private let text: Data
  private let path: String

  init(_ text: Data, path: String) {
    self.text = text
    self.path = path
  }

  /// Writes it into a folder of its own.
  ///
  /// - Returns: The path of the copy.
  func write(into folder: String) throws -> String {
    let copy = folder + "/" + (path.split(separator: "/").last.map(String.init) ?? "playbook.swift")
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      try Self.located(text, at: path).write(to: URL(filePath: copy))
    } catch {
      throw PlaybookError("a copy of \(path) can't be written to \(folder)")
    }
    return copy
  }

  /// The text with a directive that names the file, for messages, `#fileID` and traps.
  ///
  /// It takes the place of the first line where that says nothing, or is an import, which can stand at the end as well:
  /// the lines keep their numbers.
  static func located(_ text: Data, at path: String) -> Data {
    let end = text.firstIndex(of: 0x0a) ?? text.endIndex
    let first = String(decoding: text[text.startIndex..<end], as: UTF8.self)
    let words = first.split { $0 == " " || $0 == "\t" || $0 == "\r" || $0 == "\r\n" }
    // Of an escape or a quote the directive's text would be another.
    let name = String(
      String.UnicodeScalarView(
        path.unicodeScalars.map { $0.value < 0x20 || $0 == "\"" || $0 == "\\" ? "_" : $0 }))
    let isImport = words.count == 2 && words[0] == "import" && !first.contains(";")
    guard end < text.endIndex, words.isEmpty || isImport || first.hasPrefix("//") || first.hasPrefix("#!")
    else {
      return Data("#sourceLocation(file: \"\(name)\", line: 1)\n".utf8) + text
    }
    return Data("#sourceLocation(file: \"\(name)\", line: 2)".utf8) + text[end...]
      + Data(isImport ? "\n\(first)\n".utf8 : "".utf8)
  }
}
