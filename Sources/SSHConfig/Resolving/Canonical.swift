/// What `CanonicalizeHostname` does where no name server has to be asked, and an error where one would have to be.
///
/// ssh_config(5): "Controls whether explicit hostname canonicalization is performed. […] If set to yes then, for
/// connections that do not use a ProxyCommand or ProxyJump, ssh will attempt to canonicalize the hostname specified on
/// the command line using the CanonicalDomains suffixes and CanonicalizePermittedCNAMEs rules. If
/// CanonicalizeHostname is set to always, then canonicalization is applied to proxied connections too. If this option
/// is enabled, then the configuration files are processed again using the new target name".
enum Canonical {
  /// - Returns: The name, in the usual form if it is an address.
  static func name(_ host: String, _ settings: Settings) throws(SSHConfigError) -> String {
    let family = settings.numbers[.addressFamily] ?? 0
    let mode = settings.numbers[.canonicalizeHostname] ?? 0
    if Machine.looksLikeAddress(host) || mode != 0 || Machine.isAddress(host, family: family) {
      if let address = Machine.canonicalAddress(host, family: family) {
        return host.asciiLowercased == address.asciiLowercased ? host : address
      }
      if Machine.looksLikeAddress(host) { return host }
    }
    let host = host.asciiLowercased
    guard mode != 0 else { return host }
    let isDirect = settings.isClear(.proxyCommand) && settings.jump == nil
    guard isDirect || mode == 2 else { return host }
    if host.hasSuffix(".") { throw error(host, settings) }
    let dots = host.utf8.count { $0 == UInt8(ascii: ".") }
    if dots <= settings.numbers[.canonicalizeMaxDots] ?? 1 {
      let domains = settings.words[.canonicalDomains] ?? []
      if let first = domains.first, !first.isWord("none") { throw error(host, settings) }
      if settings.numbers[.canonicalizeFallbackLocal] == 0 {
        throw SSHConfigError(
          "\(host) can't be found: CanonicalizeFallbackLocal is no, and there are no CanonicalDomains",
          at: settings.origin(of: .canonicalizeFallbackLocal))
      }
    }
    if followsAliases(settings) { throw error(host, settings) }
    return host
  }

  private static func followsAliases(_ settings: Settings) -> Bool {
    let rules = settings.permittedCNAMEs
    return !rules.isEmpty && !(rules.count == 1 && rules[0].source.isWord("none") && rules[0].target.isEmpty)
  }

  private static func error(_ host: String, _ settings: Settings) -> SSHConfigError {
    SSHConfigError(
      """
      CanonicalizeHostname needs a name server to find what \(host) is, which martlet doesn't ask: write the full \
      name (HostName in a Host block for \(host), or in the inventory), or CanonicalizeHostname no
      """, at: settings.origin(of: .canonicalizeHostname))
  }
}
