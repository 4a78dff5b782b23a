import Foundation
import TestSupport
import Testing

@testable import MartletTransfer

@Suite(.timeLimit(.minutes(3))) struct FileTests {
  @Test(arguments: Place.Way.allCases)
  func `Files of any size go there and come back, and leave nothing beside them`(way: Place.Way) async throws
  {
    let place = try Place(way)
    let transfer = try await place.transfer()
    for count in [0, 1, 262_144, 1_048_576, 9_000_001] {
      let bytes = noise(count)
      try place.here.write("a", bytes: bytes)
      let put = try await transfer.put(place.here.path + "/a", to: place.path("b"))
      #expect(put == TransferSummary(bytes: count, verification: .sha256))
      let isThere = try place.there.bytes("b") == bytes
      #expect(isThere)
      let got = try await transfer.get(place.path("b"), to: place.here.path + "/c")
      #expect(got == TransferSummary(bytes: count, verification: .sha256))
      let isHere = try place.here.bytes("c") == bytes
      #expect(isHere)
    }
    #expect(place.there.names.filter { $0 != ".ssh" } == ["b"])
    #expect(place.here.names == ["a", "c"])
  }

  @Test(arguments: Place.Way.allCases)
  func `Without verification it is the same but for the sums`(way: Place.Way) async throws {
    let place = try Place(way)
    let transfer = try await place.transfer { options in
      options.verifies = false
      options.preserves = true
    }
    for count in [0, 1, 9_000_001] {
      try place.here.write("a", bytes: noise(count))
      try shell("chmod 751 a; touch -d 2001-02-03T04:05:06Z a", in: place.here.path)
      let put = try await transfer.put(place.here.path + "/a", to: place.path("b"))
      #expect(put == TransferSummary(bytes: count, verification: .none))
      let got = try await transfer.get(place.path("b"), to: place.here.path + "/c")
      #expect(got == TransferSummary(bytes: count, verification: .none))
      for file in [place.there.path + "/b", place.here.path + "/c"] {
        try shell("cmp '\(file)' '\(place.here.path)/a'")
        #expect(try shell("stat -c '%a %Y' '\(file)'") == "751 981173106\n")
      }
    }
    #expect(place.there.names.filter { $0 != ".ssh" } == ["b"])
    try shell("mkdir tree; cp a tree", in: place.here.path)
    for _ in 1...2 {
      let put = try await transfer.put(place.here.path + "/tree", to: place.path("tree"))
      #expect(put.verification == .none && put.files == 1)
    }
    let got = try await transfer.get(place.path("tree"), to: place.here.path + "/back")
    #expect(got.verification == .none)
    try shell("diff -r tree back; diff -r tree '\(place.there.path)/tree'", in: place.here.path)
  }

  @Test(arguments: Place.Way.allCases)
  func `Names mean nothing to any shell`(way: Place.Way) async throws {
    let place = try Place(way)
    let transfer = try await place.transfer()
    let names = [
      " two  spaces ", "it's \"quoted\"", "-n", "--help", "$HOME `id` $(id)", "line\nbreak\n", "*?[a-z]",
      #"back\slash\n"#, "#x;&|<>", "ünïcödé 🐦", "~", "~root", "!!", String(repeating: "n", count: 255),
      "\u{1b}[31m",
    ]
    for name in names {
      try place.here.write(name, bytes: Array(name.utf8))
      _ = try await transfer.put(place.here.path + "/" + name, to: place.path(name))
      let sent = try place.there.bytes(name)
      #expect(sent == Array(name.utf8))
      _ = try await transfer.get(place.path(name), to: place.here.path + "/back")
      let came = try place.here.bytes("back")
      #expect(came == Array(name.utf8))
    }
    #expect(place.there.names == names.sorted())
  }

  @Test func `A path without a slash in front starts from the home folder`() async throws {
    let place = try Place(.dash)
    let transfer = try await place.transfer()
    try place.here.write("a", bytes: [1])
    try place.there.write("sub/x", "")
    for path in ["b", "~/c", "./d", "sub/", "~/sub/../e"] {
      _ = try await transfer.put(place.here.path + "/a", to: HostPath(path))
    }
    #expect(place.there.names == ["b", "c", "d", "e", "sub"])
    #expect(try place.there.bytes("sub/a") == [1])
    _ = try await transfer.get(HostPath("~/sub/a"), to: place.here.path + "/")
    _ = try await transfer.put(place.here.path + "/a", to: HostPath(""))
    #expect(place.there.names.contains("a"))
    #expect(throws: TransferError.self) { try HostPath("~root/x") }
    #expect(try HostPath("./~root").name == "~root")
    #expect(try HostPath("/").name == nil && HostPath("a/..").isFolder && HostPath("/x/").isFolder)
  }

  @Test(arguments: Place.Way.allCases)
  func `Modes and times are kept when asked for`(way: Place.Way) async throws {
    let place = try Place(way)
    try place.here.write("a", "x", mode: 0o757)
    try shell("touch -d @1234567890 '\(place.here.path)/a'")
    let plain = try await place.transfer()
    _ = try await plain.put(place.here.path + "/a", to: place.path("plain"))
    let umask = try Int(shell("umask").trimmingCharacters(in: .whitespacesAndNewlines), radix: 8) ?? 0o22
    #expect(try place.there.mode("plain") == 0o757 & ~umask)
    let exact = try await place.transfer { $0.preserves = true }
    _ = try await exact.put(place.here.path + "/a", to: place.path("exact"))
    #expect(try place.there.mode("exact") == 0o757)
    _ = try await exact.get(place.path("exact"), to: place.here.path + "/back")
    #expect(try place.here.mode("back") == 0o757)
    for file in [place.there.path + "/exact", place.here.path + "/back"] {
      #expect(try shell("stat -c %Y '\(file)'") == "1234567890\n")
    }
    try shell("chmod 6755 '\(place.there.path)/exact'")
    _ = try await exact.get(place.path("exact"), to: place.here.path + "/back")
    #expect(try place.here.mode("back") == 0o755, "no host gives this machine a setuid file")
  }

  @Test func `What is in the way is told, and stays`() async throws {
    let place = try Place(.dash)
    let transfer = try await place.transfer()
    try place.here.write("a", bytes: [1])
    try place.here.write("sub/x", "")
    try place.there.write("sub/x", "")
    try shell("mkfifo '\(place.there.path)/pipe'; ln -s nowhere '\(place.there.path)/dangling'")
    func put(_ local: String, _ path: String) async throws -> String {
      let path = try place.path(path)
      return await failure { _ = try await transfer.put(place.here.path + "/" + local, to: path) }
    }
    func get(_ path: String, _ local: String) async throws -> String {
      let path = try place.path(path)
      return await failure { _ = try await transfer.get(path, to: place.here.path + "/" + local) }
    }
    #expect(try await put("none", "b").contains("there is no such file or folder"))
    #expect(try await put("a", "sub").contains("with a / at its end"))
    #expect(try await put("a", "none/b").contains("there is no such file or folder"))
    #expect(try await put("a", "pipe").contains("not a regular file"))
    #expect(try await get("none", "b").contains("there is no such file or folder"))
    #expect(try await get("dangling", "b").contains("symbolic link to nothing"))
    #expect(try await get("pipe", "b").contains("neither a file nor a folder"))
    try place.there.write("f", "1")
    #expect(try await get("f", "sub").contains("with a / at its end"))
    #expect(try await get("f", "none/b").contains("there is no such file or folder"))
    #expect(try await get("sub", "a").contains("it is a folder"))
    #expect(try await put("sub", "f").contains("is not a folder"))
    #expect(place.here.names == ["a", "sub"])
    #expect(place.there.names == ["dangling", "f", "pipe", "sub"])
  }

  @Test(.needsRoot("for users and file systems"))
  func `What the user may not do is told, and nothing is left`() async throws {
    let place = try Place(.dash, user: 65534)
    let transfer = try await place.transfer()
    try place.here.write("a", bytes: [1])
    try place.there.write("secret", "old", mode: 0o600)
    let path = try place.path("secret")
    let put = await failure { _ = try await transfer.put(place.here.path + "/a", to: path) }
    #expect(put.contains("permission denied"))
    let get = await failure { _ = try await transfer.get(path, to: place.here.path + "/b") }
    #expect(get.contains("permission denied"))
    #expect(place.there.names == ["secret"] && place.here.names == ["a"])
  }

  @Test(.needsRoot("for users and file systems")) func `Root keeps the owner of a file that it replaces`()
    async throws
  {
    let place = try Place(.dash)
    try place.here.write("a", bytes: [1])
    try place.there.write("b", "old")
    try shell("chown 1234:4321 '\(place.there.path)/b'")
    _ = try await place.transfer().put(place.here.path + "/a", to: place.path("b"))
    #expect(try shell("stat -c %u:%g '\(place.there.path)/b'") == "1234:4321\n")
  }

  @Test func `A symbolic link at the target is replaced and not followed`() async throws {
    let place = try Place(.dash)
    try place.here.write("a", bytes: [1])
    for folder in [place.there, place.here] {
      try folder.write("victim", "old")
      try shell("ln -s victim '\(folder.path)/link'")
    }
    let transfer = try await place.transfer()
    _ = try await transfer.put(place.here.path + "/a", to: place.path("link"))
    _ = try await transfer.get(place.path("link"), to: place.here.path + "/link")
    for folder in [place.there, place.here] {
      #expect(try folder.read("victim") == "old" && folder.bytes("link") == [1])
      let attributes = try FileManager.default.attributesOfItem(atPath: folder.path + "/link")
      #expect(attributes[.type] as? FileAttributeType == .typeRegular)
    }
  }

  @Test func `A login shell may print what it likes`() async throws {
    let place = try Place(.dash, noise: "Welcome!\nno line end")
    let transfer = try await place.transfer()
    try place.here.write("a", bytes: noise(100_000))
    _ = try await transfer.put(place.here.path + "/a", to: place.path("b"))
    _ = try await transfer.get(place.path("b"), to: place.here.path + "/c")
    #expect(try place.here.bytes("c") == noise(100_000))
  }

  @Test func `A log that grows meanwhile comes as it was`() async throws {
    let place = try Place(.ssh)
    try shell("head -c 40000000 /dev/urandom >log; cp log before", in: place.there.path)
    let path = place.there.path + "/log"
    let writing = Task.detached {
      while !Task.isCancelled {
        try shell("echo more >>'\(path)'")
        try await Task.sleep(for: .milliseconds(5))
      }
    }
    let summary = try await place.transfer().get(HostPath(path), to: place.here.path + "/log")
    writing.cancel()
    #expect(summary.bytes >= 40_000_000)
    #expect(try shell("stat -c %s '\(place.here.path)/log'") == "\(summary.bytes)\n")
    try shell("cmp -n 40000000 '\(place.here.path)/log' '\(place.there.path)/before'")
  }

  @Test func `A host with nothing but POSIX is enough`() async throws {
    let tools = try TemporaryFolder()
    for tool in [
      "cat", "chmod", "chown", "cksum", "dd", "find", "id", "ln", "ls", "mkdir", "mv", "pwd", "rm", "rmdir",
      "touch", "env",
    ] {
      try shell("ln -s /usr/bin/\(tool) '\(tools.path)/\(tool)'")
    }
    let place = try Place(.dash, tools: tools.path, onlyTools: true)
    let transfer = try await place.transfer()
    for count in [0, 300, 3_000_000] {
      try place.here.write("a", bytes: noise(count))
      let put = try await transfer.put(place.here.path + "/a", to: place.path("b"))
      #expect(put.verification == .cksum)
      let got = try await transfer.get(place.path("b"), to: place.here.path + "/c")
      #expect(got.verification == .cksum)
      #expect(try place.here.bytes("c") == noise(count))
    }
    #expect(try place.here.mode("c") == place.here.mode("a"))
    try place.here.write("sub/x", "")
    let path = try place.path("sub")
    let text = await failure { _ = try await transfer.put(place.here.path + "/sub", to: path) }
    #expect(text.contains("there is no tar on the host"))
    try place.there.write("sub/x", "")
    let other = await failure { _ = try await transfer.get(path, to: place.here.path + "/y") }
    #expect(other.contains("there is no tar on the host"))
  }

  @Test(arguments: [true, false])
  func `A sum that differs keeps the old file`(isPut: Bool) async throws {
    let tools = try TemporaryFolder()
    try tools.write("sha256sum", "#!/bin/sh\ncat >/dev/null; echo 00  -\n", mode: 0o755)
    let place = try Place(.dash, tools: tools.path)
    let transfer = try await place.transfer()
    try place.here.write("f", "here")
    try place.there.write("f", "there")
    let path = try place.path("f")
    let text = await failure {
      if isPut {
        _ = try await transfer.put(place.here.path + "/f", to: path)
      } else {
        _ = try await transfer.get(path, to: place.here.path + "/f")
      }
    }
    #expect(text.contains("is not what"))
    #expect(try place.here.read("f") == "here" && place.there.read("f") == "there")
    #expect(place.here.names == ["f"] && place.there.names == ["f"])
  }
}
