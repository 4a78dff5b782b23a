import Foundation
import MartletCore
import MartletEngine
import MartletLab
import MartletTasks
import MartletTesting
import MartletTransports
import Synchronization
import Testing

extension ServerTests {
  /// Every kind of server with every kind of user.
  @Suite struct MatrixTests {
    /// First run changes, second run changes nothing and costs one exchange.
    @Test(arguments: Machine.all, Person.all)
    func aPlayConverges(machine: Machine, person: Person) async throws {
      guard person.runsCommands else { return }
      let server = try await machine.server()
      let greeting = RemotePath("\(person.home)/it's a greeting")
      let loud = RemotePath("\(person.home)/loud")
      let text = "$HOME `id` \\ \"quoted\" \(person.name)\n"
      @StepsBuilder @Sendable func tasks() -> Steps {
        File(greeting, content: Contents(text), mode: 0o640)
        Command("tr a-z A-Z <\(greeting) >\(loud)", unless: "tr a-z A-Z <\(greeting) | cmp -s - \(loud)")
      }
      func run() async throws -> Run {
        try await server.run(
          user: person.name, become: person.mayBecomeRoot ? .root : .login, password: person.password,
          tasks: tasks)
      }
      let first = try await run()
      #expect(first.failure == "")
      #expect(first.recap.changed == 2)
      let owner = person.mayBecomeRoot ? "root" : person.name
      let left = try await server.ask(
        "stat", "-c", "%a %U", greeting.string, loud.string)
      #expect(left == "640 \(owner)\n644 \(owner)")
      #expect(try await server.ask("cat", loud.string) + "\n" == text.uppercased())
      let second = try await run()
      #expect(second.failure == "")
      #expect(second.recap.changed == 0, "\(second.events.plans)")
      #expect(second.recap.exchanges == 1)
    }

    @Test(arguments: Machine.all, Person.all)
    func whoMayNotIsToldWhatToDo(machine: Machine, person: Person) async throws {
      let server = try await machine.server()
      for refusal in person.refusals {
        let run = try await server.run(
          user: person.name, become: refusal.become ? .root : .login, password: refusal.password
        ) {
          File("/etc/martlet-matrix", content: "x")
        }
        #expect(run.code == 1)
        for part in refusal.parts { #expect(run.failure.contains(part), "\(run.failure)") }
      }
      #expect(try await server.ask("sh", "-c", "test -e /etc/martlet-matrix || echo absent") == "absent")
    }

    /// The line that an error says is to be added, and nothing else, makes it work.
    @Test(arguments: Machine.all, Person.all.filter { $0.line != nil })
    func theLineOfTheErrorIsEnough(machine: Machine, person: Person) async throws {
      let server = try await machine.server()
      let line = try #require(person.line)
      let refused = try await server.becoming(from: person.name) { $0.becomePassword = person.password }
      #expect(refused.contains("with visudo: \(line)"), "\(refused)")
      _ = try await server.ask(
        "sh", "-c", #"printf '%s\n' "$1" >/etc/sudoers.d/zz-line && visudo -cq"#, "sh", line)
      let root = try await server.becoming(from: person.name) { $0.becomePassword = person.password }
      _ = try await server.ask("rm", "/etc/sudoers.d/zz-line")
      #expect(root == "I am root at /root")
    }

    @Test(arguments: Machine.all)
    func aLargeFileArrives(machine: Machine) async throws {
      let server = try await machine.server()
      let bytes = try sample()
      let run = try await server.run(user: "deploy") { File("/srv/large", content: Contents(bytes: bytes)) }
      #expect(run.failure == "")
      let sum = SHA256.hex(bytes)
      #expect(try await server.ask("sha256sum", "/srv/large") == "\(sum)  /srv/large")
    }

    /// What the engine relies on, of each SSH server; on loopback the transports' own tests ask for more.
    @Test(arguments: Machine.all)
    func theTransportsContract(machine: Machine) async throws {
      let session = try await SSHTransport(configuration: "none").connect(
        to: machine.server().host(user: "deploy"))
      let bytes = try sample()
      let both = Talk(sending: bytes)
      #expect(try await session.run("cat", exchange: both, deadline: .seconds(60)) == .code(0))
      let isExact = both.output == bytes
      #expect(isExact, "\(both.output.count) bytes")

      let apart = Talk()
      let script = "i=0; while [ $i -lt 200 ]; do echo out$i; echo err$i >&2; i=$((i+1)); done; exit 7"
      #expect(try await session.run(script, exchange: apart, deadline: .seconds(20)) == .code(7))
      #expect(apart.text == (0..<200).map { "out\($0)\n" }.joined())
      #expect(apart.errorText == (0..<200).map { "err\($0)\n" }.joined())

      for code: Int32 in [0, 127, 255] {
        #expect(
          try await session.run("exit \(code)", exchange: Talk(), deadline: .seconds(20)) == .code(code))
      }
      #expect(
        try await session.run("kill -KILL $$", exchange: Talk(), deadline: .seconds(20)) == .signal("KILL"))
      let unread = Talk(sending: bytes)
      #expect(try await session.run("exit 3", exchange: unread, deadline: .seconds(20)) == .code(3))

      await #expect(throws: TransportError.self) {
        _ = try await session.run("sleep 20", exchange: Talk(), deadline: .milliseconds(500))
      }
      async let one = session.run("sleep 0.3; exit 1", exchange: Talk(), deadline: .seconds(20))
      async let two = session.run("sleep 0.3; exit 2", exchange: Talk(), deadline: .seconds(20))
      #expect(try await [one, two] == [.code(1), .code(2)])
      await session.close()
    }

    /// libssh2 1.10 knows RSA host keys only with SHA-1, which OpenSSH since 8.8 doesn't sign with.
    @Test(arguments: ["rsa", "ecdsa-256", "ecdsa-384", "ecdsa-521", "ed25519"])
    func aServerWithOneHostKey(kind: String) async throws {
      let server = try await Machine.bookworm.server()
      // systemd starts nothing six times within ten seconds, unless it is made to forget.
      let restart = "systemctl reset-failed ssh; systemctl restart ssh"
      let words = kind.split(separator: "-").map(String.init)
      let key = "/etc/ssh/only_\(kind)"
      let setUp = """
        ssh-keygen -q -t \(words[0]) \(words.count > 1 ? "-b \(words[1])" : "") -N '' -f \(key) &&
        echo HostKey \(key) >/etc/ssh/sshd_config.d/only.conf && \(restart) && cat \(key).pub
        """
      let shown = try await server.ask("sh", "-c", setUp)
      var host = try server.host()
      let known = Server.lab.directory + "/one_known_host"
      try "\(host.connection.address) \(shown)\n".write(toFile: known, atomically: true, encoding: .utf8)
      host.connection.knownHosts = [known]
      let outcome: Result<MartletEngine.ExitStatus, any Error>
      do {
        let session = try await SSHTransport(configuration: "none").connect(to: host)
        outcome = .success(try await session.run("exit 5", exchange: Talk(), deadline: .seconds(20)))
        await session.close()
      } catch {
        outcome = .failure(error)
      }
      let whole = await run(host)
      // And where nothing was known of it.
      try FileManager.default.removeItem(atPath: known)
      host.connection.acceptsNewHostKey = true
      let new = await run(host)
      let learned = try String(contentsOfFile: known, encoding: .utf8)
      _ = try await server.ask(
        "sh", "-c", "rm -f /etc/ssh/sshd_config.d/only.conf \(key) \(key).pub; \(restart)")
      switch outcome {
      case .success(let status): #expect(status == .code(5))
      case .failure(let error) where kind == "rsa": #expect("\(error)".contains("host key"), "\(error)")
      case .failure(let error): Issue.record(error)
      }
      #expect(whole == "")
      #expect(new == "")
      #expect(learned.contains(shown.split(separator: " ")[1]), "\(learned)")
    }

    /// A server has keys of several types, and here only one of them is known.
    @Test(arguments: Machine.all, ["ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519"])
    func onlyOneOfItsKeysIsKnown(machine: Machine, type: String) async throws {
      let server = try await machine.server()
      var host = try server.host()
      let lines = try String(contentsOfFile: Server.lab.knownHosts, encoding: .utf8).split(separator: "\n")
      let own = lines.filter { $0.hasPrefix(host.connection.address + ",") }
      #expect(own.count >= 3)
      let known = Server.lab.directory + "/known_by_one_key"
      let line = try #require(own.first { $0.contains(" \(type) ") })
      try "\(line)\n".write(toFile: known, atomically: true, encoding: .utf8)
      host.connection.knownHosts = [known]
      #expect(await run(host) == "")
    }

    /// Runs something with whichever transport fits; why it failed, or nothing.
    private func run(_ host: InventoryHost) async -> String {
      let run = await Bastions.run([host], HostTransport(configuration: "none")) {
        Command("true", changedWhen: .never)
      }
      return run.code == 0 ? "" : run.events.message(of: host.name)
    }

    /// 20 MB that no compression makes smaller.
    private func sample() throws -> [UInt8] {
      let random = try #require(FileHandle(forReadingAtPath: "/dev/urandom"))
      return try Array(#require(try random.read(upToCount: 20_000_000)))
    }
  }
}

/// Sends bytes, and keeps what comes back.
private final class Talk: ExchangeHandler {
  private struct State {
    var rest: ArraySlice<UInt8>
    var output: [UInt8] = []
    var errors: [UInt8] = []
  }
  private let state: Mutex<State>

  init(sending bytes: [UInt8] = []) { state = Mutex(State(rest: bytes[...])) }

  var output: [UInt8] { state.withLock { $0.output } }
  var text: String { String(decoding: output, as: UTF8.self) }
  var errorText: String { state.withLock { String(decoding: $0.errors, as: UTF8.self) } }

  func input() async throws -> [UInt8]? {
    state.withLock { state in
      guard !state.rest.isEmpty else { return nil }
      defer { state.rest = state.rest.dropFirst(65_536) }
      return Array(state.rest.prefix(65_536))
    }
  }

  func output(_ bytes: [UInt8]) { state.withLock { $0.output += bytes } }
  func errorOutput(_ bytes: [UInt8]) { state.withLock { $0.errors += bytes } }
}
