internal import MartletCore

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Darwin)
  internal import Darwin
#elseif canImport(Musl)
  internal import Musl
#endif

/// For whom a program waits on a host before it acts.
struct HostWait: Sendable {
  /// Whether it is an interrupted run's last action, and not another run.
  private let isUnfinished: Bool
  /// How long that has been going on; nil if nobody knows.
  private let seconds: Int?
  private let who: String
  private let what: String

  /// Reads what follows `lock` in a record: the reason, the age, the holder, a tab, the action.
  init?(_ text: String) {
    let words = text.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
    guard words.count == 3 else { return nil }
    let parts = words[2].split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
    isUnfinished = words[0] == "unfinished"
    seconds = Int(words[1]).flatMap { (0...1_000_000_000).contains($0) ? $0 : nil }
    who = String(parts[0].prefix(200))
    what = parts.count > 1 ? String(parts[1].prefix(200)) : ""
  }

  func isSame(as other: HostWait) -> Bool {
    (isUnfinished, who, what) == (other.isUnfinished, other.who, other.what)
  }

  /// For whom or what, in words for a person.
  var reason: String { reason(now: Int(time(nil))) }

  /// - Parameter now: The time in seconds since 1970.
  func reason(now: Int) -> String {
    let since = seconds.map { " since \(Self.clock(now - $0))" } ?? ""
    if isUnfinished {
      return
        "\(what.isEmpty ? "an action" : what), which an interrupted run began and which still runs\(since)"
    }
    return "\(who.isEmpty ? "another run" : who), who changes this host\(since)"
      + (what.isEmpty ? "" : " (now: \(what))")
  }

  private static func clock(_ seconds: Int) -> String {
    let day = ((seconds % 86_400) + 86_400) % 86_400
    func two(_ number: Int) -> String { (number < 10 ? "0" : "") + String(number) }
    return "\(two(day / 3600)):\(two(day / 60 % 60)):\(two(day % 60)) UTC"
  }

  /// Who this controller is, for those who wait for it: `alice@laptop (process 4711)`.
  static let thisController: String = {
    var name = [CChar](repeating: 0, count: 256)
    let hasName = gethostname(&name, name.count - 1) == 0
    let host =
      hasName ? String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self) : "?"
    let names: [String] = ["USER", "LOGNAME"]
    let user = names.lazy.compactMap { name in getenv(name).map { String(cString: $0) } }.first {
      !$0.isEmpty
    }
    return "\(user ?? "user \(getuid())")@\(host) (process \(getpid()))"
  }()
}
