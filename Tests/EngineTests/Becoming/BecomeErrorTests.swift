import MartletCore
import Testing

@testable import MartletEngine

/// What the tools' own words mean. Each is what the program named there printed.
@Suite struct BecomeErrorTests {
  private func become(_ method: BecomeMethod, user: String = "root", password: Secret? = nil) -> Become {
    Become.by(method, password: password, user: user)
  }

  @Test(arguments: [
    // sudo 1.9.13
    ("sudo: a password is required", "NOPASSWD: ALL"),
    ("sudo: a password is required", "--ask-become-pass"),
    ("sudo: sorry, you must have a tty to run sudo", "with visudo: Defaults:deploy !requiretty"),
    ("deploy is not in the sudoers file.", "with visudo: deploy ALL=(ALL:ALL) NOPASSWD: ALL"),
    (
      "Sorry, user deploy is not allowed to execute '/bin/sh -c id' as root on lab1.",
      "with visudo: deploy ALL=(root) NOPASSWD: /bin/sh"
    ),
    (
      "sudo: unknown user nosuch\nsudo: error initializing audit plugin sudoers_audit",
      "no user root on the host"
    ),
    ("env: 'sudo': No such file or directory", "there is no sudo on the host"),
    ("sh: sudo: not found", "there is no sudo on the host"),
    ("sudo: unable to stat /etc/sudoers: Permission denied", "it says \"sudo: unable to stat"),
    // sudo-rs 0.2.5
    ("sudo-rs: interactive authentication is required", "--ask-become-pass"),
    ("sudo-rs: I'm sorry deploy. I'm afraid I can't do that", "deploy ALL=(root) NOPASSWD: /bin/sh"),
    ("sudo-rs: user 'root' not found", "no user root on the host"),
  ])
  func sudo(says: String, advice: String) throws {
    let error = try #require(BecomeError(become: become(.sudo), errorOutput: says))
    #expect(error.description.hasPrefix("deploy can't become root on web1 by sudo: "), "\(error)")
    #expect(error.description.contains(advice), "\(error)")
  }

  @Test(arguments: [
    // opendoas 6.8.2
    ("doas: Authentication required", "/etc/doas.conf: permit nopass deploy as app"),
    ("doas: Operation not permitted", "/etc/doas.conf: permit nopass deploy as app"),
    ("doas: doas is not enabled, /etc/doas.conf: No such file or directory", "permit nopass deploy as app"),
    ("doas: unknown user", "no user app on the host"),
    ("env: 'doas': No such file or directory", "there is no doas on the host"),
  ])
  func doas(says: String, advice: String) throws {
    let error = try #require(BecomeError(become: become(.doas, user: "app"), errorOutput: says))
    #expect(error.description.hasPrefix("deploy can't become app on web1 by doas: "), "\(error)")
    #expect(error.description.contains(advice), "\(error)")
  }

  @Test(arguments: [
    ("su: user app does not exist or the user entry does not contain all the required fields", "no user app"),
    ("su: must be run from a terminal", "become_method: sudo"),
    ("su: Permission denied", "it says \"su: Permission denied\""),
  ])
  func su(says: String, advice: String) throws {
    let error = try #require(BecomeError(become: become(.su, user: "app"), errorOutput: says))
    #expect(error.description.contains(advice), "\(error)")
  }

  @Test func whatIsNotTheToolsIsNotExplained() {
    #expect(BecomeError(become: become(.sudo), errorOutput: "sh: 3: syntax error") == nil)
    #expect(BecomeError(become: .login, errorOutput: "sudo: a password is required") == nil)
  }

  @Test(arguments: [
    ("su: Authentication failure", true), ("su: incorrect password", true),
    ("sudo: 1 incorrect password attempt", true),
    ("sudo-rs: Maximum 1 incorrect authentication attempt", true),
    ("This account is currently not available.", false), ("su: Permission denied", false),
    ("sudo: Account or password is expired, reset your password and try again", false),
  ])
  func aRefusedPasswordIsToldFromOtherFailures(says: String, isRefusal: Bool) {
    #expect(BecomeError.isRefusal(says) == isRefusal)
  }

  @Test func aWrongPasswordNamesItsOwner() {
    let password = Secret("hunter22")
    let own = BecomeError.wrongPassword(become(.sudo, password: password), account: "deploy").description
    #expect(own.contains("the password of deploy") && own.contains("once only") && !own.contains("targetpw"))
    let other = BecomeError.wrongPassword(become(.sudo, password: password), account: "root").description
    #expect(other.contains("the password of root") && other.contains("targetpw"))
    let target = BecomeError.wrongPassword(become(.su, user: "app", password: password), account: nil)
      .description
    #expect(target.contains("the password of app"))
  }
}
