import Foundation
import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// `martlet apply site.swift`, from the file to the exit code.
@Suite(.serialized) struct SingleFileTests {
  static let playbook = """
    import Martlet

    @main struct Shop: Playbook {
      struct Vars: HostVars {
        var domain = "shop.example"
        var workers = 3
        var admins: [String] = []
      }

      var plays: Plays {
        Play("Web servers", on: "web", vars: Vars.self) { host in
          motd(host.name)
          Directory("/srv/shop", mode: 0o755).tags("files")
          let settings = File(
            "/srv/shop/settings", content: "\\(host.vars.domain) \\(host.vars.workers)\\n", mode: 0o640
          ).notify(restart)
          settings
          for admin in host.vars.admins {
            File("/srv/shop/admins" / admin, content: "\\(admin)\\n")
          }
        }
      }

      var restart: Handler { Handler("restart the shop", run: "systemctl restart shop") }

      @StepsBuilder func motd(_ name: String) -> Steps {
        File("/etc/motd", content: "Welcome to \\(name)\\n")
      }
    }
    """

  /// A port of this machine at which nothing listens.
  static let unreachable = "web: {hosts: {a: {ansible_host: 127.0.0.1, ansible_port: 1}}}\n"

  @Test func `A playbook that traps names its own line`() async throws {
    let bench = try Workbench()
    try bench.write(
      "trap.swift",
      """
      import Martlet
      @main struct Trap: Playbook {
        var plays: Plays {
          Play("Trap", on: "web") { _ in
            let none: [String] = []
            File("/etc/motd", content: "\\(none[3])")
          }
        }
      }
      """)
    try bench.write("inventory.yaml", Self.unreachable)
    let result = try await bench.martlet(["apply", "trap.swift", "--check"])
    #expect(result.code != 0)
    #expect(result.errors.contains("trap.swift:6"), "\(result.errors)")
    #expect(!result.errors.contains("rip 0x"))
  }

  @Test func `A playbook of thirty lines is compiled once, runs, and reports`() async throws {
    let bench = try Workbench()
    try bench.write("shop.swift", Self.playbook)
    try bench.write("inventory.yaml", Self.unreachable)
    let first = try await bench.martlet(["apply", "shop.swift", "--check"])
    #expect(first.code == 4, "\(first.errors)")
    #expect(
      first.output.hasPrefix("Shop: 1 host, check mode: nothing is changed\na | UNREACHABLE: 127.0.0.1:1"))
    #expect(bench.cached.count == 1)

    // The key names the compiler, so the second start can't do without one; that it found the first program shows in
    // the file being the same one.
    let program = bench.folder + "/cache/martlet/" + (bench.cached.first ?? "")
    let before = try FileManager.default.attributesOfItem(atPath: program)[.systemFileNumber] as? UInt64
    let second = try await bench.martlet(["apply", "shop.swift", "--check", "--json"])
    #expect(second.code == 4)
    #expect(try FileManager.default.attributesOfItem(atPath: program)[.systemFileNumber] as? UInt64 == before)
    #expect(bench.cached.count == 1)
    let lines = second.output.split(separator: "\n")
    #expect(lines.count == 4 && lines.allSatisfy { $0.hasPrefix("{") && $0.hasSuffix("}") })
    #expect(lines.last?.contains(#""exit_code":4"#) == true)

    try bench.write("shop.swift", Self.playbook + "\n")
    _ = try await bench.martlet(["apply", "shop.swift", "--check"])
    #expect(bench.cached.count == 2)

    let program2 = try await bench.run(program, ["--check"])
    #expect(program2.code == 4, "a compiled playbook runs by itself")
    let applied = try await bench.martlet(["apply", program, "--check"])
    #expect(applied.code == 4 && applied.output.hasPrefix("Shop: 1 host"))
    let help = try await bench.run(program, ["--help"])
    #expect(help.code == 0 && help.output.contains("--ask-become-pass"))
    let wrong = try await bench.run(program, ["--nope"])
    #expect(wrong.code == 64)
  }

  @Test func `Errors of the compiler are shown with the file's own path`() async throws {
    let bench = try Workbench()
    try bench.write("shop.swift", Self.playbook.replacing("mode: 0o755", with: "mod: 0o755"))
    let outcome = try await bench.martlet(["apply", "shop.swift", "-i", "a,"])
    #expect(outcome.code == 64 && outcome.output.isEmpty)
    #expect(outcome.errors.contains("shop.swift:13:"))
    #expect(outcome.errors.hasSuffix("error: shop.swift doesn't compile\n"))
    #expect(bench.cached.isEmpty)
  }

  @Test func `What was hashed is what is compiled, whatever becomes of the file meanwhile`() async throws {
    let bench = try Workbench()
    try bench.write("shop.swift", Self.playbook)
    // A compiler that finds another text in the file by the time that it reads it; the edit is undone afterwards.
    try bench.write(
      "swiftc",
      """
      #!/bin/sh
      cp shop.swift kept && sed -i 's/struct Shop:/struct Edited:/' shop.swift
      PATH=$REAL_PATH swiftc "$@"; status=$?
      mv kept shop.swift; exit $status
      """)
    #expect(chmod(bench.folder + "/swiftc", 0o755) == 0)
    try bench.write("inventory.yaml", Self.unreachable)
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let result = try await bench.martlet(
      ["apply", "shop.swift", "--check"],
      environment: ["PATH": "\(bench.folder):\(path)", "REAL_PATH": path])
    #expect(result.code == 4 && result.output.hasPrefix("Shop: 1 host"), "\(result.output)\(result.errors)")
    #expect(bench.cached.count == 1, "no copy stays behind")
  }

  @Test func `What is missing is said`() async throws {
    let bench = try Workbench()
    try bench.write("shop.swift", Self.playbook)
    let compiler = try await bench.martlet(["apply", "shop.swift"], environment: ["PATH": "/nowhere"])
    #expect(compiler.code == 64 && compiler.errors.hasPrefix("error: swiftc is not in PATH"))
    let library = try await bench.martlet(
      ["apply", "shop.swift"], environment: ["MARTLET_LIBRARY": "/nowhere"])
    #expect(library.code == 64 && library.errors.contains("is not in /nowhere"))
    try bench.write("plain.swift", "import Martlet\n")
    let main = try await bench.martlet(["apply", "plain.swift"])
    #expect(main.code == 64 && main.errors.contains("has no @main"))
    let inventory = try await bench.martlet(["apply", "shop.swift"])
    #expect(inventory.code == 64 && inventory.errors.contains("no inventory: there is no inventory.yaml"))
    let pattern = try await bench.martlet(["apply", "shop.swift", "-i", "a,", "--check"])
    #expect(pattern.code == 64, "no group web in the list")
  }

  @Test func `A cache that others can write to is not used`() async throws {
    let bench = try Workbench()
    try bench.write("shop.swift", Self.playbook)
    let cache = bench.folder + "/cache/martlet"
    try FileManager.default.createDirectory(atPath: cache, withIntermediateDirectories: true)
    #expect(chmod(cache, 0o777) == 0)
    let outcome = try await bench.martlet(["apply", "shop.swift", "-i", "a,"])
    #expect(outcome.code == 64 && outcome.errors.contains("others can write to it"))
  }

  @Test(arguments: ["INT", "TERM", "HUP"])
  func `A signal ends a run that waits for a host, with 130`(signal: String) async throws {
    let bench = try Workbench()
    let server = try SilentServer()
    try bench.write("shop.swift", Self.playbook)
    try bench.write(
      "inventory.yaml", "web: {hosts: {a: {ansible_host: 127.0.0.1, ansible_port: \(server.port)}}}\n")
    let outcome = try await bench.run("/bin/sh", Self.signalling([signal], after: "grep -q 'Shop: 1' out"))
    #expect(outcome.output.contains("warning: interrupted"))
    #expect(outcome.output.hasSuffix("interrupted\nstatus 130\n"), "\(outcome)")
  }

  @Test func `A second signal ends what doesn't listen to the first`() async throws {
    let bench = try Workbench()
    let stuck = Self.playbook.replacing(
      "      motd(host.name)\n", with: "      let _ = sleep(50)\n      motd(host.name)\n")
    try bench.write("shop.swift", "import Glibc\n" + stuck)
    try bench.write("inventory.yaml", Self.unreachable)
    // Refused, but compiled, so that the signals don't meet the compiler.
    _ = try await bench.martlet(["apply", "shop.swift", "-i", "nowhere.yaml"])
    let start = ContinuousClock.now
    let outcome = try await bench.run("/bin/sh", Self.signalling(["INT", "INT"], after: "sleep 1"))
    #expect(outcome.output.hasSuffix("status 130\n"), "\(outcome)")
    #expect(ContinuousClock.now - start < .seconds(20))
  }

  /// Runs the playbook in the background and, once a test succeeds, sends it signals a second apart. A shell makes
  /// background jobs ignore SIGINT, which `env` takes back.
  static func signalling(_ signals: [String], after test: String) -> [String] {
    let kills = signals.map { "kill -\($0) $job" }.joined(separator: "; sleep 1; ")
    return [
      "-c",
      """
      env --default-signal=INT \(Workbench.martlet) apply shop.swift >out & job=$!
      until \(test); do sleep 0.1; done
      \(kills); wait $job; status=$?; cat out; echo status $status
      """,
    ]
  }
}

/// Takes connections and says nothing.
final class SilentServer: Sendable {
  private let descriptor: Int32
  let port: Int

  struct Failure: Error {}

  init() throws {
    #if canImport(Darwin)
      descriptor = socket(AF_INET, SOCK_STREAM, 0)
    #else
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    #endif
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = descriptor
    let isBound = withUnsafeMutableBytes(of: &address) { bytes in
      guard let base = bytes.baseAddress else { return false }
      let pointer = base.assumingMemoryBound(to: sockaddr.self)
      return bind(descriptor, pointer, length) == 0 && listen(descriptor, 8) == 0
        && getsockname(descriptor, pointer, &length) == 0
    }
    guard isBound else { throw Failure() }
    port = Int(UInt16(bigEndian: address.sin_port))
  }

  deinit { close(descriptor) }
}
