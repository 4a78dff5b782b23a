import MartletTransports
import Testing

@testable import Martlet

@Suite struct HostKeyPromptTests {
  let table = [
    UnknownHostKey(
      hosts: ["web1", "web2"], address: "10.0.0.1", port: 22, type: "ssh-ed25519", fingerprint: "SHA256:a"),
    UnknownHostKey(hosts: ["db"], address: "::1", port: 2222, type: "ssh-ed25519", fingerprint: "SHA256:b"),
    UnknownHostKey(hosts: ["old"], address: "old", port: 22, type: "ssh-ed25519", fingerprint: "SHA256:a"),
  ]

  @Test func `The table has a line for each key and marks shared ones`() {
    let lines = HostKeyPrompt.text(of: table).split(separator: "\n").map(String.init)
    #expect(
      lines.dropFirst().prefix(4) == [
        "  #  host       address      type         fingerprint",
        "  1  web1,web2  10.0.0.1:22  ssh-ed25519  SHA256:a",
        "  2  db         [::1]:2222   ssh-ed25519  SHA256:b",
        "  3  old        old:22       ssh-ed25519  SHA256:a  same key as 1",
      ])
  }

  @Test func `Answers are all, none, numbers or a fingerprint`() {
    func read(_ answer: String) -> [String]? {
      HostKeyPrompt.read(answer, for: table).map { chosen in
        table.filter(chosen.contains).map { $0.hosts[0] }
      }
    }
    #expect(read("yes") == ["web1", "db", "old"])
    #expect(read(" YES ") == ["web1", "db", "old"])
    #expect(read("no") == [])
    #expect(read("2") == ["db"])
    #expect(read("1,3") == ["web1", "old"])
    #expect(read("1-2 3") == ["web1", "db", "old"])
    #expect(read("SHA256:b") == ["db"])
    for answer in ["", "y", "0", "4", "2-1", "1-", "-1", "1-4", "x", "yes no", "1--2", "SHA256:c"] {
      #expect(read(answer) == nil, "\(answer)")
    }
  }
}
