internal import MartletSSHConfig

/// Which options of ssh_config(5) have an effect on hosts that are reached by libssh2.
enum SSHOptionSupport {
  private static let honoured: Set<String> = [
    "addressfamily", "batchmode", "bindaddress", "bindinterface", "certificatefile", "ciphers",
    "connectionattempts", "connecttimeout", "forwardagent", "globalknownhostsfile", "hashknownhosts", "host",
    "hostkeyalgorithms", "hostkeyalias", "hostname", "identitiesonly", "identityagent", "identityfile",
    "ignoreunknown", "include", "kbdinteractiveauthentication", "kexalgorithms", "macs", "match",
    "numberofpasswordprompts", "passwordauthentication", "pkcs11provider", "port", "preferredauthentications",
    "proxycommand", "proxyjump", "pubkeyauthentication", "sendenv", "serveralivecountmax",
    "serveraliveinterval", "setenv", "stricthostkeychecking", "user", "userknownhostsfile",
  ]

  /// Options that are about ssh's own ways of running, and whose absence changes nothing for a run: multiplexing,
  /// terminals, escapes, what is printed.
  private static let irrelevant: Set<String> = [
    "addkeystoagent", "checkhostip", "compression", "controlmaster", "controlpath", "controlpersist",
    "enableescapecommandline", "escapechar", "exitonforwardfailure", "fingerprinthash",
    "forkafterauthentication", "forwardx11", "forwardx11timeout", "forwardx11trusted", "gssapiauthentication",
    "gssapidelegatecredentials", "ipqos", "loglevel", "logverbose", "nohostauthenticationforlocalhost",
    "requesttty", "stdinnull", "streamlocalbindmask", "streamlocalbindunlink", "syslogfacility", "tag",
    "tcpkeepalive", "updatehostkeys", "visualhostkey", "xauthlocation",
  ]

  /// What was set and isn't honoured, as `VerifyHostKeyDNS (~/.ssh/config:12)`.
  static func ignored(_ options: [SetOption]) -> [String] {
    options.filter {
      let keyword = $0.keyword.lowercased()
      return !honoured.contains(keyword) && !irrelevant.contains(keyword)
    }.map { "\($0.keyword) (\($0.origin))" }
  }
}
