import Testing

@testable import MartletLab

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

@Suite struct HostFilesTests {
  let hosts = [
    LabHost(
      number: 1, address: "10.88.0.2", suite: "bookworm", hasSystemd: true, sshServer: .openssh,
      reachableFrom: nil),
    LabHost(
      number: 2, address: "10.88.0.3", suite: "trixie", hasSystemd: false, sshServer: .dropbear,
      reachableFrom: [1]),
  ]

  @Test func inventory() {
    #expect(
      HostFiles.inventory(hosts, key: "/var/lib/lab/id_ed25519", knownHosts: "/var/lib/lab/known_hosts")
        == """
        # Written by `martlet lab`; it is written anew whenever the lab changes.
        all:
          vars:
            ansible_user: root
            ansible_ssh_private_key_file: /var/lib/lab/id_ed25519
            martlet_known_hosts: /var/lib/lab/known_hosts
          hosts:
            lab1: {ansible_host: 10.88.0.2}
            lab2: {ansible_host: 10.88.0.3}
          children:
            web:
              hosts: {lab1: {}, lab2: {}}

        """)
  }

  @Test func anInventoryWithoutHostsIsStillAMapping() {
    #expect(HostFiles.inventory([], key: "/k", knownHosts: "/h").hasSuffix("  hosts: {}\n"))
  }

  @Test(arguments: [
    ("/var/lib/lab-1/id_ed25519", "/var/lib/lab-1/id_ed25519"),
    ("/a b", "\"/a b\""), ("/a: b", "\"/a: b\""), ("yes", "\"yes\""), ("/a\"b\\c", "\"/a\\\"b\\\\c\""),
  ])
  func yamlQuotesWhatIsNotPlain(text: String, yaml: String) {
    #expect(HostFiles.yaml(text) == yaml)
  }

  @Test func knownHostsHasAddressAndName() {
    let keys = ["ssh-ed25519 AAAAC3 lab1\n", "ecdsa-sha2-nistp256 AAAAE2 a comment", "broken"]
    #expect(
      HostFiles.knownHosts([(hosts[0], keys)]) == """
        10.88.0.2,lab1 ssh-ed25519 AAAAC3
        10.88.0.2,lab1 ecdsa-sha2-nistp256 AAAAE2

        """)
  }

  /// The system's own ssh reads it, and finds nothing of the user's in it.
  @Test(.disabled(if: Tool.ssh.path == nil, "ssh is not installed"))
  func opensshUnderstandsTheConfiguration() async throws {
    let folder = FileManager.default.temporaryDirectory.path + "/martlet-lab-\(UUID().uuidString)"
    try FileSystem.makeDirectory(folder)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let file = "\(folder)/ssh_config"
    try FileSystem.write(HostFiles.sshConfig(hosts, key: "/l/key", knownHosts: "/l/known hosts"), to: file)
    let shown = try await Tool.ssh.check(["-G", "-F", file, "lab2"], timeout: .seconds(10))
    let lines = Set(shown.split(separator: "\n").map(String.init))
    for line in [
      "hostname 10.88.0.3", "user root", "identityfile /l/key", "identitiesonly yes",
      "stricthostkeychecking true", "proxyjump lab1",
    ] {
      #expect(lines.contains(line), "\(line) is missing")
    }
    #expect(lines.contains { $0.hasPrefix("userknownhostsfile") && $0.contains("/l/known hosts") })
  }

  @Test func hostsKeepsTheMachinesNamesButNotItsLoopback() {
    let machine = "127.0.0.1 localhost vm\n# comment\n192.0.2.7 mirror.example\n::1 ip6\n127.0.1.1 vm\n"
    let text = HostFiles.hosts(name: "lab1", machine: machine)
    #expect(text.contains("127.0.1.1 lab1\n"))
    #expect(text.contains("192.0.2.7 mirror.example\n"))
    #expect(!text.contains("vm"))
  }

  @Test func environmentTakesWhatPipNeeds() {
    let machine = [
      "PIP_INDEX_URL": "https://mirror.example/simple", "PIP_FIND_LINKS": "/opt/wheels",
      "SSL_CERT_FILE": "/home/me/bundle.pem", "HTTPS_PROXY": "http://proxy.example:3128", "HOME": "/home/me",
      "PIP_EXTRA": "a\nb", "AWS_SECRET_ACCESS_KEY": "no",
    ]
    #expect(
      HostFiles.environment(machine) == """
        HTTPS_PROXY=http://proxy.example:3128
        PIP_INDEX_URL=https://mirror.example/simple
        SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt

        """)
  }

  @Test func pipConfigurationLosesTheMachinesFolders() {
    let machine = """
      [global]
      index-url = https://mirror.example/simple
      find_links =
          /opt/wheels
          /srv/wheels
      cert = /home/me/bundle.pem
      timeout = 60
      """
    #expect(
      HostFiles.pipConfiguration(machine) == """
        [global]
        index-url = https://mirror.example/simple
        cert = /etc/ssl/certs/ca-certificates.crt
        timeout = 60
        """)
  }
}

@Suite struct DebianSourcesTests {
  @Test func theMirrorOfThisMachineIsUsed() {
    let sources = DebianSources(
      indexTargets: """
        Debian|Debian|http://mirror.example/debian/
        Debian|Debian-Security|http://mirror.example/security/
        . nodistro|. nodistro|https://other.example/node/
        """,
      configuration: """
        Acquire "";
        Acquire::http "";
        Acquire::http::Proxy "http://proxy.example:3128";
        Acquire::Check-Valid-Until "false";
        Acquire::Languages "none";
        """)
    #expect(sources.archive == "http://mirror.example/debian")
    #expect(sources.security == "http://mirror.example/security")
    #expect(
      sources.settings == """
        Acquire::http::Proxy "http://proxy.example:3128";
        Acquire::Check-Valid-Until "false";

        """)
  }

  @Test func onAnotherSystemItIsDebiansOwn() {
    let sources = DebianSources(
      indexTargets: "Ubuntu|Ubuntu|http://mirror.example/ubuntu/\nDebian|Debian|file:/media/cd/\n",
      configuration: "")
    #expect(sources == DebianSources(indexTargets: "", configuration: ""))
    #expect(sources.archive == "http://deb.debian.org/debian")
  }
}
