import Foundation
import TestSupport
import Testing

@testable import MartletTransfer

@Suite(.timeLimit(.minutes(3))) struct TreeTests {
  private static let deep = (0..<12).map { "folder-number-\($0)" }.joined(separator: "/")

  /// A tree with everything that names and kinds allow, and what a listing of it looks like.
  private func fill(_ folder: TemporaryFolder) throws {
    for (name, text) in [
      ("t/a", "1"), ("t/empty", ""), ("t/sub/b", "2"), ("t/sub/.hidden", "3"), ("t/-n", "4"),
      ("t/ it's $(x)\n", "5"), ("t/\(Self.deep)/f", "6"), ("t/" + String(repeating: "n", count: 255), "7"),
    ] { try folder.write(name, text) }
    try folder.write("t/run", "#!/bin/sh\n", mode: 0o750)
    try folder.write("t/big", bytes: noise(700_001))
    try shell(
      """
      cd t; ln -s a link; ln -s ../../etc/passwd outward; ln -s '\(Self.deep)/\(Self.deep)' long
      mkdir void; mkdir -m 0500 closed; ln a hard; ln -s sub folder
      """, in: folder.path)
  }

  private func listing(_ path: String) throws -> String {
    try shell(
      "find . -printf '%p %y %m %l %s\\n' -type f -exec sha256sum {} \\; | sed 's/ d \\([0-9]*\\)  [0-9]*$/ d \\1/' | sort",
      in: path)
  }

  @Test(arguments: Place.Way.allCases)
  func `A tree goes there and comes back as it was`(way: Place.Way) async throws {
    let place = try Place(way)
    try fill(place.here)
    let transfer = try await place.transfer { $0.preserves = true }
    let put = try await transfer.put(place.here.path + "/t", to: place.path("u"))
    #expect(put.verification == .sha256 && put.warnings.isEmpty && put.files == 11)
    let before = try listing(place.here.path + "/t")
    #expect(try listing(place.there.path + "/u") == before)
    let got = try await transfer.get(place.path("u"), to: place.here.path + "/v")
    #expect(got.verification == .sha256 && got.warnings.isEmpty && got.files == 11)
    #expect(try listing(place.here.path + "/v") == before)
    #expect(place.here.names == ["t", "v"])
    #expect(place.there.names.filter { $0 != ".ssh" } == ["u"])
  }

  @Test(arguments: Place.Way.allCases)
  func `A folder that is there is joined with what comes`(way: Place.Way) async throws {
    let place = try Place(way)
    for (name, text) in [("t/a", "new"), ("t/sub/b", "new"), ("t/more/c", "new"), ("t/.d", "new")] {
      try place.here.write(name, text)
    }
    try shell("ln -s new t/link", in: place.here.path)
    for (name, text) in [("u/a", "old"), ("u/sub/b", "old"), ("u/sub/own", "own"), ("u/own", "own")] {
      try place.there.write(name, text)
    }
    try shell("ln -s old u/link; chmod 0711 u/sub", in: place.there.path)
    let transfer = try await place.transfer()
    _ = try await transfer.put(place.here.path + "/t", to: place.path("u"))
    for name in ["a", "sub/b", "more/c", ".d"] { #expect(try place.there.read("u/" + name) == "new") }
    for name in ["sub/own", "own"] { #expect(try place.there.read("u/" + name) == "own") }
    #expect(
      try shell("readlink u/link; ls -A u", in: place.there.path) == "new\n.d\na\nlink\nmore\nown\nsub\n")
    #expect(try place.there.mode("u/sub") == 0o711, "a folder that was there keeps its mode")

    try place.here.write("w/a", "old")
    try place.here.write("w/mine", "mine")
    _ = try await transfer.get(place.path("u"), to: place.here.path + "/w")
    #expect(try place.here.read("w/a") == "new" && place.here.read("w/mine") == "mine")
    #expect(try shell("ls -A w", in: place.here.path) == ".d\na\nlink\nmine\nmore\nown\nsub\n")
  }

  @Test(arguments: [Place.Way.dash, .busybox])
  func `Where a folder meets something else, nothing is moved`(way: Place.Way) async throws {
    let place = try Place(way)
    let transfer = try await place.transfer()
    for (new, old) in [("x/f", "x"), ("x", "x/f")] {
      for (source, target) in [(place.here, place.there), (place.there, place.here)] {
        try source.write("n/" + new, "new")
        try source.write("n/0", "new")
        try target.write("o/" + old, "old")
        let text = await failure {
          if source === place.here {
            _ = try await transfer.put(place.here.path + "/n", to: HostPath(place.there.path + "/o"))
          } else {
            _ = try await transfer.get(HostPath(place.there.path + "/n"), to: place.here.path + "/o")
          }
        }
        #expect(text.contains("folder"))
        #expect(try target.read("o/" + old) == "old")
        #expect(try shell("ls -A o", in: target.path) == "x\n")
        try shell("rm -r n", in: source.path)
        try shell("rm -r o", in: target.path)
      }
    }
  }

  @Test func `A symbolic link to a folder within the target is not followed`() async throws {
    let place = try Place(.dash)
    let transfer = try await place.transfer()
    for (source, target) in [(place.here, place.there), (place.there, place.here)] {
      try source.write("n/x/f", "new")
      try target.write("victim/f", "old")
      try shell("mkdir o; ln -s ../victim o/x", in: target.path)
      let text = await failure {
        if source === place.here {
          _ = try await transfer.put(place.here.path + "/n", to: HostPath(place.there.path + "/o"))
        } else {
          _ = try await transfer.get(HostPath(place.there.path + "/n"), to: place.here.path + "/o")
        }
      }
      #expect(text.contains("folder"))
      #expect(try target.read("victim/f") == "old")
      #expect(try shell("ls -A o", in: target.path) == "x\n")
      try shell("rm -r n", in: source.path)
      try shell("rm -r o victim", in: target.path)
    }
  }

  @Test func `Pipes and devices are left out, and told`() async throws {
    let place = try Place(.dash)
    try place.here.write("t/a", "1")
    try shell("mkfifo t/pipe", in: place.here.path)
    let transfer = try await place.transfer()
    let put = try await transfer.put(place.here.path + "/t", to: place.path("u"))
    #expect(put.warnings.count == 1 && put.warnings.first?.hasPrefix("pipe is") == true)
    try shell("mkfifo u/other", in: place.there.path)
    let got = try await transfer.get(place.path("u"), to: place.here.path + "/v")
    #expect(got.warnings.count == 1 && place.here.names == ["t", "v"])
    #expect(try shell("ls -A v", in: place.here.path) == "a\n")
  }

  @Test(.needsRoot("for users and file systems")) func `A file that the user may not read fails the tree`()
    async throws
  {
    let place = try Place(.dash, user: 65534)
    try place.there.write("u/a", "1")
    try place.there.write("u/b", "1", mode: 0o600)
    let path = try place.path("u")
    let transfer = try await place.transfer()
    let text = await failure { _ = try await transfer.get(path, to: place.here.path + "/v") }
    #expect(text.contains("Permission denied") && text.contains("u/b") || text.contains("./b"))
    #expect(place.here.names.isEmpty)
  }

  @Test(arguments: [Place.Way.dash, .busybox, .ssh])
  func `Ten thousand small files arrive`(way: Place.Way) async throws {
    let place = try Place(way)
    try shell(
      "mkdir t; cd t; for d in $(seq 100); do mkdir $d; for f in $(seq 100); do echo $d/$f >$d/$f; done; done",
      in: place.here.path)
    let transfer = try await place.transfer()
    #expect(try await transfer.put(place.here.path + "/t", to: place.path("u")).files == 10_000)
    #expect(try await transfer.put(place.here.path + "/t", to: place.path("u")).files == 10_000)
    #expect(try await transfer.get(place.path("u"), to: place.here.path + "/v").files == 10_000)
    try shell("diff -r t v; diff -r t '\(place.there.path)/u'", in: place.here.path)
  }
}
