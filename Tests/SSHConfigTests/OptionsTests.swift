import Foundation
import Testing

@testable import MartletSSHConfig

/// The typed options, which `ssh -G` doesn't print as such.
struct OptionsTests {
  private static let environment = [
    "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin", "AGENT": "/run/agent", "X": "x",
  ]

  private func options(
    _ text: String, _ host: String = "web1", user: String? = nil, port: Int? = nil, overrides: [String] = []
  ) async throws -> SSHHostOptions {
    let folder = try Folder()
    let file = try folder.write(text, to: "config")
    let config = try SSHConfig.load(
      user: .file(file), overrides: overrides, environment: Self.environment, homeDirectory: "/home/me")
    return try await config.options(for: host, user: user, port: port)
  }

  @Test func defaults() async throws {
    let options = try await options("")
    #expect(options.hostName == "web1")
    #expect(options.port == 22)
    #expect(options.areIdentityFilesDefaults)
    #expect(options.identityFiles.contains("/home/me/.ssh/id_ed25519"))
    #expect(options.identityAgent == .environment)
    #expect(options.userKnownHostsFiles == ["/home/me/.ssh/known_hosts", "/home/me/.ssh/known_hosts2"])
    #expect(options.strictHostKeyChecking == .ask)
    #expect(options.connectTimeout == nil)
    #expect(options.proxyJump.isEmpty && options.proxyCommand == nil)
    #expect(options.ciphers == nil)
    #expect(options.pubkeyAuthentication && options.passwordAuthentication && options.tcpKeepAlive)
    #expect(options.setOptions.isEmpty)
  }

  @Test func namesAndTokens() async throws {
    let options = try await options(
      """
      HostName %h.example.com
      User deploy
      IdentityFile ~/.ssh/%r@%h:%p-%n
      IdentityFile none
      CertificateFile ${X}/%u%%
      ProxyCommand nc -u %r %h %p %n # %%
      GlobalKnownHostsFile ~/known %h
      """, port: 2222)
    #expect(options.hostName == "web1.example.com")
    #expect(options.identityFiles == ["/home/me/.ssh/deploy@web1.example.com:2222-web1"])
    #expect(!options.areIdentityFilesDefaults)
    #expect(options.certificateFiles.first?.hasPrefix("x/") == true)
    #expect(options.proxyCommand == "nc -u deploy web1.example.com 2222 web1 # %")
    #expect(options.globalKnownHostsFiles == ["/home/me/known", "%h"])
  }

  @Test func commandLineWins() async throws {
    let text = "User a\nPort 1\nConnectTimeout 5\n"
    let options = try await options(text, user: "b", port: 2, overrides: ["ConnectTimeout=7", "User=c"])
    #expect(options.user == "b" && options.port == 2 && options.connectTimeout == .seconds(7))
    #expect(options.setOptions.map(\.keyword) == ["User", "Port", "ConnectTimeout"])
    #expect(options.setOptions.allSatisfy { $0.origin.description == "command line" })
  }

  @Test func jumps() async throws {
    let options = try await options("ProxyJump a,me@b:2022,[::1]:99\nProxyCommand x\n")
    #expect(options.proxyJump.map(\.host) == ["a", "b", "::1"])
    #expect(options.proxyJump.map(\.user) == [nil, "me", nil])
    #expect(options.proxyJump.map(\.port) == [nil, 2022, 99])
    #expect(options.proxyCommand == nil)
    #expect(options.setOptions.map(\.keyword) == ["ProxyJump"])
  }

  @Test(arguments: [
    ("none", IdentityAgent.none), ("SSH_AUTH_SOCK", .environment), ("$AGENT", .path("/run/agent")),
    ("$MISSING", .none), ("${AGENT}-%n", .path("/run/agent-web1")), ("~/a", .path("/home/me/a")),
  ]) func identityAgent(text: String, agent: IdentityAgent) async throws {
    #expect(try await options("IdentityAgent \(text)\n").identityAgent == agent)
  }

  @Test(arguments: [
    ("yes", ForwardAgent.yes), ("no", .no), ("$AGENT", .path("/run/agent")), ("$MISSING", .no),
    ("/a", .path("/a")),
  ]) func forwardAgent(text: String, expected: ForwardAgent) async throws {
    #expect(try await options("ForwardAgent \(text)\n").forwardAgent == expected)
  }

  @Test(arguments: [
    ("yes", StrictHostKeyChecking.yes), ("no", .no), ("off", .no), ("ask", .ask), ("accept-new", .acceptNew),
  ]) func strictHostKeyChecking(text: String, expected: StrictHostKeyChecking) async throws {
    #expect(try await options("StrictHostKeyChecking \(text)\n").strictHostKeyChecking == expected)
  }

  @Test func algorithmsStaySymbolic() async throws {
    let options = try await options("Ciphers +3des-cbc\nMACs -m*\nHostKeyAlgorithms ^ssh-rsa\n")
    #expect(options.ciphers?.change == .append && options.ciphers?.names == ["3des-cbc"])
    #expect(options.hostKeyAlgorithms?.change == .prepend)
    let keys = options.hostKeyAlgorithms?.applied(to: ["x", "ssh-rsa"], supported: ["ssh-rsa", "x"])
    #expect(keys == ["ssh-rsa", "x"])
    #expect(options.macs?.applied(to: ["m1", "n"], supported: []) == ["n"])
  }

  @Test func environmentAndOrigins() async throws {
    let options = try await options(
      "SetEnv A=1 B=x=y\nSendEnv LANG LC_*\nHost other\n User x\nHost web1\n  ForwardX11 yes\n")
    #expect(options.setEnv.map(\.name) == ["A", "B"] && options.setEnv.map(\.value) == ["1", "x=y"])
    #expect(options.sendEnv == ["LANG", "LC_*"])
    let last = try #require(options.setOptions.last)
    #expect(last.keyword == "ForwardX11" && last.value == "yes" && last.origin.line == 6)
  }

  /// `ssh -G` prints these values as they are, `ssh` itself refuses them.
  @Test(arguments: ["IdentityFile %z", "CertificateFile ~nosuchuser/x", "ProxyCommand nc %u"])
  func lateErrors(line: String) async throws {
    let error = await #expect(throws: SSHConfigError.self) { try await options("User a\n\(line)\n") }
    #expect(error?.origin?.line == 2)
  }

  @Test(arguments: [
    ("\nPort x\n", "config:2: Port needs a port from 1 to 65535, not “x”"),
    ("Bogus yes\n", "config:1: there is no option bogus (IgnoreUnknown bogus, before it, lets it pass)"),
    ("User \"a\n", "config:1: a quote isn't closed in the value of User"),
    ("Match sometimes\n", "config:1: Match sometimes lacks what it is compared with"),
    (
      "ProxyJump web1\n", "config:1: ProxyJump goes through the host itself, web1: exclude it with Host !web1"
    ),
    ("ControlPath %z\n", "config:1: ControlPath %z: the token %z has no meaning here (a percent sign is %%)"),
    ("Match localnetwork 10.0.0.0/8\n", "config:1: Match localnetwork can't be decided by martlet"),
    ("RefuseConnection closed\n", "config:1: RefuseConnection: the configuration refuses this host: closed"),
  ]) func errorsNameTheLine(text: String, message: String) async throws {
    let error = await #expect(throws: SSHConfigError.self) { try await options(text) }
    #expect(error?.description.contains(message) == true, "\(String(describing: error))")
  }

  @Test(arguments: ["-oProxyCommand=x", "a b", "a;b", "$(x)", "a\nb"]) func dangerousHosts(host: String)
    async throws
  {
    await #expect(throws: SSHConfigError.self) { try await options("", host) }
    await #expect(throws: SSHConfigError.self) { try await options("", "web1", user: "-x") }
  }

  /// Files are read once; every host costs as much as the one before.
  @Test(.timeLimit(.minutes(1))) func aThousandHosts() async throws {
    let folder = try Folder()
    let blocks = (0..<1000).map { "Host host\($0)\n  HostName 10.0.\($0 / 256).\($0 % 256)\n  User u\($0)\n" }
    let file = try folder.write(blocks.joined() + "Host *\n  IdentityFile ~/.ssh/%n\n", to: "config")
    let config = try SSHConfig.load(user: .file(file))
    // Not read again.
    try FileManager.default.removeItem(atPath: file)
    let clock = ContinuousClock()
    var times: [Duration] = []
    for part in 0..<4 {
      let start = clock.now
      for number in (part * 250)..<((part + 1) * 250) {
        let options = try await config.options(for: "host\(number)")
        #expect(options.user == "u\(number)" && options.hostName == "10.0.\(number / 256).\(number % 256)")
      }
      times.append(clock.now - start)
    }
    print("1,000 hosts of a file of 1,000 blocks: \(times)")
  }
}
