import Foundation
import MartletCore
import MartletLab
import Synchronization
import Testing

/// A kind of server of the matrix.
struct Machine: Sendable, CustomTestStringConvertible {
  let number: Int
  let suite: String
  let sshd: LabHost.SSHServer

  static let bookworm = Machine(number: 11, suite: "bookworm", sshd: .openssh)

  /// Tries all at once: most of the time goes by waiting for PAM, which makes wrong passwords slow.
  static func each(_ body: @escaping @Sendable (Machine) async throws -> Void) async throws {
    try await withThrowingTaskGroup { group in
      for machine in all { group.addTask { try await body(machine) } }
      try await group.waitForAll()
    }
  }

  /// With MARTLET_TEST_SUITES=all an older and a newer dropbear too.
  static let all =
    [
      bookworm,
      Machine(number: 12, suite: "bookworm", sshd: .dropbear),
      Machine(number: 13, suite: "bullseye", sshd: .openssh),
      Machine(number: 14, suite: "trixie", sshd: .openssh),
    ] + (ProcessInfo.processInfo.environment["MARTLET_TEST_SUITES"] == "all" ? others : [])

  private static let others = [
    Machine(number: 15, suite: "bullseye", sshd: .dropbear),
    Machine(number: 16, suite: "trixie", sshd: .dropbear),
  ]

  var testDescription: String { "\(suite) with \(sshd)" }

  private static let fresh = Mutex<Set<Int>>([])

  /// The server: fresh the first time in a test run, and then as the other tests of the matrix left it.
  func server() async throws -> Server {
    if Self.fresh.withLock({ $0.insert(number).inserted }) {
      try await Server.lab.up(number...number, suite: suite, sshd: sshd)
      try await Server.lab.reset(number)
      // A password that is the user's name would make every message hide the name.
      let passwords = Person.all.filter { $0.name != "root" }.map {
        "\($0.name):\(Person.password($0.name).reveal())\n"
      }
      try await Server.lab.exec(number, ["chpasswd"], input: Array(passwords.joined().utf8))
    }
    return Server(number: number)
  }
}

extension Server {
  /// Gives root a password, for su, and lets guest use doas, and asker with a password.
  func addWaysToRoot() async throws {
    // In Debian 11 the package has doas's own name.
    _ = try await shell(
      """
      echo root:roots-own | chpasswd
      export DEBIAN_FRONTEND=noninteractive
      apt-get -o Acquire::Retries=3 install -qy opendoas || apt-get -o Acquire::Retries=3 install -qy doas
      printf 'permit %s as root\n' 'nopass guest' asker >/etc/doas.conf
      """)
  }
}

/// A user of a lab server, and what can be expected of it.
struct Person: Sendable, CustomTestStringConvertible {
  struct Refusal: Sendable {
    var become: Bool
    var password: Secret?
    /// What the message has in it.
    var parts: [String]

    init(become: Bool = true, password: Secret? = nil, _ parts: String...) {
      (self.become, self.password, self.parts) = (become, password, parts)
    }
  }

  let name: String
  var mayBecomeRoot = true
  var password: Secret?
  var runsCommands = true
  /// What sudoers lacks, by the words of the error.
  var line: String?
  var refusals: [Refusal] = []

  var home: String { name == "root" ? "/root" : "/home/\(name)" }
  var testDescription: String { name }

  /// What a user's password is on the matrix's machines.
  static func password(_ name: String) -> Secret { Secret("own-\(name)") }

  static let all = [
    Person(name: "root"),
    Person(name: "deploy"),
    Person(
      name: "asker", password: Person.password("asker"),
      refusals: [
        Refusal("--ask-become-pass", "asker ALL=(ALL:ALL) NOPASSWD: ALL"),
        Refusal(password: Secret("wrong"), "refused the password of asker", "once only"),
      ]),
    Person(name: "needstty"),
    // sudo wants to know who it is before it says that there is no right.
    Person(
      name: "guest", mayBecomeRoot: false, password: Person.password("guest"),
      line: "guest ALL=(ALL:ALL) ALL",
      refusals: [
        Refusal("--ask-become-pass", "guest ALL=(ALL:ALL) NOPASSWD: ALL"),
        Refusal(password: Person.password("guest"), "sudoers doesn't name guest", "guest ALL=(ALL:ALL) ALL"),
      ]),
    Person(name: "fish"),
    Person(name: "noisy"),
    Person(
      name: "exits", runsCommands: false,
      refusals: [
        Refusal("the login shell of exits on lab", "before the program ran", "~/.bashrc"),
        Refusal(become: false, "the login shell of exits on lab", "before the program ran", "~/.bashrc"),
        Refusal(
          password: Person.password("exits"), "the login shell of exits on lab", "before the program ran"),
      ]),
  ]
}
