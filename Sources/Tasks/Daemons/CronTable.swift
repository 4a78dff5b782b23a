import MartletCore

/// A table of cron with a column for the user, as in /etc/cron.d: one line that cron doesn't understand, and it
/// ignores all of them (crontab(5), cron(8)).
struct CronTable {
  /// What is wrong, with the number of the line and nothing of its text; nil if nothing is.
  private(set) var fault: String?
  /// The users whom the lines name.
  private(set) var users: [String] = []

  private static let months = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
  ]
  private static let days = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
  private static let fields: [(name: String, range: ClosedRange<Int>, words: [String])] = [
    ("minute", 0...59, []), ("hour", 0...23, []), ("day of the month", 1...31, []), ("month", 1...12, months),
    ("day of the week", 0...7, days),
  ]
  private static let specials = [
    "@reboot", "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly",
  ]

  init(_ content: Contents) {
    var lines = content.bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() } else { fault = "its last line has no line break" }
    for (index, line) in lines.enumerated() where fault == nil {
      fault = read(String(decoding: line, as: UTF8.self)).map { "line \(index + 1) \($0)" }
    }
  }

  private mutating func read(_ line: String) -> String? {
    var words = line.unicodeScalars.split { $0 == " " || $0 == "\t" }.map(String.init)
    guard let first = words.first, !first.hasPrefix("#") else { return nil }
    if line.unicodeScalars.contains("\r") { return "ends as lines do on Windows" }
    // NAME=value, NAME = value.
    let isAlone = words.count > 1 && words[1].unicodeScalars.first == "="
    if first.unicodeScalars.contains("="), first.unicodeScalars.first != "=" { return nil }
    if isAlone || first.hasPrefix("\"") || first.hasPrefix("'") { return nil }
    if first.hasPrefix("@") {
      if !Self.specials.contains(first) { return "begins with a word that cron doesn't know" }
      words.removeFirst()
    } else {
      guard words.count >= 5 else { return "has fewer than five fields for the time" }
      for (word, field) in zip(words, Self.fields) where !Self.isTime(word, field.range, field.words) {
        return "has no \(field.name) that cron understands"
      }
      words.removeFirst(5)
    }
    guard let user = words.first else { return "names no user" }
    guard words.count > 1 else {
      return "has no command after the user: files of /etc have a column for the user"
    }
    let name = user.hasPrefix("-") ? String(user.dropFirst()) : user
    if !users.contains(name) { users.append(name) }
    return nil
  }

  private static func isTime(_ text: String, _ range: ClosedRange<Int>, _ words: [String]) -> Bool {
    func number(_ text: Substring) -> Int? {
      if let index = words.firstIndex(of: text.lowercased()) {
        return index + (range.lowerBound == 1 ? 1 : 0)
      }
      guard let value = Int(text), text.first != "+", range.contains(value) else { return nil }
      return value
    }
    return text.split(separator: ",", omittingEmptySubsequences: false).allSatisfy { part in
      let halves = part.split(separator: "/", omittingEmptySubsequences: false)
      guard (1...2).contains(halves.count) else { return false }
      if halves.count == 2, (Int(halves[1]) ?? 0) < 1 { return false }
      if halves[0] == "*" { return true }
      let ends = halves[0].split(separator: "-", omittingEmptySubsequences: false)
      guard (1...2).contains(ends.count), let low = number(ends[0]) else { return false }
      return ends.count == 1 || (number(ends[1]).map { $0 >= low } ?? false)
    }
  }

  /// A check that the host has all of its users.
  func usersExist(_ path: RemotePath) -> ShellCommand? {
    if users.isEmpty { return nil }
    return """
      for user in \(users); do
      id -u -- "$user" >/dev/null 2>&1 || {
      printf '%s\\n' "there is no user $user: cron would ignore all of "\(path); exit 1; }
      done
      """
  }
}
