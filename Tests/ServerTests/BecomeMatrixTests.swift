import MartletCore
import MartletEngine
import MartletLab
import Testing

extension ServerTests {
  /// Every way to become another user, on every kind of server.
  @Suite struct BecomeMatrixTests {
    private static let root = "I am root at /root"

    @Test func everyMethod() async throws {
      try await Machine.each { try await everyMethod($0) }
    }

    private func everyMethod(_ machine: Machine) async throws {
      let server = try await machine.server()
      try await server.addWaysToRoot()
      func by(_ method: BecomeMethod, _ password: String?) -> (inout ConnectionSettings) -> Void {
        { settings in
          settings.becomeMethod = method
          settings.becomePassword = password.map { Secret($0) }
        }
      }
      for user in ["guest", "fish", "noisy"] {
        #expect(try await server.becoming(from: user, settings: by(.su, "roots-own")) == Self.root)
      }
      #expect(
        try await server.becoming(
          .user("deploy"), from: "guest", settings: by(.su, Person.password("deploy").reveal()))
          == "I am deploy at /home/deploy")
      let wrong = try await server.becoming(from: "guest", settings: by(.su, "wrong"))
      #expect(wrong.hasPrefix("guest can't become root on \(server.name) by su: su refused"), "\(wrong)")
      let unasked = try await server.becoming(from: "guest", settings: by(.su, nil))
      #expect(unasked.contains("su wants the password of root: give it at --ask-become-pass"), "\(unasked)")

      #expect(try await server.becoming(from: "guest", settings: by(.doas, nil)) == Self.root)
      let stranger = try await server.becoming(from: "noisy", settings: by(.doas, nil))
      #expect(stranger.contains("/etc/doas.conf: permit nopass noisy as root"), "\(stranger)")
      let own = Person.password("asker").reveal()
      #expect(try await server.becoming(from: "asker", settings: by(.doas, own)) == Self.root)
      let refused = try await server.becoming(from: "asker", settings: by(.doas, "wrong"))
      #expect(refused.contains("doas refused the password of asker; it was tried once only"), "\(refused)")
      let missing = try await server.becoming(from: "asker", settings: by(.doas, nil))
      #expect(missing.contains("doas wants a password: give it at --ask-become-pass"), "\(missing)")

      #expect(try await server.becoming(.user("asker"), from: "deploy") == "I am asker at /home/asker")
      #expect(
        try await server.becoming(
          .user("guest"), from: "asker", settings: by(.sudo, own))
          == "I am guest at /home/guest")

      _ = try await server.shell("echo 'Defaults:asker requiretty' >/etc/sudoers.d/zz-tty; visudo -cq")
      #expect(try await server.becoming(from: "asker", settings: by(.sudo, own)) == Self.root)
      let wrongOnTerminal = try await server.becoming(from: "asker", settings: by(.sudo, "wrong"))
      let missingOnTerminal = try await server.becoming(from: "asker", settings: by(.sudo, nil))
      _ = try await server.shell("rm /etc/sudoers.d/zz-tty")
      #expect(wrongOnTerminal.contains("sudo refused the password of asker"), "\(wrongOnTerminal)")
      #expect(missingOnTerminal.contains("sudo wants a password"), "\(missingOnTerminal)")

      _ = try await server.shell("echo 'Defaults:asker targetpw' >/etc/sudoers.d/zz-target; visudo -cq")
      let target = try await server.becoming(from: "asker", settings: by(.sudo, "roots-own"))
      let ownOnly = try await server.becoming(from: "asker", settings: by(.sudo, own))
      _ = try await server.shell("rm /etc/sudoers.d/zz-target")
      #expect(target == Self.root)
      #expect(
        ownOnly.contains("sudo refused the password of root") && ownOnly.contains("targetpw"), "\(ownOnly)")
    }

    /// Users to whom sudo, su and PAM speak German.
    @Test func inAnotherLanguage() async throws {
      let server = try await Machine.bookworm.server()
      _ = try await server.shell(
        """
        set -e
        export DEBIAN_FRONTEND=noninteractive
        apt-get install -qy locales
        localedef -i de_DE -f UTF-8 de_DE.UTF-8
        echo root:roots-own | chpasswd
        for user in asker guest needstty; do
          cp -p /home/$user/.bashrc /run/bashrc-$user
          sed -i '1i export LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8 LANGUAGE=de' /home/$user/.bashrc
        done
        echo 'Defaults env_keep += "LANG LC_ALL LANGUAGE", sudoers_locale=de_DE.UTF-8' >/etc/sudoers.d/zz-german
        """)
      // Otherwise this would show nothing.
      let german = try await server.shell(
        "runuser -u asker -- env LC_ALL=de_DE.UTF-8 LANGUAGE=de sudo -n true 2>&1")
      #expect(german.contains("Passwort"), "\(german)")

      let asker = Person.password("asker")
      #expect(try await server.becoming(from: "asker") { $0.becomePassword = asker } == Self.root)
      let missing = try await server.becoming(from: "asker")
      #expect(missing.contains("sudo wants a password: give it at --ask-become-pass"), "\(missing)")
      let wrong = try await server.becoming(from: "asker") { $0.becomePassword = Secret("wrong") }
      #expect(wrong.contains("sudo refused the password of asker; it was tried once only"), "\(wrong)")
      let guest = try await server.becoming(from: "guest") { $0.becomePassword = Person.password("guest") }
      #expect(guest.contains("with visudo: guest ALL=(ALL:ALL) ALL"), "\(guest)")
      #expect(try await server.becoming(from: "needstty") == Self.root)
      #expect(
        try await server.becoming(from: "guest") {
          $0.becomeMethod = .su
          $0.becomePassword = Secret("roots-own")
        } == Self.root)
      let wrongRoot = try await server.becoming(from: "guest") {
        $0.becomeMethod = .su
        $0.becomePassword = Secret("wrong")
      }
      #expect(wrongRoot.contains("su refused the password of root"), "\(wrongRoot)")
      _ = try await server.shell(
        "rm /etc/sudoers.d/zz-german; for user in asker guest needstty; do mv /run/bashrc-$user /home/$user/.bashrc; done"
      )
    }
  }
}
