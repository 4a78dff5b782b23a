import Foundation
import TestSupport
import Testing

@testable import MartletTransfer

/// Archives that no honest tar makes: nothing of them may be written anywhere but into the target.
@Suite(.timeLimit(.minutes(3))) struct HostileTreeTests {
  private static func file(_ path: String, _ text: String = "evil") -> [UInt8] {
    let bytes = Array(text.utf8)
    return TarHeader(.file, Array(path.utf8), mode: 0o644, count: bytes.count).blocks + bytes
      + TarHeader.padding(bytes.count)
  }

  private static func link(_ path: String, to target: String) -> [UInt8] {
    TarHeader(.symbolicLink, Array(path.utf8), target: Array(target.utf8), mode: 0o777).blocks
  }

  private static func folder(_ path: String) -> [UInt8] {
    TarHeader(.folder, Array(path.utf8), mode: 0o755).blocks
  }

  /// A header with another type, its sum made right again.
  private static func retyped(_ blocks: [UInt8], _ type: Character) -> [UInt8] {
    var block = blocks
    block[156] = type.asciiValue ?? 0
    for index in 148..<156 { block[index] = 0x20 }
    let sum = String(block[..<512].reduce(0) { $0 + Int($1) }, radix: 8)
    let digits = String(repeating: "0", count: 6 - sum.count) + sum + "\0"
    for (index, byte) in digits.utf8.enumerated() { block[148 + index] = byte }
    return block
  }

  private static func hardLink(_ path: String, to target: String) -> [UInt8] {
    retyped(link(path, to: target), "1")
  }

  private static func pax(_ lines: String) -> [UInt8] {
    retyped(file("PaxHeaders/x", lines), "x")
  }

  private static func record(_ key: String, _ value: String) -> String {
    var length = key.utf8.count + value.utf8.count + 3
    while "\(length)".count + key.utf8.count + value.utf8.count + 3 != length { length += 1 }
    return "\(length) \(key)=\(value)\n"
  }

  private static let end = [UInt8](repeating: 0, count: 1024)

  /// What is refused, by name; the victim is a file beside the target.
  static let refused: [(String, [UInt8])] = [
    ("upwards", file("../victim")),
    ("upwards, later", file("./a/../../victim")),
    ("upwards, by GNU's long name", file(String(repeating: "./", count: 60) + "../victim")),
    ("upwards, by pax", pax(record("path", "../victim")) + file("x")),
    ("from the root", file("/victim")),
    ("from the root, twice", file("//victim")),
    ("only dots", file("..")),
    ("no name", file(".")),
    ("through a link", link("s", to: "..") + file("s/victim")),
    ("through a link to the root", link("s", to: "/") + file("s/victim")),
    ("through a link in a folder", folder("d/") + link("d/s", to: "../..") + file("d/s/victim")),
    ("through a link that replaces a folder", folder("d/") + link("d", to: "..") + file("d/victim")),
    ("onto a link", link("s", to: "../victim") + file("s")),
    ("a folder onto a link", link("s", to: "..") + folder("s/") + file("s/victim")),
    ("a hard link upwards", hardLink("h", to: "../victim")),
    ("a hard link from the root", hardLink("h", to: "/etc/passwd")),
    ("a hard link to a link", link("s", to: "../victim") + hardLink("h", to: "s")),
    ("a hard link through a link", link("s", to: "..") + hardLink("h", to: "s/victim")),
    ("a NUL in a path", pax(record("path", "a\0/../../victim")) + file("x")),
    ("a NUL in a link's target", pax(record("linkpath", "a\0b")) + link("s", to: "x")),
    ("the same file twice", file("a") + file("a")),
    ("a file as a folder", file("a") + file("a/victim")),
    ("a path without end", pax(record("path", String(repeating: "a/", count: 5000))) + file("x")),
    ("a tree that is too deep", file((0..<201).map { _ in "d" }.joined(separator: "/"))),
    ("a pax header without end", retyped(TarHeader(.file, [0x78], mode: 0o644, count: 1 << 40).blocks, "x")),
    ("a pax header that is wrong", pax("999 path=x\n") + file("x")),
    ("a pax header of a wrong length", pax("3 path=../victim\n") + file("x")),
    ("a negative size", pax(record("size", "-1")) + file("x")),
    ("an unknown type", retyped(file("x"), "S")),
    ("a sparse file", pax(record("GNU.sparse.major", "1")) + file("x")),
    ("garbage", noise(2048)),
    ("no end", Array(file("a").dropLast(100))),
    ("nothing", []),
    ("a size beyond all disks", TarHeader(.file, [0x61], mode: 0o644, count: 1 << 50).blocks + noise(1000)),
  ]

  private func fetch(_ archive: [UInt8]) async throws -> (Place, TemporaryFolder, String) {
    let tools = try TemporaryFolder()
    try tools.write("archive", bytes: archive)
    try tools.write("tar", "#!/bin/sh\nexec cat '\(tools.path)/archive'\n", mode: 0o755)
    let place = try Place(.dash, tools: tools.path)
    try place.there.write("t/x", "")
    try place.here.write("victim", "old")
    let path = try place.path("t")
    let transfer = try await place.transfer()
    let text = await failure { _ = try await transfer.get(path, to: place.here.path + "/t") }
    return (place, tools, text)
  }

  @Test(arguments: refused.indices)
  func `Refused, and nothing is kept`(index: Int) async throws {
    let (name, archive) = Self.refused[index]
    let (place, _, text) = try await fetch(archive + (name == "no end" || name == "nothing" ? [] : Self.end))
    #expect(text != "nothing", "\(name)")
    #expect(place.here.names == ["victim"], "\(name): \(text)")
    #expect(try place.here.read("victim") == "old", "\(name)")
  }

  @Test func `What is only unusual is taken`() async throws {
    var device = TarHeader(.file, Array("dev".utf8), mode: 0o666).blocks
    device = Self.retyped(device, "3")
    let archive =
      Self.folder("./") + Self.file("./ok\nname") + Self.link("out", to: "../victim") + device
      + Self.pax(Self.record("path", "from-pax") + Self.record("mtime", "12.5")) + Self.file("x")
      + Self.retyped(Self.file("pax_global_header", Self.record("comment", "x")), "g")
      + Self.file("no/folder/before") + Self.hardLink("same", to: "./from-pax") + Self.end + noise(9000)
    let (place, _, text) = try await fetch(archive)
    #expect(text == "nothing")
    #expect(
      try shell("ls -A t; cat t/same; readlink t/out", in: place.here.path)
        == "from-pax\nno\nok\nname\nout\nsame\nevil../victim\n")
    #expect(try place.here.read("victim") == "old")
    #expect(place.here.names == ["t", "victim"])
  }

  /// Archives of other programs, cut anywhere.
  @Test(arguments: ["gnu", "ustar", "pax", "v7"])
  func `Every format of tar is read, in pieces of any size`(format: String) async throws {
    let folder = try TemporaryFolder()
    let deep =
      format == "v7" || format == "ustar" ? "d/e" : (0..<20).map { "folder-\($0)" }.joined(separator: "/")
    try folder.write("t/\(deep)/f", "deep")
    try folder.write("t/a", bytes: noise(1500))
    try shell("cd t; ln -s a link; tar --format=\(format) -cf ../archive .", in: folder.path)
    let archive = try folder.bytes("archive")
    for size in [1, 7, 511, 512, 513, 4096, archive.count] {
      let root = try LocalFolder(opening: folder.path).makeFolder(Array("out\(size)".utf8))
      var reader = TarReader()
      var writer = TreeWriter(root: root, preserves: false)
      var start = 0
      while start < archive.count {
        let end = min(start + size, archive.count)
        try archive[start..<end].withUnsafeBytes { try reader.take($0, &writer) }
        start = end
      }
      #expect(reader.isOver && writer.files == 2)
      try shell("diff -r t out\(size)", in: folder.path)
    }
  }

  /// Every bit of a header may be wrong: there is an error or a tree, and nothing outside.
  @Test func `Archives with random faults end in a tree or an error`() throws {
    let good =
      Self.folder("./") + Self.file("./a", "text") + Self.pax(Self.record("path", "./b")) + Self.file("x")
      + Self.link("./l", to: "a") + Self.hardLink("./h", to: "./a") + Self.end
    let folder = try TemporaryFolder()
    let parent = try LocalFolder(opening: folder.path)
    var generator = SystemRandomNumberGenerator()
    for round in 0..<1500 {
      var archive = good
      for _ in 0..<Int.random(in: 1...4, using: &generator) {
        let block = Int.random(in: 0..<(archive.count / 512), using: &generator) * 512
        archive[block + Int.random(in: 0..<300, using: &generator)] = UInt8.random(
          in: 0...255, using: &generator)
        // The sum is made right, or nearly all would end there.
        if archive[block..<(block + 512)].contains(where: { $0 != 0 }) {
          let type = Character(UnicodeScalar(archive[block + 156]))
          if type.isASCII {
            archive.replaceSubrange(
              block..<(block + 512), with: Self.retyped(Array(archive[block..<(block + 512)]), type))
          }
        }
      }
      let name = Array("out\(round)".utf8)
      let root = try parent.makeFolder(name)
      var reader = TarReader()
      var writer = TreeWriter(root: root, preserves: true)
      do { try archive.withUnsafeBytes { try reader.take($0, &writer) } } catch is TransferError {}
      try? writer.finishFolders(in: root) { _ in true }
      parent.remove(name)
      #expect(folder.names.isEmpty)
    }
  }
}
