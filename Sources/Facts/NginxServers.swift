public import MartletCore

/// The servers of nginx in Debian's layout: where each listens, and what names it has.
///
///     var observes: NginxServers { NginxServers() }
///
/// Read from the enabled sites and `conf.d`, without starting nginx, which may be stopped or misconfigured. Files
/// that they include are not read. Empty if there is no nginx.
public struct NginxServers: ProbedFact, CustomStringConvertible {
  public typealias Value = [NginxServer]

  public init() {}

  public static let kind = "servers of nginx"

  public var description: String { "in \(Self.folder)" }

  private static let folder: RemotePath = "/etc/nginx"

  public var dependsOn: [Resource] {
    [.tree(Self.folder / "sites-enabled"), .tree(Self.folder / "conf.d")]
  }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand { probe(in: folder) }

  /// A word a line, then what the words are; `server` begins a block only where a brace follows it.
  static func probe(in folder: RemotePath) -> ShellCommand {
    """
    ( for _f in \(folder / "conf.d")/*.conf \(folder / "sites-enabled")/*; do
    [ -f "$_f" ] && [ -r "$_f" ] || continue
    printf '= %s\\n' "$_f"
    sed -e 's/\\(^\\|[[:space:]]\\)#.*//' "$_f" | sed -e 's/[{};]/ & /g' | tr -s ' \\t\\r' '\\n\\n\\n' | awk '
    $0 == "" { next }
    waits && $0 == "{" { print "server" }
    { waits = $0 == "server" }
    kind != "" && $0 == ";" { print kind words; kind = ""; next }
    kind != "" { words = words " " $0; next }
    $0 == "listen" || $0 == "server_name" { kind = $0; words = "" }'
    done ) 2>/dev/null
    """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: [NginxServer]] {
    var servers: [NginxServer] = []
    var file = ""
    for line in output.lines {
      let words = line.split(separator: " ").map(String.init)
      if line.hasPrefix("= ") {
        file = String(line.dropFirst(2))
      } else if line == "server" {
        servers.append(NginxServer(file: file))
      } else if words.first == "listen", !servers.isEmpty {
        servers[servers.count - 1].listens.append(Array(words.dropFirst()))
      } else if words.first == "server_name", !servers.isEmpty {
        servers[servers.count - 1].names += words.dropFirst().map { name in
          name.filter { !"\"'".contains($0) }.lowercased()
        }
      }
    }
    return Dictionary(uniqueKeysWithValues: facts.map { ($0, servers) })
  }
}

/// A `server` block.
public struct NginxServer: Sendable, Hashable {
  /// The file that it stands in.
  public var file: String
  /// The words of each `listen`.
  public var listens: [[String]]
  /// The words of `server_name`, in lower case.
  public var names: [String]

  public init(file: String, listens: [[String]] = [], names: [String] = []) {
    self.file = file
    self.listens = listens
    self.names = names
  }

  /// The ports that it listens on; nginx takes 80 where nothing is said (ngx_http_core_module, "listen").
  public var ports: Set<Int> {
    if listens.isEmpty { return [80] }
    return Set(listens.compactMap { $0.first.flatMap(Self.port) })
  }

  /// Whether it answers, on a port, for names that no server has.
  public func isDefault(on port: Int) -> Bool {
    listens.contains { words in
      words.first.flatMap(Self.port) == port
        && (words.contains("default_server") || words.contains("default"))
    }
  }

  /// Whether it has no name of its own: `server_name _;` is a name that nobody asks for.
  public var isUnnamed: Bool { names.allSatisfy { $0 == "_" || $0.isEmpty } }

  /// Nil for what no visitor reaches: a socket, or an address of the host's own.
  private static func port(_ address: String) -> Int? {
    if ["unix:", "127.", "localhost:", "[::1]"].contains(where: address.hasPrefix) { return nil }
    if let port = Int(address) { return port }
    guard !address.hasSuffix("]"), let colon = address.lastIndex(of: ":") else { return 80 }
    return Int(address[address.index(after: colon)...])
  }
}
