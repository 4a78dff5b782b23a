import MartletCore
import Testing

@testable import MartletEngine

/// Whom a play runs as, and the command line that becomes that user.
@Suite struct BecomeTests {
  private func become(
    _ play: PlayUser = .root, login: String = "deploy",
    _ change: (inout ConnectionSettings) -> Void = { _ in }
  ) -> Become {
    var host = InventoryHost(name: "web1")
    host.connection.user = login
    change(&host.connection)
    return Become(host, play: play)
  }

  @Test func whatTheInventorySaysWinsOverThePlay() {
    #expect(become(.login).method == .none)
    #expect(become(true).user == "root")
    #expect(become(.user("postgres")).user == "postgres")
    #expect(become { $0.become = false }.method == .none)
    #expect(become(.login) { $0.become = true }.user == "root")
    #expect(become(.user("postgres")) { $0.becomeUser = "app" }.user == "app")
    // A user alone doesn't say that a play which stays who it is should become him.
    #expect(become(.login) { $0.becomeUser = "app" }.method == .none)
    #expect(become { $0.becomeMethod = .doas }.method == .doas)
  }

  @Test func nobodyBecomesHimself() {
    #expect(become(login: "root").method == .none)
    #expect(become(.user("deploy")).method == .none)
    #expect(become(.user("deploy")).key == become(.login).key)
  }

  @Test func rootNeedsNoSudoAndNoPassword() {
    let become = become(.user("postgres"), login: "root") { $0.becomePassword = Secret("password") }
    #expect(become.method == .su)
    #expect(become.password == nil)
  }

  @Test(arguments: BecomeMethod.allCases, [Secret?.none, Secret("hunter22")])
  func theCommandLineIsOneLineThatEveryShellReadsAlike(method: BecomeMethod, password: Secret?) {
    let become = become(.user("app")) {
      $0.becomeMethod = method
      $0.becomePassword = password
    }
    for become in [become, become.onTerminal] { checkLine(of: become, method) }
    #expect(become.mayAsk == (method == .su || password != nil))
    #expect(become.usesTerminal == (method == .doas && password != nil))
  }

  private func checkLine(of become: Become, _ method: BecomeMethod) {
    let line = become.commandLine(marker: "M")
    #expect(!line.contains("hunter22"))
    #expect(line.contains("app"))
    #expect(!line.contains("\n"))
    #expect(line.filter { $0 == "'" }.count.isMultiple(of: 2))
    // Outside of quotes, nothing that a shell might take for its own; inside, no backslash, which fish reads.
    for (index, part) in line.split(separator: "'", omittingEmptySubsequences: false).enumerated() {
      #expect(!part.contains("\\"))
      if index.isMultiple(of: 2) {
        #expect(!part.contains { "$`;&|<>()\"*?#~!{}[]".contains($0) }, "\(part)")
      }
    }
    #expect(line.contains("M ready"))
  }

  @Test(arguments: ["", "-x", "a b", "a;b", "a'b", "$HOME", "a\nb", "a/b", "..:x"])
  func aNameThatIsNoneIsRefused(name: String) {
    #expect(PlayUser.problem(withName: name) != nil)
  }

  @Test(arguments: ["root", "www-data", "_apt", "a.b", "machine$", "user@example.org", "jürgen", "1000"])
  func namesOfUsers(name: String) {
    #expect(PlayUser.problem(withName: name) == nil)
  }
}
