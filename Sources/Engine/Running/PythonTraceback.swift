internal import MartletCore

/// Python's tracebacks, put the way round in which they are read: what was wrong first, then where in one's own code.
enum PythonTraceback {
  /// The lines with the last traceback's error at the head, followed by the frames of the application. Frames of
  /// libraries are counted and left out, as are tracebacks of errors that led to the last one. What isn't part of a
  /// traceback stays, after it. Lines without a traceback come back as they are.
  static func condensed(_ lines: [String]) -> [String] {
    var others: [String] = []
    var blocks: [Block] = []
    var index = 0
    while index < lines.count {
      let line = lines[index]
      if line.hasPrefix("Traceback (most recent call last)") {
        blocks.append(Block())
        index += 1
      } else if let frame = Frame(line) {
        // A traceback whose head was cut off begins with a frame; after an error a frame is a new one's.
        if blocks.last?.error.isEmpty != true { blocks.append(Block()) }
        index += 1
        var frame = frame
        while index < lines.count, lines[index].hasPrefix("    ") {
          if !isMarker(lines[index]) { frame.code.append(lines[index]) }
          index += 1
        }
        blocks[blocks.count - 1].frames.append(frame)
      } else if let block = blocks.last, block.error.isEmpty, !block.frames.isEmpty {
        // The error, with what goes on in the lines after it.
        repeat {
          blocks[blocks.count - 1].error.append(lines[index])
          index += 1
        } while index < lines.count && !isEnd(lines[index])
      } else {
        if !isLink(line) { others.append(line) }
        index += 1
      }
    }
    guard let last = blocks.last(where: { !$0.error.isEmpty }) else { return lines }
    let frames = blocks.flatMap(\.frames)
    var own = last.frames.filter(\.isOwn)
    if own.isEmpty { own = frames.filter(\.isOwn) }
    if own.isEmpty { own = last.frames.suffix(1) }
    // The innermost is nearest to what was wrong.
    let shown = own.suffix(5)
    var result = last.error + shown.flatMap { [$0.line] + $0.code }
    if frames.count > shown.count {
      result.append("  … \(frames.count - shown.count) more frames, mostly of libraries")
    }
    return result + others.drop { $0.trimmed.isEmpty }
  }

  private struct Block {
    var frames: [Frame] = []
    var error: [String] = []
  }

  private struct Frame {
    var line: String
    var code: [String] = []

    /// Whether it is neither Python's nor an installed package's.
    var isOwn: Bool {
      !["/site-packages/", "/dist-packages/", "/lib/python3", "\"<", "/venv/bin/", "/.venv/bin/"]
        .contains(where: line.contains)
    }

    init?(_ line: String) {
      guard line.hasPrefix("  File \""), line.contains("\", line ") else { return nil }
      self.line = line
    }
  }

  /// The line below a frame's code that points at a part of it.
  private static func isMarker(_ line: String) -> Bool { line.allSatisfy { " ~^".contains($0) } }

  /// Whether a line is no longer part of an error's text: empty, or with the time of a log before it.
  private static func isEnd(_ line: String) -> Bool {
    line.isEmpty || line.hasPrefix("[") || line.hasPrefix("Traceback (") || Frame(line) != nil
  }

  private static func isLink(_ line: String) -> Bool {
    line.hasPrefix("During handling of the above exception")
      || line.hasPrefix("The above exception was the direct")
  }
}
