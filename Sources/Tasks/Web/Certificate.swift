public import MartletCore
public import MartletFacts

/// A certificate from an ACME server, Let's Encrypt if no other is named, by certbot.
///
///     Certificate("shop.example", "www.shop.example", email: "ops@shop.example")
///     Certificate("shop.example", email: "ops@shop.example", server: .staging)
///
/// The server proves that it has the names by files that nginx must serve on port 80 from ``webroot``
/// (RFC 8555, section 8.3): a ``NginxSite`` with `acmeWebroot` for the same names stands before this task,
/// without TLS, and the site that uses the certificate after it. ``HTTPSSite`` is the three in one. nginx is made
/// to read its configuration before, and the files are tried out locally, as failed attempts count towards the
/// ACME server's limits.
///
/// A certificate is issued if there is none, if its names are not these, if it came from another server (as
/// staging's), and if less than a third of its lifetime is left. On the host certbot's own timer renews it; nginx
/// then reads it by a hook in `/etc/letsencrypt/renewal-hooks/deploy`.
public struct Certificate: HostTask {
  let domains: [String]
  let name: String
  let email: String?
  let webroot: RemotePath
  let server: ACMEServer
  let keyType: KeyType
  let renewsBelow: Double

  /// The kinds of keys that certbot makes.
  @frozen public enum KeyType: String, Sendable, Hashable {
    case ecdsa
    case rsa
  }

  /// - Parameters:
  ///   - domains: The names that it is for; the first is its name for certbot.
  ///   - email: Whom the ACME server may write to; nil for nobody.
  ///   - name: certbot's name of it, if not the first domain.
  ///   - webroot: The folder that nginx serves the challenges from.
  ///   - server: Who issues it.
  ///   - keyType: The kind of its key.
  ///   - renewsBelow: The part of its lifetime that must be left, from 0 to 1.
  public init(
    _ domains: String..., email: String?, name: String? = nil, webroot: RemotePath = Self.webroot,
    server: ACMEServer = .production, keyType: KeyType = .ecdsa, renewsBelow: Double = 1 / 3
  ) {
    self.init(
      domains, email: email, name: name, webroot: webroot, server: server, keyType: keyType,
      renewsBelow: renewsBelow)
  }

  /// A certificate for names that are known when the playbook runs.
  public init(
    _ domains: [String], email: String?, name: String? = nil, webroot: RemotePath = Self.webroot,
    server: ACMEServer = .production, keyType: KeyType = .ecdsa, renewsBelow: Double = 1 / 3
  ) {
    self.domains = domains
    self.name = name ?? domains.first ?? ""
    self.email = email
    self.webroot = webroot
    self.server = server
    self.keyType = keyType
    self.renewsBelow = renewsBelow
  }

  /// The folder for challenges where no other is named.
  public static let webroot: RemotePath = "/var/www/letsencrypt"

  /// Where certbot keeps a certificate's files.
  static func folder(_ name: String) -> RemotePath { "/etc/letsencrypt/live" / name }

  private static let hook: RemotePath = "/etc/letsencrypt/renewal-hooks/deploy/martlet-nginx"

  public var label: String { "certificate \(name)" }

  public var observes: All<CertificateState, FileState, FileSum> {
    All(CertificateState(name), FileState(Self.hook), FileSum(Self.hook))
  }

  public func decide(given facts: (CertificateStatus, FileStatus, FileDigest?)) -> Decision {
    let (status, hookState, hookSum) = facts
    guard status.hasCertbot else {
      return .failed("certbot is not installed: place AptPackages(\"certbot\") before \(label)")
    }
    var actions: [Action] = []
    if hookSum?.sha256 != SHA256.hex(hookText.bytes) || hookState.mode != 0o755 {
      actions.append(.run("mkdir -p -- \(Self.hook.parent)", summary: "make \(Self.hook.parent)"))
      actions.append(
        .write(
          hookText, to: Self.hook, mode: 0o755, owner: "root", group: "root",
          changes: [.contents(Self.hook, isNew: hookSum == nil, old: hookSum?.bytes, new: hookText)]))
    }
    if let reason = reason(status) {
      let change: Change =
        status.certificate == nil ? .added(domains.joined(separator: ", ")) : .modified(reason)
      actions.append(issue(changes: [change], isNew: status.certificate == nil))
    }
    return Decision(actions)
  }

  /// Why the certificate has to be issued; nil if it hasn't.
  private func reason(_ status: CertificateStatus) -> String? {
    guard let certificate = status.certificate else { return "there is none" }
    let wanted = Set(domains.map { $0.lowercased() })
    let found = Set(certificate.names)
    if wanted != found {
      let added = wanted.subtracting(found).sorted().map { "+" + $0 }
      let removed = found.subtracting(wanted).sorted().map { "-" + $0 }
      return "names \((added + removed).joined(separator: " "))"
    }
    if certificate.server != server.directory {
      return "issued by \(certificate.server ?? "a server that certbot doesn't know") → \(server.directory)"
    }
    let left = certificate.notAfter - status.now
    let lifetime = certificate.notAfter - certificate.notBefore
    if Double(left) < Double(lifetime) * renewsBelow {
      return left < 0 ? "expired" : "renewed: \(left / 86400) of \(lifetime / 86400) days are left"
    }
    return nil
  }

  public func warnings(given facts: (CertificateStatus, FileStatus, FileDigest?)) -> [String] {
    guard facts.0.hasCertbot, !facts.0.isRenewed else { return [] }
    return [
      "nothing on the host renews the certificate \(name) by itself: neither certbot.timer nor /etc/cron.d/certbot "
        + "is there"
    ]
  }

  public func validate() throws {
    if domains.isEmpty { throw InvalidTask("a certificate needs at least one domain") }
    if domains.count > 100 { throw InvalidTask("a certificate can have 100 names, not \(domains.count)") }
    for domain in domains {
      if domain.hasPrefix("*.") {
        throw InvalidTask("\(domain): a wildcard can only be proven by DNS, which this task doesn't do")
      }
      try DomainName.check(domain)
      if !domain.contains("."), case .custom = server {
      } else if !domain.contains(".") {
        throw InvalidTask("\"\(domain)\" is no public name: no certificate can be had for it")
      }
    }
    if let email, !email.contains("@") || email.contains(where: \.isWhitespace) || email.hasPrefix("-") {
      throw InvalidTask("\"\(email)\" is no mail address")
    }
    let isName =
      name.first.map { $0.isLetter || $0.isNumber } == true
      && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_.-".contains($0)) }
    if !isName { throw InvalidTask("\"\(name)\" can't be a certificate's name") }
    if !(0.05...0.95).contains(renewsBelow) {
      throw InvalidTask("renewsBelow is a part of the lifetime, from 0.05 to 0.95, not \(renewsBelow)")
    }
    if !server.directory.hasPrefix("https://") {
      throw InvalidTask("\"\(server.directory)\" is no address of an ACME server: it begins with https://")
    }
  }

  private var hookText: Contents {
    Contents(
      "#!/bin/sh\n# Written by Martlet: nginx reads the certificates that certbot has renewed.\n"
        + NginxSite.reloadScript.text + "\n")
  }

  /// Sites that already name the certificate, as after /etc/letsencrypt was lost, would keep nginx from starting.
  private var setAside: ShellCommand {
    """
    restore() { for site in "$MARTLET_TMP"/aside/*; do [ -e "$site" ] || [ -L "$site" ] || continue
    mv -f -- "$site" \(NginxSite.folder)/sites-enabled/; done; }
    trap restore EXIT
    mkdir -p "$MARTLET_TMP/aside"
    for site in \(NginxSite.folder)/sites-enabled/*; do
    if grep -qs -F -- \(Self.folder(name).string + "/") "$site"; then mv -f -- "$site" "$MARTLET_TMP/aside/"; fi
    done
    """
  }

  private func issue(changes: [Change], isNew: Bool) -> Action {
    var certbot: ShellCommand = """
      certbot certonly --non-interactive --agree-tos --webroot --webroot-path \(webroot) --cert-name \(name) \
      --server \(server.directory) --key-type \(raw: keyType.rawValue) --renew-with-new-domains
      """
    certbot += email.map { " --email \($0) --no-eff-email" } ?? " --register-unsafely-without-email"
    for domain in domains { certbot += " --domain \(domain)" }
    if !isNew { certbot += " --force-renewal" }
    let challenges = webroot / ".well-known/acme-challenge"
    var command: ShellCommand = """
      set -e
      umask 022
      _P=\(challenges)
      [ -d \(challenges) ] || ( _folder \(challenges) '' '' 0755 )
      _trust \(challenges) || {
      # certbot gives what it makes there to the owner of the folder, by name.
      echo "certbot would work as root in "\(challenges)", where $(_user "$_who") may write too ($_whose): name a webroot that"
      echo "only root can write to, or give that folder to root."
      exit 1
      }
      \(splice: isNew ? setAside : ":")
      ( \(splice: NginxSite.reloadScript)
      )
      if command -v curl >/dev/null; then
      probe=martlet-$$
      echo "$probe" >\(challenges)/"$probe"
      for domain in \(domains); do
      n=0
      until [ "$(curl -s -m 5 -H "Host: $domain" "http://127.0.0.1/.well-known/acme-challenge/$probe")" = "$probe" ]; do
      n=$((n + 1))
      [ $n -lt 10 ] || {
      echo "nginx does not serve http://$domain/.well-known/acme-challenge/ from "\(webroot)": place NginxSite with"
      echo "acmeWebroot: before the certificate. Nothing was asked of the ACME server."
      exit 1
      }
      sleep 0.3
      done
      done
      rm -f -- \(challenges)/"$probe"
      fi

      """
    if let bundle = server.certificateAuthority {
      command += "export REQUESTS_CA_BUNDLE=\(bundle)\n"
    }
    command += """
      \(splice: certbot)
      \(splice: isNew ? "restore; trap - EXIT" : ":")
      ( \(splice: NginxSite.reloadScript)
      )
      """
    var action = Action.run(
      command, summary: "certbot certonly \(domains.joined(separator: " "))", changes: changes,
      touches: [.tree("/etc/letsencrypt"), .service("nginx")]
    ).usingSafeWrites()
    action.timeout = .seconds(600)
    return action
  }
}

/// Who issues certificates (RFC 8555).
@frozen public enum ACMEServer: Sendable, Hashable {
  /// Let's Encrypt.
  case production
  /// Let's Encrypt's server for trials: no browser trusts it, and its limits are wide.
  case staging
  /// Another server: the address of its directory, and a file on the host with the authority that its own
  /// address is to be verified with, where that isn't a public one.
  case custom(String, certificateAuthority: RemotePath? = nil)

  /// The address of its directory.
  public var directory: String {
    switch self {
    case .production: "https://acme-v02.api.letsencrypt.org/directory"
    case .staging: "https://acme-staging-v02.api.letsencrypt.org/directory"
    case .custom(let url, _): url
    }
  }

  var certificateAuthority: RemotePath? {
    if case .custom(_, let file) = self { file } else { nil }
  }
}
