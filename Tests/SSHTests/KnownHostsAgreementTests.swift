import Foundation
import TestSupport
import Testing

@testable import MartletSSH

extension SSHTests {
  /// What OpenSSH finds in a file is what we find, line by line.
  @Suite struct KnownHostsAgreementTests {
    static let hosts = [
      ("web", 22), ("web", 2222), ("web1.example.org", 22), ("web1.example.org", 2222),
      ("db.example.org", 22),
      ("db.example.org", 22_000), ("10.1.2.3", 22), ("10.1.2.30", 2222), ("::1", 22), ("2001:db8::1", 2222),
      ("w", 22), ("a-b_c", 22),
    ]

    static func pattern(_ numbers: inout Dice) -> String {
      let (host, port) = hosts.randomElement(using: &numbers) ?? ("web", 22)
      var name = Array(host)
      switch Int.random(in: 0..<8, using: &numbers) {
      case 0: name = Array("*")
      case 1: name = Array("*.example.org")
      case 2: name[Int.random(in: name.indices, using: &numbers)] = "?"
      case 3: name.insert("*", at: Int.random(in: 0...name.count, using: &numbers))
      case 4: name = Array(host.uppercased())
      default: break
      }
      var text = port == 22 ? String(name) : "[\(String(name))]:\(port)"
      if Int.random(in: 0..<12, using: &numbers) == 0 { text = "[\(String(name))]:*" }
      return (Int.random(in: 0..<6, using: &numbers) == 0 ? "!" : "") + text
    }

    static func line(_ numbers: inout Dice, keys: [String]) -> String {
      let key = keys.randomElement(using: &numbers) ?? ""
      let names = (0...Int.random(in: 0..<4, using: &numbers)).map { _ in pattern(&numbers) }
        .joined(separator: ",")
      let blank = Bool.random(using: &numbers) ? " " : "\t"
      switch Int.random(in: 0..<16, using: &numbers) {
      case 0: return "# \(names) \(key)"
      case 1: return ""
      case 2: return "@cert-authority \(names) \(key)"
      case 3: return "@revoked \(names) \(key) stolen"
      case 4: return "@unheard-of \(names) \(key)"
      case 5: return "\(names) ssh-ed25519"
      case 6: return "\(names) ssh-ed25519 AAAA!"
      case 7: return "  \(names)\(blank) \(key)  a comment"
      default: return "\(names)\(blank)\(key)"
      }
    }

    /// Names that are about to be hashed: `ssh-keygen -H` leaves patterns as they are.
    static func plainLine(_ numbers: inout Dice, keys: [String]) -> String {
      let (host, port) = hosts.randomElement(using: &numbers) ?? ("web", 22)
      return (port == 22 ? host : "[\(host)]:\(port)") + " " + (keys.randomElement(using: &numbers) ?? "")
    }

    /// Every file and host of some hundred pairs. `ssh-keygen -F` names the lines that match, marked ones too;
    /// with `-l` it leaves out those whose key can't be read. One thing is left out: OpenSSH passes over a
    /// marker that a tab follows, and so over a revocation; we heed it.
    @Test(arguments: 0..<30)
    func sameLinesAsSSHKeygen(seed: Int) throws {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      var numbers = Dice(seed: UInt64(seed))
      try shell(
        "for t in ed25519 ecdsa 'rsa -b 1024'; do ssh-keygen -q -t $t -N '' -C '' -f \"k${t%% *}\"; done",
        in: folder)
      let keys = try ["ked25519", "kecdsa", "krsa"].map {
        try String(contentsOfFile: "\(folder)/\($0).pub", encoding: .utf8)
          .trimmingCharacters(in: .whitespacesAndNewlines)
      }
      let hashed = (0..<4).map { _ in Self.plainLine(&numbers, keys: keys) }
      try (hashed.joined(separator: "\n") + "\n").write(
        toFile: "\(folder)/f", atomically: true, encoding: .utf8)
      try shell("ssh-keygen -q -H -f f 2>/dev/null; ! grep -qv '^|1|' f", in: folder)
      let open = (0..<10).map { _ in Self.line(&numbers, keys: keys) }
      try (open.joined(separator: "\n") + (seed % 3 == 0 ? "" : "\n")).write(
        toFile: "\(folder)/plain", atomically: true, encoding: .utf8)
      try shell("cat plain >> f", in: folder)

      let script = Self.hosts.map { host, port in
        let name = port == 22 ? host : "[\(host)]:\(port)"
        return "echo 'host \(name)'; ssh-keygen -lF '\(name)' -f f | sed -n 's/^# Host .* found: line //p'"
      }.joined(separator: "; ")
      var theirs: [String: [String]] = [:]
      var current = ""
      for line in try shell(script, in: folder).split(separator: "\n") {
        if line.hasPrefix("host ") {
          current = String(line)
        } else {
          theirs[current, default: []].append(line.trimmingCharacters(in: .whitespaces))
        }
      }
      for (host, port) in Self.hosts {
        let name = KnownHosts.Name(host: host, port: port)
        let known = try KnownHostsStore.load(["\(folder)/f"]).keys(of: name)
        // What counts by the name alone is another question to ssh-keygen; it is asked for port 22.
        func exact(_ keys: [KnownHosts.Key]) -> [KnownHosts.Key] {
          port == 22 ? keys : keys.filter { key in lines(folder, key.line).contains { $0.match(name.text) } }
        }
        let ours =
          known.plain.map { "\($0.line)" } + exact(known.authorities).map { "\($0.line) CA" }
          + exact(known.revoked).map { "\($0.line) REVOKED" }
        #expect(
          ours.sorted() == theirs["host \(name.text)", default: []].sorted(), "\(name.text), seed \(seed)")
      }
    }

    func lines(_ folder: String, _ number: Int) -> [KnownHosts.Names] {
      let bytes = (try? Data(contentsOf: URL(fileURLWithPath: "\(folder)/f"))).map(Array.init) ?? []
      return KnownHosts.parse(bytes).filter { $0.line == number }.map(\.names)
    }

    /// What we write, plain and hashed, is what ssh-keygen finds, shows and removes.
    @Test func sshKeygenReadsWhatIsWritten() async throws {
      let folder = try temporaryFolder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      try shell("ssh-keygen -q -t ed25519 -N '' -C '' -f k", in: folder)
      let blob = try #require(
        Base64.decode(Array(try shell("cut -d' ' -f2 k.pub", in: folder).utf8.dropLast())))
      let key = try #require(HostKey(blob: blob))
      let shown = try shell("ssh-keygen -lf k.pub | cut -d' ' -f2", in: folder)
      for hashes in [false, true] {
        let file = "\(folder)/known\(hashes)"
        // The others would be known by the name without the port, and nothing written.
        for (host, port) in Self.hosts where port == 22 || host.contains(":") || host.hasPrefix("10.") {
          let policy = KnownHostsPolicy(files: [file], hashesNames: hashes)
          let name = KnownHosts.Name(host: host, port: port)
          let verdict = try await KnownHostsWriter.learn(.init(key: key, name: name, policy: policy))
          #expect(verdict == .trusted)
          #expect(
            try shell("ssh-keygen -lF '\(name.text)' -f '\(file)'").contains(shown.dropLast()), "\(name)")
        }
        let text = try String(contentsOfFile: file, encoding: .utf8)
        #expect(text.contains("web") != hashes && text.hasSuffix("\n"))
        try shell("ssh-keygen -lf '\(file)'")
        try shell("ssh-keygen -q -R web1.example.org -f '\(file)' 2>/dev/null")
        let known = try KnownHostsStore.load([file])
        #expect(known.keys(of: .init(host: "web1.example.org", port: 22)).plain.isEmpty)
        #expect(!known.keys(of: .init(host: "db.example.org", port: 22)).plain.isEmpty)
      }
    }
  }
}
