import Foundation
public import Testing

/// Compares a text with the one that was recorded, in the folder `Snapshots` beside the test.
///
/// `RECORD_SNAPSHOTS=1 swift test --filter NAME` records what there is; look at the difference before you commit it.
public func expectSnapshot(
  _ text: String, _ name: String, file: String = #filePath, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let path = URL(filePath: file).deletingLastPathComponent().appending(path: "Snapshots/\(name).txt")
  if ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] == "1" {
    try FileManager.default.createDirectory(
      at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(text.utf8).write(to: path)
    return
  }
  let recorded = try? String(contentsOf: path, encoding: .utf8)
  #expect(
    text == recorded, "differs from \(path.path); RECORD_SNAPSHOTS=1 records it",
    sourceLocation: sourceLocation)
}
