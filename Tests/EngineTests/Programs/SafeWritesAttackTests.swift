import Foundation
import MartletCore
import TestSupport
import Testing

@testable import MartletEngine

/// Each effect in a folder of another user's, who exchanges names all the while.
@Suite(.serialized, .needsRoot("to write in folders of others"))
struct SafeWritesAttackTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var move: @Sendable (_ his: String, _ bait: String, _ baitFile: String) -> Attacker.Move
    var action: @Sendable (_ his: RemotePath) -> Action
    /// What was done before, for the same purpose: it must lose, or the attack shows nothing.
    var old: String = ""
  }

  static let user = TwoFolders.user
  /// What a command begins with that is his.
  private static let him = "setpriv --reuid=\(user) --regid=\(user) --clear-groups"
  static let cases: [Case] = [
    Case(
      testDescription: "a file, its folder exchanged", move: { his, bait, _ in .exchange(his + "/d", bait) },
      action: { .write("new", to: $0 / "d/file", mode: 0o644, owner: "\(user)") },
      old:
        "f=$(mktemp d/.martlet.XXXXXX) && echo new >$f && chown \(user) $f && chmod 644 $f && mv -f $f d/file"
    ),
    Case(
      testDescription: "a file, its stage exchanged",
      move: { his, bait, _ in .watch(his + "/d", bait: bait) },
      action: { .write("new", to: $0 / "d/file", mode: 0o644, owner: "\(user)") },
      old:
        "f=$(mktemp d/.martlet.XXXXXX) && echo new >$f && chown \(user) $f && chmod 644 $f && mv -f $f d/file"
    ),
    Case(
      testDescription: "a file, itself a link to a folder",
      move: { his, bait, _ in .exchange(his + "/d/file", bait) },
      action: { .write("new", to: $0 / "d/file", mode: 0o644) },
      old: "f=$(mktemp d/.martlet.XXXXXX) && echo new >$f && mv -f $f d/file"),
    Case(
      testDescription: "a file's mode", move: { his, _, bait in .exchange(his + "/d/file", bait) },
      action: {
        .setAttributes(
          AttributeChange(path: $0 / "d/file", kind: .file, currentOwner: "\(user)", mode: 0o666), changes: []
        )
      }, old: "chmod 666 d/file"),
    Case(
      testDescription: "a folder's mode", move: { his, bait, _ in .exchange(his + "/d/sub", bait) },
      action: {
        .setAttributes(
          AttributeChange(
            path: $0 / "d/sub", kind: .folder, currentOwner: "\(user)", mode: 0o777, owner: "\(user)"),
          changes: [])
      }, old: "chown -h \(user) d/sub; chmod 777 d/sub"),
    Case(
      testDescription: "a new folder", move: { his, bait, _ in .exchange(his + "/d", bait) },
      action: { .makeFolder($0 / "d/new/er", mode: 0o777, owner: "\(user)") },
      old:
        "mkdir -p d/new && mkdir -m 700 d/new/er && chown -h \(user) d/new/er && chmod 777 d/new/er; rm -rf d/new"
    ),
    Case(
      testDescription: "a link", move: { his, bait, _ in .exchange(his + "/d", bait) },
      action: { .link($0 / "d/file", to: "anywhere") },
      old: "rm -f d/l.new && ln -s anywhere d/l.new && mv -fT d/l.new d/file"),
    Case(
      testDescription: "a removal", move: { his, bait, _ in .exchange(his + "/d", bait) },
      action: { .remove($0 / "d/file") }, old: "rm -f d/file"),
    Case(
      testDescription: "a removal of a folder", move: { his, bait, _ in .exchange(his + "/d", bait) },
      action: { .remove($0 / "d/sub") }, old: "rm -rf d/sub"),
  ]

  /// Prepares a victim of root's, and his folder with links to it.
  private func prepare() throws -> (folders: TwoFolders, victim: Victim) {
    let folders = try TwoFolders()
    let victim = Victim(folders.path + "/victim")
    try victim.make()
    try shell(
      """
      \(Self.him) sh -c 'mkdir d d/sub; echo x >d/file; ln -s \(victim.path) bait; ln -s \(victim.path)/file baitfile'
      """, in: folders.his.string)
    return (folders, victim)
  }

  /// What the last round has taken away is there again, so that there is something to do.
  private func restore(_ folders: TwoFolders) {
    _ = try? shell(
      "\(Self.him) sh -c '[ -e d/file ] || echo x >d/file; [ -e d/sub ] || mkdir d/sub' 2>/dev/null",
      in: folders.his.string)
  }

  @Test(arguments: LocalShell.allCases, cases)
  func rootIsNotLedAstray(shell: LocalShell, attack: Case) async throws {
    let (folders, victim) = try prepare()
    let before = try victim.state()
    let his = folders.his.string
    let move = attack.move(his, his + "/bait", his + "/baitfile")
    try await Attacker(move).whileAtWork(as: Self.user) {
      for _ in 0..<rounds(3, long: 100) {
        restore(folders)
        let result = try await shell.perform(attack.action(folders.his))
        #expect(
          result.status == 0
            || ["nothing is done at", "was changed while this ran", "mv: "].contains(
              where: result.text.contains),
          "\(result.text)")
        let after = try victim.state()
        guard after == before else {
          Issue.record("he won: \(result.text)\n\(before)\n\(after)")
          return
        }
      }
    }
    #expect(
      try TestSupport.shell("find \(folders.path) -path \(his) -prune -o -name '.martlet*' -print") == "")
  }

  @Test(.long("it waits for an attack to win"), arguments: cases)
  func theAttackWinsOverWhatWasDoneBefore(attack: Case) async throws {
    let (folders, victim) = try prepare()
    let before = try victim.state()
    let his = folders.his.string
    let move = attack.move(his, his + "/bait", his + "/baitfile")
    try await Attacker(move).whileAtWork(as: Self.user) {
      for _ in 0..<2000 {
        restore(folders)
        _ = try? TestSupport.shell("umask 022; " + attack.old, in: his)
        if try victim.state() != before { return }
      }
      Issue.record("the attack shows nothing")
    }
  }
}
