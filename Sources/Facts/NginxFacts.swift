public import MartletCore

/// Whether the host's kernel has IPv6: where it was switched off at the boot, no program can listen on `[::]`.
///
///     var observes: IPv6Support { IPv6Support() }
public struct IPv6Support: ProbedFact, CustomStringConvertible {
  public typealias Value = Bool

  public init() {}

  public static let kind = "IPv6"

  public var description: String { "support" }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    // proc(5); it is empty where IPv6 is only switched off for the interfaces, and then programs may listen.
    "if [ -e /proc/net/if_inet6 ]; then echo yes; else echo no; fi"
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: Bool] {
    Dictionary(facts.map { ($0, output.lines.first == "yes") }, uniquingKeysWith: { $1 })
  }
}

/// Which files of nginx say how large the buckets of its server names are. It may be said once.
///
///     var observes: NginxNameBuckets { NginxNameBuckets() }
public struct NginxNameBuckets: ProbedFact, CustomStringConvertible {
  /// The sizes in bytes, by the files that give them.
  public typealias Value = [RemotePath: Int]

  public init() {}

  public static let kind = "nginx's buckets for server names"

  public var description: String { "server_names_hash_bucket_size" }

  public var dependsOn: [Resource] {
    [.tree("/etc/nginx/conf.d"), .path("/etc/nginx/nginx.conf"), .packages]
  }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    """
    grep -sE '^[[:space:]]*server_names_hash_bucket_size[[:space:]]' /etc/nginx/nginx.conf /etc/nginx/conf.d/*.conf \
    /dev/null || :
    """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: Value] {
    var sizes: Value = [:]
    for line in output.lines {
      let words = line.split(whereSeparator: { " \t;:".contains($0) })
      if words.count >= 3, let size = Int(words[2]) { sizes[RemotePath(String(words[0]))] = size }
    }
    return Dictionary(facts.map { ($0, sizes) }, uniquingKeysWith: { $1 })
  }
}

/// What nginx warned of when it last read its configuration, in a run that has changed something: whoever changes a
/// site is told, and a run that finds all as it was isn't told again.
///
///     var observes: NginxWarnings { NginxWarnings(from: "/run/martlet/nginx.said") }
public struct NginxWarnings: ProbedFact, CustomStringConvertible {
  /// The warnings, without date and process.
  public typealias Value = [String]

  /// The file that whoever made nginx read its configuration has left its words in.
  public let file: RemotePath

  public init(from file: RemotePath) { self.file = file }

  public static let kind = "nginx's warnings"

  public var description: String { file.string }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    options.hasActed ? "grep -hs '\\[warn\\]' \(facts.map(\.file)) | head -n 50" : ":"
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: Value] {
    let warnings = output.lines.compactMap { line -> String? in
      guard let start = line.firstRange(of: "[warn] ")?.upperBound else { return nil }
      // "[warn] 123#123: conflicting server name …"
      let text = line[start...]
      return String(text.split(separator: ": ", maxSplits: 1).last ?? text)
    }
    return Dictionary(facts.map { ($0, warnings) }, uniquingKeysWith: { $1 })
  }
}
