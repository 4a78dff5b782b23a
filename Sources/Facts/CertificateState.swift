public import MartletCore

/// A certificate that certbot looks after, and what certbot itself is like on the host.
///
///     var observes: CertificateState { CertificateState("shop.example") }
public struct CertificateState: ProbedFact, CustomStringConvertible {
  public typealias Value = CertificateStatus

  /// certbot's name of it: the folder in `/etc/letsencrypt/live`.
  public let name: String

  public init(_ name: String) { self.name = name }

  public static let kind = "certificate"

  public var description: String { name }

  public var dependsOn: [Resource] { [.tree("/etc/letsencrypt"), .packages] }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    """
    ( command -v certbot >/dev/null && echo certbot
    if [ -d /run/systemd/system ]; then
    for _t in certbot.timer snap.certbot.renew.timer; do systemctl is-active --quiet "$_t" && echo renewer; done
    elif [ -e /etc/cron.d/certbot ]; then echo renewer; fi
    command -v openssl >/dev/null || { [ -d /etc/letsencrypt/live ] && echo 'missing openssl'; }
    echo "now $(date +%s)"
    cd /etc/letsencrypt || exit 0
    for _n in \(facts.map(\.name)); do
    [ -r "live/$_n/fullchain.pem" ] || continue
    printf '= %s\\n' "$_n"
    sed -n 's/^server *= */server /p' "renewal/$_n.conf"
    openssl x509 -noout -startdate -enddate -issuer -ext subjectAltName -in "live/$_n/fullchain.pem"
    done ) 2>/dev/null
    """
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: CertificateStatus] {
    var host = CertificateStatus()
    var found: [String: CertificateStatus.Certificate] = [:]
    var current: String?
    for line in output.lines {
      let text = line.trimmed
      if text == "certbot" {
        host.hasCertbot = true
      } else if text == "renewer" {
        host.isRenewed = true
      } else if text == "missing openssl" {
        throw FactError.malformed(
          kind, "there is no openssl on the host to read certificates with: install it")
      } else if text.hasPrefix("now ") {
        host.now = Int(text.dropFirst(4)) ?? 0
      } else if text.hasPrefix("= ") {
        let name = String(text.dropFirst(2))
        current = name
        found[name] = .init()
      } else if let current {
        if text.hasPrefix("server ") { found[current]?.server = String(text.dropFirst(7)) }
        if text.hasPrefix("issuer=") { found[current]?.issuer = text.dropFirst(7).trimmed }
        if text.hasPrefix("notBefore=") { found[current]?.notBefore = seconds(of: text.dropFirst(10)) ?? 0 }
        if text.hasPrefix("notAfter=") { found[current]?.notAfter = seconds(of: text.dropFirst(9)) ?? 0 }
        if text.hasPrefix("DNS:") {
          found[current]?.names = text.split(separator: ",").map { $0.trimmed }
            .filter { $0.hasPrefix("DNS:") }.map { $0.dropFirst(4).lowercased() }
        }
      }
    }
    return Dictionary(
      facts.map { fact in
        var status = host
        status.certificate = found[fact.name]
        return (fact, status)
      }, uniquingKeysWith: { $1 })
  }

  /// Reads openssl's form of a time, `Nov  5 12:00:00 2025 GMT`, as seconds since 1970.
  static func seconds(of text: some StringProtocol) -> Int? {
    let words = text.split(separator: " ")
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    guard words.count >= 4, let month = months.firstIndex(of: String(words[0])), let day = Int(words[1]),
      let year = Int(words[3])
    else { return nil }
    let time = words[2].split(separator: ":").compactMap { Int($0) }
    guard time.count == 3, (1970...9999).contains(year) else { return nil }
    // Days before a year that begins in March, when a leap day is the last of it.
    let shifted = month < 2 ? year - 1 : year
    let days =
      shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400
      + (153 * ((month + 10) % 12) + 2) / 5 + day - 719_469
    return ((days * 24 + time[0]) * 60 + time[1]) * 60 + time[2]
  }
}

/// What is known of a certificate and of certbot.
public struct CertificateStatus: Sendable, Hashable {
  /// A certificate that is there. Times are seconds since 1970.
  public struct Certificate: Sendable, Hashable {
    public var notBefore = 0
    public var notAfter = 0
    /// The names that it is for, in lower case.
    public var names: [String] = []
    public var issuer = ""
    /// The directory of the ACME server that it is renewed by; nil if certbot doesn't know the certificate.
    public var server: String?

    public init(
      notBefore: Int = 0, notAfter: Int = 0, names: [String] = [], issuer: String = "", server: String? = nil
    ) {
      self.notBefore = notBefore
      self.notAfter = notAfter
      self.names = names
      self.issuer = issuer
      self.server = server
    }
  }

  /// Whether certbot is installed.
  public var hasCertbot: Bool
  /// Whether something on the host renews certificates by itself: certbot's timer or cron file.
  public var isRenewed: Bool
  /// The host's time, in seconds since 1970.
  public var now: Int
  /// The certificate; nil if there is none.
  public var certificate: Certificate?

  public init(
    hasCertbot: Bool = false, isRenewed: Bool = false, now: Int = 0, certificate: Certificate? = nil
  ) {
    self.hasCertbot = hasCertbot
    self.isRenewed = isRenewed
    self.now = now
    self.certificate = certificate
  }
}
