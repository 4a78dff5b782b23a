/// The differences of two texts as hunks with three lines of context, like those of `diff -u`.
///
/// It is bounded in every way, as what is compared comes from hosts: in time by giving up the search for the
/// shortest difference after ``effort`` edits, in size by ``maximumLines`` and ``maximumWidth``.
package struct UnifiedDiff: Sendable {
  /// The hunks' lines; empty if the texts are the same.
  package private(set) var lines: [DiffLine] = []

  package static let context = 3
  /// How many lines are shown at most; one more says how many are not.
  package static let maximumLines = 200
  /// How many characters of a line are shown at most.
  package static let maximumWidth = 400
  /// How many single-line edits are looked for before a region counts as replaced altogether.
  package static let effort = 600

  package init(from old: [UInt8], to new: [UInt8]) {
    guard old != new else { return }
    let before = Self.split(old)
    let after = Self.split(new)
    let edits = Self.edits(from: before, to: after)
    append(hunksOf: edits, before: before, after: after)
    if lines.count > Self.maximumLines {
      let hidden = lines.count - Self.maximumLines
      lines.removeLast(hidden)
      lines.append(DiffLine(.header, "… \(hidden) more lines"))
    }
  }

  /// A line of either text, by its index there.
  enum Edit: Equatable {
    case keep(Int, Int)
    case remove(Int)
    case add(Int)
  }

  /// The lines with their line breaks: a last line without one differs from the same line with one.
  private static func split(_ bytes: [UInt8]) -> [ArraySlice<UInt8>] {
    var lines: [ArraySlice<UInt8>] = []
    var start = 0
    for index in bytes.indices where bytes[index] == 0x0a {
      lines.append(bytes[start...index])
      start = index + 1
    }
    if start < bytes.count { lines.append(bytes[start...]) }
    return lines
  }

  static func edits(from before: [ArraySlice<UInt8>], to after: [ArraySlice<UInt8>]) -> [Edit] {
    var numbers: [ArraySlice<UInt8>: Int] = [:]
    func number(_ line: ArraySlice<UInt8>) -> Int {
      if let known = numbers[line] { return known }
      numbers[line] = numbers.count
      return numbers.count - 1
    }
    let a = before.map(number)
    let b = after.map(number)
    var prefix = 0
    while prefix < min(a.count, b.count), a[prefix] == b[prefix] { prefix += 1 }
    var suffix = 0
    while suffix < min(a.count, b.count) - prefix, a[a.count - 1 - suffix] == b[b.count - 1 - suffix] {
      suffix += 1
    }
    let start = (0..<prefix).map { Edit.keep($0, $0) }
    let end = (0..<suffix).map { Edit.keep(a.count - suffix + $0, b.count - suffix + $0) }
    let middle = shortest(Array(a[prefix..<(a.count - suffix)]), Array(b[prefix..<(b.count - suffix)]))
    return start
      + middle.map { edit in
        switch edit {
        case .keep(let i, let j): .keep(i + prefix, j + prefix)
        case .remove(let i): .remove(i + prefix)
        case .add(let j): .add(j + prefix)
        }
      } + end
  }

  /// The fewest edits, by E. Myers, "An O(ND) Difference Algorithm and Its Variations" (1986), section 4.
  private static func shortest(_ a: [Int], _ b: [Int]) -> [Edit] {
    let replaced = a.indices.map { Edit.remove($0) } + b.indices.map { Edit.add($0) }
    if a.isEmpty || b.isEmpty { return replaced }
    let limit = min(a.count + b.count, effort)
    let middle = limit + 1
    var furthest = [Int](repeating: 0, count: 2 * middle + 1)
    var trace: [[Int]] = []
    for d in 0...limit {
      // Only the diagonals that this round can read are kept: d² numbers in all, not d · limit.
      trace.append(Array(furthest[(middle - d - 1)...(middle + d + 1)]))
      for k in stride(from: -d, through: d, by: 2) {
        let goesDown =
          k == -d || (k != d && furthest[middle + k - 1] < furthest[middle + k + 1])
        var x = goesDown ? furthest[middle + k + 1] : furthest[middle + k - 1] + 1
        while x < a.count, x - k < b.count, a[x] == b[x - k] { x += 1 }
        furthest[middle + k] = x
        if x >= a.count, x - k >= b.count { return walkBack(trace, a.count, b.count) }
      }
    }
    return replaced
  }

  private static func walkBack(_ trace: [[Int]], _ endX: Int, _ endY: Int) -> [Edit] {
    var edits: [Edit] = []
    var x = endX
    var y = endY
    for d in stride(from: trace.count - 1, through: 1, by: -1) {
      let row = trace[d]
      func furthest(_ k: Int) -> Int { row[k + d + 1] }
      let k = x - y
      let goesDown = k == -d || (k != d && furthest(k - 1) < furthest(k + 1))
      let previousK = goesDown ? k + 1 : k - 1
      let previousX = furthest(previousK)
      let previousY = previousX - previousK
      while x > previousX, y > previousY {
        x -= 1
        y -= 1
        edits.append(.keep(x, y))
      }
      if goesDown {
        y -= 1
        edits.append(.add(y))
      } else {
        x -= 1
        edits.append(.remove(x))
      }
    }
    while x > 0, y > 0 {
      x -= 1
      y -= 1
      edits.append(.keep(x, y))
    }
    return edits.reversed()
  }

  private mutating func append(
    hunksOf edits: [Edit], before: [ArraySlice<UInt8>], after: [ArraySlice<UInt8>]
  ) {
    let changed = edits.indices.filter { index in
      if case .keep = edits[index] { false } else { true }
    }
    var position = 0
    while position < changed.count {
      let first = max(0, changed[position] - Self.context)
      var last = changed[position]
      while position < changed.count, changed[position] <= last + 2 * Self.context + 1 {
        last = changed[position]
        position += 1
      }
      append(hunk: edits[first...min(edits.count - 1, last + Self.context)], before: before, after: after)
    }
  }

  private mutating func append(
    hunk: ArraySlice<Edit>, before: [ArraySlice<UInt8>], after: [ArraySlice<UInt8>]
  ) {
    var body: [DiffLine] = []
    var old: [Int] = []
    var new: [Int] = []
    for edit in hunk {
      switch edit {
      case .keep(let i, let j):
        old.append(i)
        new.append(j)
        append(before[i], .context, to: &body)
      case .remove(let i):
        old.append(i)
        append(before[i], .removed, to: &body)
      case .add(let j):
        new.append(j)
        append(after[j], .added, to: &body)
      }
    }
    lines.append(DiffLine(.header, "@@ -\(range(old)) +\(range(new)) @@"))
    lines += body
  }

  private func range(_ indices: [Int]) -> String {
    guard let first = indices.first else { return "0,0" }
    return indices.count == 1 ? "\(first + 1)" : "\(first + 1),\(indices.count)"
  }

  private func append(_ line: ArraySlice<UInt8>, _ kind: DiffLine.Kind, to body: inout [DiffLine]) {
    let isComplete = line.last == 0x0a
    let text = String(decoding: isComplete ? line.dropLast() : line, as: UTF8.self)
    let shown = text.prefix(Self.maximumWidth)
    body.append(DiffLine(kind, shown.endIndex < text.endIndex ? shown + "…" : text))
    if !isComplete { body.append(DiffLine(.header, "\\ No newline at end of file")) }
  }
}
