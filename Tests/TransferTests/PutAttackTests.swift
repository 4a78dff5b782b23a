import Foundation
import MartletCore
import TestSupport
import Testing

@testable import MartletTransfer

/// Files and folders that root puts into a folder of another user's, who exchanges names all the while.
@Suite(.serialized, .needsRoot("to write in folders of others"))
struct PutAttackTests {
  static let user = 61236

  struct Case: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var move: @Sendable (_ his: String) -> Attacker.Move
    var source: String
    var target: String
    var resumes = false
  }

  static let cases: [Case] = [
    Case(
      testDescription: "a file, its stage", move: { .watch($0 + "/d", bait: $0 + "/bait") }, source: "file",
      target: "d/file"),
    Case(
      testDescription: "a file, its folder", move: { .exchange($0 + "/d", $0 + "/bait") }, source: "file",
      target: "d/file"),
    Case(
      testDescription: "a file, itself", move: { .exchange($0 + "/d/file", $0 + "/baitfile") },
      source: "file", target: "d/file"),
    Case(
      testDescription: "a part", move: { .exchange($0 + "/d/.file.martlet-part", $0 + "/baitfile") },
      source: "file",
      target: "d/file", resumes: true),
    Case(
      testDescription: "a new tree, its stage", move: { .watch($0 + "/d", bait: $0 + "/bait") },
      source: "tree", target: "d/new"),
    Case(
      testDescription: "a tree, its stage", move: { .watch($0 + "/d/tree", bait: $0 + "/bait") },
      source: "tree", target: "d/tree"),
    Case(
      testDescription: "a tree, a folder of it", move: { .exchange($0 + "/d/tree/sub", $0 + "/bait") },
      source: "tree",
      target: "d/tree"),
  ]

  @Test(arguments: [Place.Way.dash, .bash, .busybox], cases)
  func rootIsNotLedAstray(way: Place.Way, attack: Case) async throws {
    let place = try Place(way)
    let path = try shell("d=$(mktemp -d /var/lib/martlet-test.XXXXXX); chmod 755 $d; printf %s $d")
    defer { try? FileManager.default.removeItem(atPath: path) }
    let (his, victim) = (path + "/his", Victim(path + "/victim"))
    try victim.make()
    try shell(
      """
      mkdir his his/d his/d/tree his/d/tree/sub; echo old >his/d/file; echo 1 >his/d/.file.martlet-part
      ln -s \(path)/victim his/bait; ln -s \(path)/victim/file his/baitfile
      chown -hR \(Self.user):\(Self.user) his
      """, in: path)
    try place.here.write("file", "new\n")
    try place.here.write("tree/sub/file", "new\n")
    try place.here.write("tree/top", "new\n")
    let before = try victim.state()
    try await Attacker(attack.move(his)).whileAtWork(as: Self.user) {
      for round in 0..<rounds(2, long: 100) {
        let transfer = try await place.transfer { options in
          options.resumes = attack.resumes
          options.verifies = round % 2 == 0
        }
        if attack.target == "d/new" { try shell("rm -rf new", in: his + "/d") }
        let said = await failure {
          _ = try await transfer.put(
            place.here.path + "/" + attack.source, to: try HostPath(his + "/" + attack.target))
        }
        let after = try victim.state()
        guard after == before else {
          Issue.record("he won: \(said)\n\(before)\n\(after)")
          return
        }
      }
    }
    #expect(try shell("find . -path ./his -prune -o -name '.martlet*' -print", in: path) == "")
  }

  @Test(arguments: [Place.Way.dash, .bash, .busybox])
  func aLinkOfSomebodyElsesIsNotFollowed(way: Place.Way) async throws {
    let place = try Place(way)
    let path = try shell("d=$(mktemp -d /var/lib/martlet-test.XXXXXX); chmod 755 $d; printf %s $d")
    defer { try? FileManager.default.removeItem(atPath: path) }
    try shell(
      "mkdir his mine real; ln -s \(path)/mine his/link; ln -s \(path)/real mine/own; chown -hR \(Self.user) his",
      in: path)
    try place.here.write("file", "new\n")
    let transfer = try await place.transfer()
    let said = await failure {
      _ = try await transfer.put(place.here.path + "/file", to: try HostPath(path + "/his/link/"))
    }
    #expect(said.contains("symbolic link") && said.contains("name the folder it leads to"), "\(said)")
    // One of root's own is.
    _ = try await transfer.put(place.here.path + "/file", to: try HostPath(path + "/mine/own/"))
    _ = try await transfer.put(place.here.path + "/file", to: try HostPath(path + "/mine/../his/./x"))
    #expect(try shell("find . -type f | sort", in: path) == "./his/x\n./real/file\n")
  }
}
