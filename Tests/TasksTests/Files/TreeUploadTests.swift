import Foundation
import MartletCore
import MartletFacts
import TestSupport
import Testing

@testable import MartletTasks

@Suite struct TreeUploadTests {
  /// A local tree with something of everything.
  private func makeSource() throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    try folder.write("src/app.py", "print(1)\n", mode: 0o600)
    try folder.write("src/run.sh", "#!/bin/sh\n", mode: 0o755)
    try folder.write("src/pkg/-odd 'name' ü", "x")
    try folder.write("src/pkg/deep/er/file", "y")
    try folder.write("src/.gitignore", "*.log\n/media/\n!keep.log\n")
    try folder.write("src/pkg/.gitignore", "secret\n")
    for ignored in ["x.log", "media/big", "pkg/secret", ".git/HEAD"] {
      try folder.write("src/" + ignored, "z")
    }
    try folder.write("src/keep.log", "k")
    return folder
  }

  @Test func readsTheLocalFolder() throws {
    let folder = try makeSource()
    let tree = LocalTree(folder.path + "/src", excludes: ["deep/"], readsGitignore: true)
    #expect(tree.problem == nil)
    #expect(
      tree.entries.keys.sorted() == [
        ".gitignore", "app.py", "keep.log", "pkg", "pkg/-odd 'name' ü", "pkg/.gitignore", "run.sh",
      ])
    let plain = LocalTree(folder.path + "/src", excludes: [], readsGitignore: false)
    #expect(plain.entries["media/big"] != nil && plain.entries[".git"] == nil)
  }

  @Test func aFolderThatCannotBeReadIsAProblem() throws {
    let missing = LocalTree("no/such/folder", excludes: [], readsGitignore: true)
    #expect(missing.problem?.contains("/no/such/folder: ") == true)
    let folder = try TemporaryFolder()
    try folder.write("line\nbreak", "x")
    #expect(LocalTree(folder.path, excludes: [], readsGitignore: true).problem?.contains("control") == true)
    var inspection = Inspection()
    inspection.look(into: TreeUpload("/no/such", to: "/srv/x"))
    #expect(inspection.problems.count == 1)
  }

  @Test func wrongArgumentsAreRefused() throws {
    let folder = try makeSource()
    #expect(throws: InvalidTask.self) { try TreeUpload(folder.path, to: "/srv").validate() }
    #expect(throws: InvalidTask.self) { try TreeUpload(folder.path, to: "/srv/x", owner: "").validate() }
    let empty = try TemporaryFolder()
    #expect(throws: InvalidTask.self) { try TreeUpload(empty.path, to: "/srv/x").validate() }
  }

  @Test func occupiedPathsAreFailures() throws {
    let folder = try makeSource()
    let task = TreeUpload(folder.path + "/src", to: "/srv/app")
    #expect(try task.decide(given: (.notAFolder, .directory())).failure?.contains("file or a link") == true)
    #expect(try task.decide(given: (.absent, .absent)).failure?.contains("/srv doesn't exist") == true)
    let taken: TreeListing = .folder(["app.py": TreeEntry(status: .directory())])
    #expect(try task.decide(given: (taken, .directory())).failure?.contains("app.py is a folder") == true)
  }

  @Test func aFileThatChangesWhileThePlaybookRunsIsAnError() throws {
    let folder = try makeSource()
    let task = TreeUpload(folder.path + "/src", to: "/srv/app")
    try folder.write("src/app.py", "print(2)\n")
    #expect(throws: InvalidTask.self) { try task.decide(given: (.absent, .directory())) }
  }

  @Test(arguments: LocalShell.allCases)
  func convergesOnARealShell(shell: LocalShell) async throws {
    let folder = try makeSource()
    _ = try await shell.run("cd \(folder.path) && ln -s app.py src/link && ln -s /no/where src/pkg/dangling")
    let host = LocalHost(shell)
    let destination = folder.remote("it's dest")
    // Only root can give files away.
    let isRoot = getuid() == 0
    let owner = isRoot ? "nobody" : currentUser
    let group = isRoot ? "daemon" : try await shell.run("id -gn").text.trimmed
    func task(deletes: Bool = false) -> TreeUpload {
      TreeUpload(
        folder.path + "/src", to: destination, mode: 0o640, directoryMode: 0o750, owner: owner, group: group,
        excludes: ["__pycache__/"], deleteExtraneous: deletes)
    }
    let first = try await host.expectConvergence(of: task())
    #expect(first.changes.contains("+ pkg/deep/er/"))
    #expect(first.actions.count == 1)
    #expect(try folder.read("it's dest/pkg/-odd 'name' ü") == "x")
    let listing = try await shell.run(
      "cd \(destination) && stat -c '%a %U %G' . app.py run.sh pkg && readlink link && ls -A .. && ls -A")
    #expect(
      listing.text == """
        750 \(owner) \(group)
        640 \(owner) \(group)
        750 \(owner) \(group)
        750 \(owner) \(group)
        app.py
        it's dest
        src
        .gitignore
        app.py
        keep.log
        link
        pkg
        run.sh

        """)

    // What is the host's own stays, until it is said that it goes; what is left out stays even then.
    for (name, text) in ["media/up", "x.log", "own", "old/sub/file", "gone/__pycache__/c"].map({
      ($0, "host")
    }) {
      try folder.write("it's dest/" + name, text)
    }
    #expect(try await host.decide(task()).isUnchanged)

    try folder.write("src/app.py", "print(22)\n")
    try folder.write("src/pkg/new/file", "new")
    _ = try await shell.run(
      """
      cd \(folder.path) && rm -r src/pkg/deep src/link && mkdir src/link && echo l >src/link/inside
      ln -sfn /else/where src/pkg/dangling; rm src/run.sh; ln -s app.py src/run.sh
      cd \(destination) && chmod 600 keep.log && \(raw: isRoot ? "chown root" : "chmod 711") pkg
      rm .gitignore && mkdir -p .gitignore/in/side
      """)
    let second = try await host.expectConvergence(of: task(deletes: true))
    #expect(
      second.changes == [
        "~ .gitignore, was a folder", "~ app.py", "~ keep.log: mode 0600 → 0640",
        "~ link, was a symbolic link", "+ link/inside",
        "~ pkg/dangling → /else/where, was /no/where", "+ pkg/new/", "+ pkg/new/file", "~ run.sh, was a file",
        "~ pkg: \(isRoot ? "owner root → nobody" : "mode 0711 → 0750")",
        "- old/sub/file", "- own",
        "- pkg/deep/er/file", "- old/", "- old/sub/", "- pkg/deep/", "- pkg/deep/er/",
      ])
    #expect(try folder.read("it's dest/app.py") == "print(22)\n")
    #expect(try folder.read("it's dest/media/up") == "host")
    #expect(try folder.read("it's dest/gone/__pycache__/c") == "host")
    #expect(try await shell.run("ls -A \(folder.path)").text == "it's dest\nsrc\n")
  }

  @Test(arguments: LocalShell.allCases)
  func aStreamThatBreaksOffChangesNothing(shell: LocalShell) async throws {
    let folder = try makeSource()
    let host = LocalHost(shell)
    let destination = folder.remote("dest")
    let task = TreeUpload(folder.path + "/src", to: destination)
    try await host.expectConvergence(of: task)
    try folder.write("src/app.py", String(repeating: "longer\n", count: 1000))
    try folder.write("src/keep.log", "other")
    let again = try await host.decide(TreeUpload(folder.path + "/src", to: destination))
    var action = try #require(again.actions.first)
    action.input = action.input.map { Payload(Array($0.bytes.prefix(2000))) }
    await #expect(throws: LocalHost.Failed.self) { try await host.act(action) }
    #expect(try folder.read("dest/app.py") == "print(1)\n")
    #expect(try folder.read("dest/keep.log") == "k")
    #expect(try await shell.run("ls -A \(folder.path)").text == "dest\nsrc\n")
  }

  /// Row 11.
  @Test(arguments: LocalShell.allCases)
  func whatExistsKeepsItsMode(shell: LocalShell) async throws {
    let folder = try makeSource()
    let host = LocalHost(shell)
    let task = { TreeUpload(folder.path + "/src", to: folder.remote("dest")) }
    try await host.expectConvergence(of: task())
    _ = try await shell.run("cd \(folder.remote("dest")) && chmod 600 app.py run.sh && chmod 700 pkg")
    // Only what has to be executed gets what that needs.
    #expect(try await host.decide(task()).changes == ["~ run.sh: mode 0600 → 0700"])
    try folder.write("src/app.py", "print(4)\n")
    try folder.write("src/pkg/sub/new", "new")
    try await host.expectConvergence(of: task())
    #expect(
      try await shell.run("cd \(folder.remote("dest")) && stat -c %a app.py run.sh pkg pkg/sub pkg/sub/new")
        .text
        == "600\n700\n700\n700\n600\n")
  }

  /// Row 28: find prints such a name as two lines.
  @Test(arguments: LocalShell.allCases)
  func aFolderWithALineBreakInANameStays(shell: LocalShell) async throws {
    let folder = try makeSource()
    let host = LocalHost(shell)
    try folder.write("dest/old/sub/a\nb", "host")
    try folder.write("dest/old/gone/x", "host")
    let task = TreeUpload(folder.path + "/src", to: folder.remote("dest"), deleteExtraneous: true)
    let first = try await host.expectConvergence(of: task)
    #expect(first.changes.contains("- old/gone/") && !first.changes.contains("- old/"))
    #expect(try folder.read("dest/old/sub/a\nb") == "host")
    let facts = try task.observes.value(in: try await host.look(task.observes))
    #expect(task.warnings(given: facts).first?.contains("names in them have line breaks: old/sub") == true)
  }

  /// What no upload has put there, none deletes: whoever made it wasn't the uploads' owner.
  @Test func whatSomebodyElseHasMadeStays() throws {
    let folder = try TemporaryFolder()
    try folder.write("src/app.py", "1")
    try folder.write("src/uploads", "a file")
    let task = TreeUpload(folder.path + "/src", to: "/srv/app", owner: "root", deleteExtraneous: true)
    func entry(_ owner: String, _ kind: FileStatus.Kind = .file) -> TreeEntry {
      TreeEntry(
        status: FileStatus(
          kind: kind, mode: kind == .file ? 0o644 : 0o755, owner: owner, ownerID: owner == "root" ? 0 : 999),
        sha256: nil)
    }
    var found: [BytePath: TreeEntry] = [
      "": entry("root", .directory), "old.py": entry("root"), "media": entry("root", .directory),
      "media/cat.jpg": entry("app"), "gone": entry("root", .directory), "gone/x": entry("root"),
    ]
    let parent = FileStatus(kind: .directory, mode: 0o755)
    let deletions = try task.decide(given: (.folder(found), parent)).changes.filter { $0.hasPrefix("-") }
    #expect(deletions == ["- gone/x", "- old.py", "- gone/"])
    #expect(task.warnings(given: (.folder(found), parent)).first?.contains("media/cat.jpg") == true)
    // Nor does a file that takes a folder's place.
    found["uploads"] = entry("root", .directory)
    found["uploads/dog.jpg"] = entry("app")
    let failure = try task.decide(given: (.folder(found), parent)).failure
    #expect(failure?.contains("/srv/app/uploads/dog.jpg isn't root's") == true)
  }

  /// `é` in one code point and in two are two names for a host, and equal for Swift's `String`.
  @Test(arguments: LocalShell.allCases)
  func namesAreBytes(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    let host = LocalHost(shell)
    let (composed, decomposed) = ("caf\u{e9}", "cafe\u{301}")
    for name in [composed, "both-" + composed, "both-" + decomposed, "'\u{301}; touch owned #"] {
      try folder.write("src/" + name, name)
    }
    _ = try await shell.run(
      #"cd \#(folder.path + "/src") && printf x >"$(printf 'n\351 $(id)\303')" && ln -s "$(printf '\377')" l && mkdir a && echo 1 >"$(printf 'a/\314\201b')""#
    )
    try folder.write("dest/" + decomposed, "other")
    _ = try await shell.run(
      #"cd \#(folder.path + "/dest") && mkdir "$(printf 'd\351')" && echo 1 >"$(printf 'd\351/caf\351.txt')""#
    )
    let task = TreeUpload(folder.path + "/src", to: folder.remote("dest"), deleteExtraneous: true)
    let first = try await host.expectConvergence(of: task)
    #expect(first.changes.contains("- \(decomposed)") && first.changes.contains("+ \(composed)"))
    #expect(first.changes.contains(#"- d\xe9/caf\xe9.txt"#) && first.changes.contains(#"- d\xe9/"#))
    #expect(first.changes.contains(#"+ n\xe9 $(id)\xc3"#))
    let same = try await shell.run(
      """
      cd \(folder.path + "/src") && find . -type f -exec sh -c 'for f do cmp "$f" "../dest/$f" || echo differs; done' sh {} +
      [ "$(find . | wc -l) $(readlink l)" = "$(cd ../dest; echo "$(find . | wc -l) $(readlink l)")" ]
      """)
    #expect(same.status == 0 && same.text.isEmpty, "\(same.text)\(same.errors)")
    // What is not UTF-8 is corrected and replaced too.
    _ = try await shell.run(#"cd \#(folder.path + "/dest") && chmod 600 n* && rm l && mkdir l"#)
    try await host.expectConvergence(of: task)
    #expect(try await shell.run("ls \(folder.path)").text == "dest\nsrc\n")
  }

  @Test(arguments: LocalShell.allCases)
  func aTreeThatAppearsMeanwhileIsNotGoneInto(shell: LocalShell) async throws {
    let folder = try makeSource()
    let host = LocalHost(shell)
    let decision = try await host.decide(TreeUpload(folder.path + "/src", to: folder.remote("dest")))
    try folder.write("dest/other", "another run's")
    await #expect(throws: LocalHost.Failed.self) { try await host.act(decision) }
    #expect(
      try await shell.run("ls -A \(folder.path) \(folder.remote("dest"))").text.contains("app.py") == false)
    #expect(try await shell.run("ls -A \(folder.path)").text == "dest\nsrc\n")
    // The next run takes it from there.
    let next = try await host.decide(TreeUpload(folder.path + "/src", to: folder.remote("dest")))
    try await host.act(next)
    #expect(try folder.read("dest/app.py") == "print(1)\n")
  }

  @Test(arguments: LocalShell.allCases)
  func twoUploadsAtOnceDoNotShareAStage(shell: LocalShell) async throws {
    let folder = try makeSource()
    let host = LocalHost(shell)
    let task = TreeUpload(folder.path + "/src", to: folder.remote("dest"))
    try await host.expectConvergence(of: task)
    // What another run has half unpacked is none of this one's business, whatever is deleted.
    try folder.write("dest/.martlet.abcdef/tree/app.py", "half")
    try folder.write("src/app.py", "print(3)\n")
    let again = TreeUpload(folder.path + "/src", to: folder.remote("dest"), deleteExtraneous: true)
    let decision = try await host.decide(again)
    #expect(decision.changes == ["~ app.py"])
    async let one = host.act(decision)
    async let two = host.act(decision)
    _ = try await (one, two)
    #expect(try folder.read("dest/app.py") == "print(3)\n")
    #expect(try folder.read("dest/.martlet.abcdef/tree/app.py") == "half")
    #expect(try await host.decide(again).isUnchanged)
  }
}
