extension DiffLine {
  /// The lines that show a change.
  ///
  ///     DiffLine.render(.added("nginx"), showContents: false)          // + nginx
  ///
  /// - Parameters:
  ///   - change: The change of an action.
  ///   - showContents: Whether the contents of files are compared line by line, as `--diff` asks for; otherwise
  ///     a file is one line with its size. Contents that hold a secret are never shown.
  /// - Returns: The lines in order, without the signs `+ - ~`: those are the report's.
  public static func render(_ change: Change, showContents: Bool) -> [DiffLine] {
    switch change {
    case .added(let text): return [DiffLine(.added, text)]
    case .removed(let text): return [DiffLine(.removed, text)]
    case .modified(let text): return [DiffLine(.modified, text)]
    case .contents(let path, let isNew, let old, let new):
      let kind = isNew ? Kind.added : .modified
      if new.isSecret {
        return [DiffLine(kind, "\(path) (contents not shown: they hold a secret)")]
      }
      let sizes = old.map { "\($0.count) → \(new.bytes.count) bytes" } ?? "\(new.bytes.count) bytes"
      guard showContents else { return [DiffLine(kind, "\(path) (\(sizes))")] }
      guard isText(old ?? []), isText(new.bytes) else {
        return [DiffLine(kind, "\(path) (binary, \(sizes))")]
      }
      let diff = UnifiedDiff(from: old ?? [], to: new.bytes)
      if diff.lines.isEmpty, old == nil { return [DiffLine(kind, "\(path) (empty)")] }
      return [DiffLine(.header, "\(path)")] + diff.lines
    }
  }

  private static func isText(_ bytes: [UInt8]) -> Bool {
    !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
  }
}
