extension StringProtocol {
  /// The text without blanks at its ends.
  package var trimmed: String {
    var text = Substring(self)
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text.drop { $0.isWhitespace })
  }

  /// The beginning of a line that is too long, with an ellipsis. It is cut between words: half of one that is secret
  /// would not be recognised as such.
  package func shortened(to count: Int) -> String {
    guard self.count > count else { return String(self) }
    let start = prefix(count)
    return start[..<(start.lastIndex { $0.isWhitespace } ?? start.startIndex)] + " …"
  }
}

/// The end of a message that names what was probably meant: `; did you mean "domain"?`; empty if nothing is near.
package func suggestion(for word: String, among known: some Sequence<String>) -> String {
  nearestWord(to: word, among: known).map { "; did you mean \"\($0)\"?" } ?? ""
}

/// The word that was probably meant; nil if none is near.
package func nearestWord(to word: String, among known: some Sequence<String>) -> String? {
  let limit = max(1, word.count / 3)
  let nearest = known.map { (distance: editDistance(word, $0), word: $0) }.min { $0 < $1 }
  return nearest.flatMap { $0.distance <= limit ? $0.word : nil }
}

/// How many letters must be put in, left out, replaced or exchanged with their neighbour to get from one word
/// to the other.
private func editDistance(_ first: String, _ second: String) -> Int {
  let a = Array(first.lowercased())
  let b = Array(second.lowercased())
  var rows = [Array(0...b.count)]
  for i in 0..<a.count {
    var row = [i + 1]
    for j in 0..<b.count {
      var best = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
      row.append(best)
    }
    rows.append(row)
  }
  return rows[a.count][b.count]
}
