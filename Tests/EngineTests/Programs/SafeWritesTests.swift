import Foundation
import MartletCore
import MartletTesting
import TestSupport
import Testing

@testable import MartletEngine

/// A folder of root's in a place that only root can write to, and one of another user's in it; gone with the value.
final class TwoFolders: Sendable {
  static let user = 61234
  let path: String
  var mine: RemotePath { RemotePath(path) / "mine" }
  var his: RemotePath { RemotePath(path) / "his" }

  init() throws {
    // Not /tmp, where everybody can write.
    path = try shell("d=$(mktemp -d /var/lib/martlet-test.XXXXXX); chmod 755 $d; printf %s $d")
    try shell("mkdir mine his; chown \(Self.user):\(Self.user) his", in: path)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

extension LocalShell {
  /// Does what an action is for, as its program would.
  func perform(_ action: Action) async throws -> LocalShell.Result {
    try await run("umask 022\n(\n\(raw: SafeWrites.script(for: action).code)\n) 2>&1")
  }
}

/// What actions do with one name, in every shell, in a folder of root's and in one of somebody else's.
@Suite(.needsRoot("to write in folders of others"))
struct SafeWritesTests {
  let folders: TwoFolders

  init() throws { folders = try TwoFolders() }

  private func look(_ path: RemotePath) throws -> String {
    try shell("stat -c '%F %a %u:%g %N' \(Shell.quote(path.string))")
  }

  @Test(arguments: LocalShell.allCases, [false, true])
  func everyEffect(shell: LocalShell, isHis: Bool) async throws {
    let place = isHis ? folders.his : folders.mine
    func `do`(_ action: Action) async throws {
      let result = try await shell.perform(action)
      #expect(result.status == 0, "\(action.summary): \(result.text) \(result.errors)")
    }
    try await `do`(.makeFolder(place / "a/b/it's", mode: 0o750, owner: "61235", group: "61236"))
    #expect(try look(place / "a/b/it's").hasPrefix("directory 750 61235:61236"))
    #expect(try look(place / "a/b").hasPrefix("directory 755 0:0"))
    try await `do`(.makeFolder(place / "plain"))
    #expect(try look(place / "plain").hasPrefix("directory 755 0:0"))
    try await `do`(.write("text\n", to: place / "file", mode: 0o640, owner: "61235", group: "61236"))
    #expect(try look(place / "file").hasPrefix("regular file 640 61235:61236"))
    try await `do`(.write("", to: place / "file", mode: 0o600))
    #expect(try look(place / "file").hasPrefix("regular empty file 600 0:0"))
    try await `do`(
      .setAttributes(
        AttributeChange(path: place / "file", kind: .file, currentOwner: "0", mode: 0o644, group: "61236"),
        changes: []))
    #expect(try look(place / "file").hasPrefix("regular empty file 644 0:61236"))
    try await `do`(
      .setAttributes(
        AttributeChange(path: place / "plain", kind: .folder, mode: 0o2770, owner: "61235", group: "61236"),
        changes: []))
    #expect(try look(place / "plain").hasPrefix("directory 2770 61235:61236"))
    try await `do`(.link(place / "link", to: "plain"))
    try await `do`(.link(place / "link", to: "a/b"))
    #expect(try look(place / "link").contains("'\(place)/link' -> 'a/b'"))
    let followed = Action.setAttributes(
      AttributeChange(path: place / "link", kind: .linkedFolder, currentOwner: "root", mode: 0o700),
      changes: [])
    let result = try await shell.perform(followed)
    // In his folder anybody's link can be exchanged for another.
    #expect(result.status == (isHis ? 1 : 0), "\(result.text)")
    #expect(try look(place / "a/b").hasPrefix("directory \(isHis ? "755" : "700") 0:0"))
    for name in ["link", "file", "plain", "a", "absent"] { try await `do`(.remove(place / name)) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: place.string) == [])
  }

  @Test(arguments: LocalShell.allCases)
  func whatIsRefusedSaysWhy(shell: LocalShell) async throws {
    try TestSupport.shell("mkdir mine/sub; ln -s ../mine his/link; touch his/file", in: folders.path)
    let link = try await shell.perform(.write("x", to: folders.his / "link/sub/file", mode: 0o644))
    #expect(link.status == 1)
    #expect(
      link.text.hasPrefix(
        "nothing is done at \(folders.his)/link/sub/file: \(folders.his)/link is a symbolic link that "),
      "\(link.text)")
    let missing = try await shell.perform(.write("x", to: folders.mine / "none/file", mode: 0o644))
    #expect(missing.text.contains("the folder \(folders.mine)/none doesn't exist"), "\(missing.text)")
    // It is root's, where one of his is meant.
    let owner = try await shell.perform(
      .setAttributes(
        AttributeChange(
          path: folders.his / "file", kind: .file, currentOwner: "\(TwoFolders.user)", mode: 0o666),
        changes: []))
    #expect(owner.status == 1 && owner.text.contains("no longer a file of"), "\(owner.text)")
    #expect(try look(folders.his / "file").contains(" 644 "))
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folders.his.string).sorted() == ["file", "link"])
  }

  /// Row 50: a value goes into another file only if root, or the one who is to own the file, wrote it.
  @Test(arguments: LocalShell.allCases)
  func generatedValues(shell: LocalShell) async throws {
    let key = String(repeating: "k", count: 50)
    func generate(in place: RemotePath, owner: String = "0") async throws -> (Int, String) {
      let result = try await shell.perform(
        .write(
          FileWrite(contents: "A=1\n", path: place / "env", mode: 0o640, owner: owner, generated: ["KEY"]),
          changes: []))
      return (result.status, try TestSupport.shell("cat \(place)/env; stat -c %u \(place)/env"))
    }
    for place in [folders.mine, folders.his] {
      let (status, text) = try await generate(in: place)
      #expect(status == 0)
      let made = try #require(text.wholeMatch(of: /A=1\nKEY=([A-Za-z0-9]{50})\n0\n/)).1
      #expect(try await generate(in: place).1 == "A=1\nKEY=\(made)\n0\n", "kept")
      try TestSupport.shell("printf 'KEY=\(key)\n' >\(place)/env; chown \(TwoFolders.user) \(place)/env")
      #expect(try await !generate(in: place).1.contains(key), "his")
      try TestSupport.shell("printf 'KEY=\(key)\n' >\(place)/env; chown \(TwoFolders.user) \(place)/env")
      #expect(
        try await generate(in: place, owner: "\(TwoFolders.user)").1
          == "A=1\nKEY=\(key)\n\(TwoFolders.user)\n")
      try TestSupport.shell("printf 'KEY=x; touch /root/OWNED\n' >\(place)/env")
      #expect(try await generate(in: place, owner: "\(TwoFolders.user)").0 == 1, "no value of ours")
    }
    // What root wrote where only root can write is taken as it stands.
    try TestSupport.shell(
      "printf \"KEY='a-key of root'\n\" >\(folders.mine)/env; chown 0 \(folders.mine)/env")
    #expect(try await generate(in: folders.mine).1 == "A=1\nKEY='a-key of root'\n0\n")
    // A link to another's secret is not read.
    try TestSupport.shell("echo KEY=\(key) >mine/other; ln -sf ../mine/other his/env", in: folders.path)
    let (_, text) = try await generate(in: folders.his)
    #expect(!text.contains(key) && text.hasSuffix("0\n"))
  }

  @Test(arguments: LocalShell.allCases)
  func whatAKilledRunLeftIsTakenAway(shell: LocalShell) async throws {
    for place in [folders.mine, folders.his] {
      let list = folders.path + "/list"
      // Killed in the middle of a file.
      _ = try await shell.run(
        "_uid=0 _N=\(list) _P=x\n\(raw: SafeWrites.stage)\n_enter \(place); _stage; echo secret >./env; kill -9 $$"
      )
      #expect(try FileManager.default.contentsOfDirectory(atPath: place.string).count == 1)
      let result = try await shell.run("_uid=0\n\(raw: SafeWrites.stage)\n_tidy \(list)")
      #expect(result.status == 0)
      #expect(try FileManager.default.contentsOfDirectory(atPath: place.string) == [])
      try FileManager.default.removeItem(atPath: list)
    }
  }
}
