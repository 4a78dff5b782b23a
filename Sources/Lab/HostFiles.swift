/// The text of the files that describe a lab, and of those that make one host differ from another.
enum HostFiles {
  /// Where this machine's own list of name servers is. With systemd-resolved, /etc/resolv.conf names a
  /// loopback address, which means nothing in a host.
  static var machineResolvConf: String {
    let behindResolved = "/run/systemd/resolve/resolv.conf"
    return FileSystem.exists(behindResolved) ? behindResolved : "/etc/resolv.conf"
  }

  /// The inventory, in the shape that Ansible reads too.
  static func inventory(_ hosts: [LabHost], key: String, knownHosts: String) -> String {
    var text = """
      # Written by `martlet lab`; it is written anew whenever the lab changes.
      all:
        vars:
          ansible_user: root
          ansible_ssh_private_key_file: \(yaml(key))
          martlet_known_hosts: \(yaml(knownHosts))
        hosts:

      """
    if hosts.isEmpty { return text.replacing("  hosts:\n", with: "  hosts: {}\n") }
    for host in hosts { text += "    \(host.name): {ansible_host: \(host.address)}\n" }
    // The group that playbooks for web servers speak of.
    return text
      + "  children:\n    web:\n      hosts: {\(hosts.map { "\($0.name): {}" }.joined(separator: ", "))}\n"
  }

  /// A YAML string, quoted where YAML could take it for something else (YAML 1.2, 7.3.1).
  static func yaml(_ text: String) -> String {
    let plain =
      text.first == "/"
      && text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "/._-".contains($0)) }
    if plain { return text }
    return "\"" + text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
  }

  /// A client configuration for OpenSSH, so that `ssh -F FILE lab1` works.
  static func sshConfig(_ hosts: [LabHost], key: String, knownHosts: String) -> String {
    var text = ""
    for host in hosts {
      text += "Host \(host.name)\n  HostName \(host.address)\n"
      if let jump = host.reachableFrom?.first { text += "  ProxyJump lab\(jump)\n" }
    }
    // The user's own files stay out of it; OpenSSH takes the first value it sees for each word.
    text += """
      Host lab*
        User root
        IdentityFile "\(key)"
        IdentitiesOnly yes
        IdentityAgent none
        UserKnownHostsFile "\(knownHosts)"
        GlobalKnownHostsFile /dev/null
        StrictHostKeyChecking yes

      """
    return text
  }

  /// Lines for known_hosts, by address and by name.
  ///
  /// - Parameter publicKeys: for each host, the content of its host keys' .pub files.
  static func knownHosts(_ publicKeys: [(host: LabHost, keys: [String])]) -> String {
    var text = ""
    for (host, keys) in publicKeys {
      for key in keys {
        let words = key.split(whereSeparator: \.isWhitespace)
        guard words.count >= 2 else { continue }
        text += "\(host.address),\(host.name) \(words[0]) \(words[1])\n"
      }
    }
    return text
  }

  /// A host's /etc/hosts: itself, and those names that this machine's own file adds to DNS.
  static func hosts(name: String, machine: String) -> String {
    var text = "127.0.0.1 localhost\n127.0.1.1 \(name)\n::1 localhost ip6-localhost ip6-loopback\n"
    for line in machine.split(separator: "\n") {
      guard let address = line.split(whereSeparator: \.isWhitespace).first, IPv4Network(address) != nil,
        !address.hasPrefix("127.")
      else { continue }
      text += line + "\n"
    }
    return text
  }

  /// A host's /etc/environment: where pip, curl and OpenSSL find the package index and the certificates
  /// on this machine, they do so on the host.
  static func environment(_ machine: [String: String]) -> String {
    let names = [
      "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "http_proxy", "https_proxy", "no_proxy",
    ]
    var text = ""
    for (name, value) in machine.sorted(by: { $0.key < $1.key }) {
      let wanted = name.hasPrefix("PIP_") || names.contains(name) || names.contains(name.lowercased())
      // Paths of files that lie on this machine only, and what would break the file's lines.
      guard wanted, name != "PIP_FIND_LINKS", name != "PIP_CONFIG_FILE", !value.contains(where: \.isNewline)
      else { continue }
      let bundles = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT"]
      text += "\(name)=\(bundles.contains(name) ? certificates : value)\n"
    }
    return text
  }

  /// A host's /etc/pip.conf, without the folders of wheels that only this machine has.
  static func pipConfiguration(_ machine: String) -> String {
    var kept: [Substring] = []
    var dropping = false
    for line in machine.split(separator: "\n", omittingEmptySubsequences: false) {
      // A value goes on in the lines that are indented.
      if line.first?.isWhitespace != true {
        let key = line.prefix { $0 != "=" && $0 != ":" && $0 != " " }.lowercased().replacing("_", with: "-")
        dropping = key == "find-links"
      }
      if !dropping {
        kept.append(line.hasPrefix("cert") ? "cert = \(certificates)"[...] : line)
      }
    }
    return kept.joined(separator: "\n")
  }

  /// Where Debian keeps the certificates of all authorities that a machine trusts.
  static let certificates = "/etc/ssl/certs/ca-certificates.crt"
}
