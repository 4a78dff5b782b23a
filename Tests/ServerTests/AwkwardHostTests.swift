import Foundation
import MartletCore
import MartletEngine
import MartletLab
import MartletTasks
import MartletTesting
import MartletTransports
import Testing

/// Ways to become another user that people have, and what keeps them from it.
extension ServerTests.BecomeTests {
  /// Hosts as people have them: what works, works; what doesn't says what to add to which file, and then it works.
  @Test func awkwardHosts() async throws {
    let server = try await Server.fresh()
    let users = ["restricted", "norights", "ttyless", "targetted", "plain", "lectured", "slow"]
    _ = try await server.shell(
      """
      set -e
      for user in \(users.joined(separator: " ")) ; do
        useradd -m -s /bin/bash $user; echo "$user:own-$user" | chpasswd
        cp -r /home/deploy/.ssh /home/$user; chown -R $user: /home/$user/.ssh
      done
      useradd -r -m -d /var/lib/db -s /usr/sbin/nologin db
      echo root:roots-own | chpasswd; echo db:own-db | chpasswd
      cat >/etc/sudoers.d/zz <<END
      restricted ALL=(ALL) NOPASSWD: /bin/ls
      ttyless ALL=(ALL) NOPASSWD: ALL
      Defaults:ttyless requiretty
      targetted ALL=(ALL) ALL
      Defaults:targetted targetpw
      lectured ALL=(ALL) ALL
      Defaults:lectured lecture=always, !use_pty, passprompt_override
      slow ALL=(ALL) ALL
      END
      printf '#!/bin/sh\n[ "$PAM_USER" != slow ] || sleep 3\n' >/usr/local/sbin/slow
      chmod 755 /usr/local/sbin/slow
      sed -i '1i auth optional pam_exec.so /usr/local/sbin/slow' /etc/pam.d/sudo
      DEBIAN_FRONTEND=noninteractive apt-get install -qy opendoas
      echo 'permit plain as root' >/etc/doas.conf
      """)
    let root = "I am root at /root"

    // To others than root, also to one who has no shell.
    #expect(try await server.becoming(.user("db"), from: "deploy") == "I am db at /var/lib/db")
    #expect(try await server.becoming(.user("db"), from: "root") == "I am db at /var/lib/db")
    #expect(
      try await server.becoming(.user("db"), from: "asker") { $0.becomePassword = Secret("asker") }
        == "I am db at /var/lib/db")
    #expect(
      try await server.becoming(.user("nosuch"), from: "deploy").contains("no user nosuch on the host"))
    #expect(try await server.becoming(.user("nosuch"), from: "root").contains("no user nosuch on the host"))

    // Lectures, another's password, a slow directory.
    #expect(
      try await server.becoming(from: "lectured") { $0.becomePassword = Secret("own-lectured") } == root)
    #expect(try await server.becoming(from: "targetted") { $0.becomePassword = Secret("roots-own") } == root)
    let own = try await server.becoming(from: "targetted") { $0.becomePassword = Secret("own-targetted") }
    #expect(own.contains("refused the password of root") && own.contains("targetpw"), "\(own)")
    #expect(try await server.becoming(from: "slow") { $0.becomePassword = Secret("own-slow") } == root)
    let late = try await server.becoming(from: "slow") {
      $0.becomePassword = Secret("own-slow")
      $0.becomeTimeout = .seconds(1)
    }
    #expect(
      late.contains("slow can't become root on lab1 by sudo") && late.contains("become_timeout"), "\(late)")

    // By su: with root's password, without one, with a wrong one.
    #expect(
      try await server.becoming(from: "plain") {
        $0.becomeMethod = .su
        $0.becomePassword = Secret("roots-own")
      } == root)
    let unasked = try await server.becoming(from: "plain") { $0.becomeMethod = .su }
    #expect(unasked.contains("su wants the password of root"), "\(unasked)")
    let wrong = try await server.becoming(from: "plain") {
      $0.becomeMethod = .su
      $0.becomePassword = Secret("own-plain")
    }
    #expect(
      wrong.hasPrefix("plain can't become root on lab1 by su: su refused the password of root"), "\(wrong)")

    let shut = try await server.becoming(.user("db"), from: "plain") {
      $0.becomeMethod = .su
      $0.becomePassword = Secret("own-db")
    }
    #expect(
      shut.hasPrefix(
        "plain can't become db on lab1 by su: it says \"su: using restricted shell /usr/sbin/nologin"),
      "\(shut)")

    #expect(try await server.becoming(from: "ttyless") == root)

    // What an error says is to be added makes it work.
    for (user, method) in [
      ("restricted", BecomeMethod.sudo), ("norights", .sudo), ("plain", .doas),
    ] {
      let error = try await server.becoming(from: user) { $0.becomeMethod = method }
      #expect(error.hasPrefix("\(user) can't become root on lab1 by \(method.rawValue): "), "\(error)")
      let line = try #require(
        error.trimmed.components(separatedBy: ": ").dropFirst(2).joined(separator: ": ")
          .firstMatch(of: /(?:with visudo|doas\.conf): (.*)/)?.1)
      _ = try await server.ask(
        "sh", "-c", #"echo "$1" >>"$2"; visudo -cq"#, "sh", String(line),
        method == .doas ? "/etc/doas.conf" : "/etc/sudoers.d/zz")
      #expect(try await server.becoming(from: user) { $0.becomeMethod = method } == root, "\(line)")
    }

    // Without sudo at all.
    _ = try await server.shell("mv /usr/bin/sudo /usr/bin/sudo.away")
    let absent = try await server.becoming(from: "deploy")
    #expect(absent.contains("there is no sudo on the host"), "\(absent)")
  }

  /// sudo-rs, which is the sudo of Ubuntu since 25.10: Debian 13 has it as a package.
  @Test func sudoInRust() async throws {
    try await Server.lab.up(7...7, suite: "trixie")
    let server = try await Server.fresh(7)
    _ = try await server.shell(
      "DEBIAN_FRONTEND=noninteractive apt-get install -qy sudo-rs && ln -s /usr/bin/sudo-rs /usr/local/bin/sudo"
    )
    let root = "I am root at /root"
    #expect(try await server.becoming(from: "deploy") == root)
    #expect(try await server.becoming(.user("asker"), from: "deploy") == "I am asker at /home/asker")
    #expect(try await server.becoming(from: "asker") { $0.becomePassword = Secret("asker") } == root)
    let missing = try await server.becoming(from: "asker")
    #expect(missing.contains("--ask-become-pass"), "\(missing)")
    let wrong = try await server.becoming(from: "asker") { $0.becomePassword = Secret("wrong") }
    #expect(wrong.contains("sudo refused the password of asker; it was tried once only"), "\(wrong)")
    // It would have tried an empty password twice more.
    let log = try await server.journal()
    #expect(log.components(separatedBy: "pam_unix(sudo:auth): authentication failure").count == 2, "\(log)")
    _ = try await server.shell("echo 'deploy ALL=(ALL) NOPASSWD: /bin/ls' >/etc/sudoers.d/deploy")
    let refused = try await server.becoming(from: "deploy")
    #expect(refused.contains("with visudo: deploy ALL=(root) NOPASSWD: /bin/sh"), "\(refused)")
    _ = try await server.shell("echo 'deploy ALL=(root) NOPASSWD: /bin/sh' >>/etc/sudoers.d/deploy")
    #expect(try await server.becoming(from: "deploy") == root)
  }
}
