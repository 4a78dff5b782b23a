public import MartletCore

/// What a web server answers to a request that the host itself makes, by curl, else Python, else wget.
///
///     var observes: HTTPAnswer { HTTPAnswer("http://127.0.0.1/health", host: "shop.example", within: 10) }
///
/// The first look of a run asks once. Later looks come after a change: they ask again until the answer is as
/// expected or the time is over.
public struct HTTPAnswer: ProbedFact, CustomStringConvertible {
  public typealias Value = HTTPResponse

  /// What is asked for.
  public let url: String
  /// The `Host` field of the request; nil for the one in the URL.
  public let host: String?
  /// A Unix socket to connect to in place of the URL's host.
  public let socket: RemotePath?
  /// An address of the host to connect to in place of the URL's, so that a site is asked by its own name.
  public let address: String?
  /// The status that ends the waiting; nil for any of 200 to 399.
  public let status: Int?
  /// How long to wait for it after a change, in seconds.
  public let within: Int
  /// Whether the server's certificate has to be good.
  public let verifiesCertificate: Bool
  /// What the server's answer depends on.
  public let resources: [Resource]

  public init(
    _ url: String, host: String? = nil, socket: RemotePath? = nil, address: String? = nil, status: Int? = nil,
    within: Int = 10, verifiesCertificate: Bool = true, dependsOn resources: [Resource] = []
  ) {
    self.url = url
    self.host = host
    self.socket = socket
    self.address = address
    self.status = status
    self.within = within
    self.verifiesCertificate = verifiesCertificate
    self.resources = resources
  }

  public static let kind = "HTTP answer"

  public var description: String { url }

  public var dependsOn: [Resource] { resources }

  /// How much of a body is read, in bytes.
  static let bodyLimit = 4096

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    ShellCommand(
      lines: facts.enumerated().map { index, fact in
        let tries = options.hasActed ? fact.within : 0
        let wanted = fact.status.map(String.init) ?? "[23][0-9][0-9]"
        return """
          ( printf '= %s\\n' \(String(index))
          _ask() { \(splice: fact.request) }
          _end=$(($(date +%s) + \(tries)))
          while :; do
          _out=$(_ask 2>&1 | head -c \(bodyLimit) | tr -d '\\000')
          case $_out in "status "\(raw: wanted)*) break;; esac
          [ "$(date +%s)" -lt "$_end" ] || break
          sleep 0.5
          done
          printf '%s\\n' "$_out" | sed 's/^/|/' )
          """
      })
  }

  /// Prints `status NNN` and the body, or what went wrong.
  private var request: ShellCommand {
    var curl: ShellCommand = "curl -sS -m 10 -i"
    if let host { curl += " -H \("Host: " + host)" }
    if let socket { curl += " --unix-socket \(socket)" }
    if let address { curl += " --connect-to \("::" + address + ":")" }
    if !verifiesCertificate { curl += " -k" }
    curl += " -- \(url)"
    var wget: ShellCommand = "wget -nv -T 10 -t 1 --max-redirect=0 --content-on-error"
    if let host { wget += " --header \("Host: " + host)" }
    if !verifiesCertificate { wget += " --no-check-certificate" }
    // wget mixes header and body, so it is asked for each.
    wget = """
      _h=$(\(splice: wget) -S -O /dev/null -- \(url) 2>&1)
      _s=$(printf '%s\\n' "$_h" | sed -n 's/^ *HTTP\\/[0-9.]* \\([0-9][0-9][0-9]\\).*/status \\1/p' | tail -n 1)
      if [ -z "$_s" ]; then printf '%s\\n' "$_h"; else printf '%s\\n' "$_s"; \(splice: wget) -O - -- \(url) 2>/dev/null; fi
      """
    let python: ShellCommand = """
      python3 -I -c \(Self.python) \(url) \(host ?? "") \(socket?.string ?? "") \(address ?? "") \(
        verifiesCertificate ? "1" : "")
      """
    // The header ends with the first empty line; a proxy's 100 Continue is followed by another header.
    let strip = #"""
      sed -e 's/\r$//' | sed -e '1,/^$/{s/^ *HTTP\/[0-9.]* \([0-9][0-9][0-9]\).*/status \1/;t;/^curl:/b;d;}'
      """#
    let wgetCan = socket == nil && address == nil ? "true" : "false"
    return """
      if command -v curl >/dev/null 2>&1; then \(splice: curl) 2>&1 | \(raw: strip)
      elif command -v python3 >/dev/null 2>&1; then \(splice: python)
      elif \(raw: wgetCan) && command -v wget >/dev/null 2>&1; then \(splice: wget)
      else echo "there is no curl, python3 or wget on the host to ask with"; fi
      """
  }

  private static let python = """
    import http.client, socket, ssl, sys, urllib.parse
    url, host, path, address, verify = sys.argv[1:]
    u = urllib.parse.urlsplit(url)
    try:
      if path:
        c = http.client.HTTPConnection("localhost", timeout=10)
        c.sock = socket.socket(socket.AF_UNIX); c.sock.settimeout(10); c.sock.connect(path)
      else:
        x = ssl.create_default_context() if verify else ssl._create_unverified_context()
        c = http.client.HTTPConnection(u.hostname, u.port, timeout=10)
        port = u.port or (443 if u.scheme == "https" else 80)
        c.sock = socket.create_connection((address or u.hostname, port), 10)
        if u.scheme == "https": c.sock = x.wrap_socket(c.sock, server_hostname=u.hostname)
      h = {"Host": host or u.netloc}
      c.request("GET", (u.path or "/") + ("?" + u.query if u.query else ""), headers=h)
      r = c.getresponse()
      print("status", r.status)
      sys.stdout.flush()
      sys.stdout.buffer.write(r.read(4096))
    except Exception as e:
      print(type(e).__name__, e)
    """

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: HTTPResponse] {
    var values: [Self: HTTPResponse] = [:]
    var current: Self?
    for line in output.lines {
      if line.hasPrefix("= "), let index = Int(line.dropFirst(2)), facts.indices.contains(index) {
        current = facts[index]
        values[facts[index]] = HTTPResponse(status: nil, body: "")
      } else if let fact = current, line.hasPrefix("|") {
        let text = line.dropFirst()
        if values[fact]?.status == nil, values[fact]?.body.isEmpty == true, text.hasPrefix("status ") {
          values[fact]?.status = Int(text.dropFirst("status ".count).prefix(3))
        } else {
          values[fact]?.body += text + "\n"
        }
      } else {
        throw FactError.malformed(kind, String(line.prefix(200)))
      }
    }
    return values
  }
}

/// What came back.
public struct HTTPResponse: Sendable, Hashable {
  /// The status; nil if there was no answer.
  public var status: Int?
  /// The beginning of the body, or what went wrong.
  public var body: String

  public init(status: Int?, body: String = "") {
    self.status = status
    self.body = body
  }
}
