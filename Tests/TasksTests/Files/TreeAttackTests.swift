import Foundation
import MartletCore
import TestSupport
import Testing

@testable import MartletTasks

/// Uploads of root's into a folder of another user's, who exchanges names all the while.
@Suite(.serialized, .needsRoot("to write in folders of others"))
struct TreeAttackTests {
  static let user = 61235

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var move: @Sendable (_ his: String) -> Attacker.Move
    /// Where to, seen from his folder.
    var target: String
    var deletes = false
    var owner: String? = "\(user)"
    /// What is done between the look and the attack, so that there is something to do.
    var before: String
    /// What is done before each round.
    var between = ":"
    /// What was done before, for the same purpose: it must lose, or the attack shows nothing.
    var old: String
  }

  static let cases: [Case] = [
    Case(
      testDescription: "a new tree, its stage exchanged", move: { .watch($0, bait: $0 + "/bait") },
      target: "app",
      before: "rm -rf app", between: "rm -rf app",
      old:
        "rm -rf .app.martlet-upload && mkdir -m 0700 .app.martlet-upload && cp -r ../src/. .app.martlet-upload/; "
        + "chmod 0755 .app.martlet-upload && mv .app.martlet-upload app"),
    Case(
      testDescription: "an update, its stage exchanged", move: { .watch($0 + "/app", bait: $0 + "/bait") },
      target: "app", before: "echo old >app/sub/file",
      old:
        "rm -rf app/.martlet-upload && mkdir -m 0700 app/.martlet-upload && cp -r ../src/. app/.martlet-upload/; "
        + "mv -f app/.martlet-upload/sub/file app/sub/"),
    Case(
      testDescription: "an update, a folder of the tree exchanged",
      move: { .exchange($0 + "/app/sub", $0 + "/bait") }, target: "app", before: "echo old >app/sub/file",
      old: "cp ../src/sub/file .new && mv -f .new app/sub/file"),
    Case(
      testDescription: "an update, the tree exchanged", move: { .exchange($0 + "/app", $0 + "/bait") },
      target: "app",
      before: "echo old >app/file", old: "cp ../src/file .new && mv -f .new app/file"),
    Case(
      testDescription: "modes", move: { .exchange($0 + "/app/file", $0 + "/baitfile") }, target: "app",
      owner: nil,
      before: "chmod 600 app/file", old: "cd app && chmod 00644 ./file"),
    Case(
      testDescription: "modes of folders", move: { .exchange($0 + "/app/sub", $0 + "/bait") }, target: "app",
      before: "chmod 700 app/sub", old: "cd app && chmod 00755 ./sub"),
    Case(
      testDescription: "a deletion", move: { .exchange($0 + "/app/gone", $0 + "/bait") }, target: "app",
      deletes: true,
      before: "mkdir app/gone; echo 1 >app/gone/x", old: "cd app && rm -f ./gone/x"),
  ]

  private struct Scene {
    let path: String
    let victim: Victim
    var his: String { path + "/his" }
  }

  private func prepare() throws -> Scene {
    let path = try shell("d=$(mktemp -d /var/lib/martlet-test.XXXXXX); chmod 755 $d; printf %s $d")
    let victim = Victim(path + "/victim")
    try victim.make()
    try shell(
      """
      mkdir his src src/sub; echo new >src/file; echo new >src/sub/file
      cp -r src his/app; ln -s \(path)/victim his/bait; ln -s \(path)/victim/file his/baitfile
      chown -hR \(Self.user):\(Self.user) his
      """, in: path)
    return Scene(path: path, victim: victim)
  }

  @Test(arguments: LocalShell.allCases, cases)
  func rootIsNotLedAstray(shell: LocalShell, attack: Case) async throws {
    let scene = try prepare()
    defer { try? FileManager.default.removeItem(atPath: scene.path) }
    try TestSupport.shell(attack.before + "; chown -hR \(Self.user):\(Self.user) .", in: scene.his)
    let host = LocalHost(shell)
    let task = TreeUpload(
      scene.path + "/src", to: RemotePath(scene.his) / attack.target, mode: 0o644, directoryMode: 0o755,
      owner: attack.owner, deleteExtraneous: attack.deletes)
    let decision = try await host.decide(task)
    #expect(!decision.actions.isEmpty)
    let before = try scene.victim.state()
    try await Attacker(attack.move(scene.his)).whileAtWork(as: Self.user) {
      for _ in 0..<rounds(3, long: 100) {
        _ = try TestSupport.shell(attack.between, in: scene.his)
        var said = "done"
        do { _ = try await host.act(decision) } catch { said = "\(error)" }
        let after = try scene.victim.state()
        guard after == before else {
          Issue.record("he won: \(said)\n\(before)\n\(after)")
          return
        }
      }
    }
    #expect(
      try TestSupport.shell("find . -path ./his -prune -o -name '.martlet*' -print", in: scene.path) == "")
  }

  @Test(.long("it waits for an attack to win"), arguments: cases)
  func theAttackWinsOverWhatWasDoneBefore(attack: Case) async throws {
    let scene = try prepare()
    defer { try? FileManager.default.removeItem(atPath: scene.path) }
    try TestSupport.shell(attack.before + "; chown -hR \(Self.user):\(Self.user) .", in: scene.his)
    let before = try scene.victim.state()
    try await Attacker(attack.move(scene.his)).whileAtWork(as: Self.user) {
      for _ in 0..<2000 {
        _ = try? TestSupport.shell(attack.between, in: scene.his)
        _ = try? TestSupport.shell("umask 022; " + attack.old, in: scene.his)
        if try scene.victim.state() != before { return }
      }
      Issue.record("the attack shows nothing")
    }
  }
}
