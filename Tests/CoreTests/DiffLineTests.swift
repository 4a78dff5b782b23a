import MartletCore
import Testing

@Suite struct DiffLineTests {
  private func text(_ lines: [DiffLine]) -> String {
    lines.map { line in
      switch line.kind {
      case .added: "+" + line.text
      case .removed: "-" + line.text
      case .modified: "~" + line.text
      case .context: " " + line.text
      case .header: line.text
      }
    }.joined(separator: "\n")
  }

  private func diff(_ old: String?, _ new: Contents) -> String {
    text(
      DiffLine.render(
        .contents("/f", isNew: old == nil, old: old.map { Array($0.utf8) }, new: new), showContents: true))
  }

  @Test func `Simple changes are one line`() {
    #expect(DiffLine.render(.added("nginx"), showContents: false) == [DiffLine(.added, "nginx")])
    #expect(DiffLine.render(.removed("nginx"), showContents: true) == [DiffLine(.removed, "nginx")])
    #expect(DiffLine.render(.modified("a → b"), showContents: true) == [DiffLine(.modified, "a → b")])
  }

  @Test func `Without the wish for contents a file is its size`() {
    let known = Change.contents("/f", isNew: false, old: Array("ab".utf8), new: "abc")
    #expect(DiffLine.render(known, showContents: false) == [DiffLine(.modified, "/f (2 → 3 bytes)")])
    let new = Change.contents("/f", isNew: true, old: nil, new: "abc")
    #expect(DiffLine.render(new, showContents: false) == [DiffLine(.added, "/f (3 bytes)")])
  }

  @Test func `Contents with a secret are never shown, neither new nor old`() {
    let new: Contents = "token=\(Secret("hunter22"))"
    let change = Change.contents("/f", isNew: false, old: Array("token=oldsecret".utf8), new: new)
    for wish in [true, false] {
      #expect(
        DiffLine.render(change, showContents: wish)
          == [DiffLine(.modified, "/f (contents not shown: they hold a secret)")])
    }
  }

  @Test func `A change in the middle has three lines of context`() {
    let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n"
    let new = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"
    #expect(diff(old, Contents(new)) == "/f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8")
  }

  @Test func `Changes far apart are two hunks, near ones are one`() {
    let old = (1...20).map { "\($0)\n" }.joined()
    let far = old.replacing("2\n", with: "two\n", maxReplacements: 1).replacing("19\n", with: "x\n")
    #expect(
      diff(old, Contents(far))
        == "/f\n@@ -1,5 +1,5 @@\n 1\n-2\n+two\n 3\n 4\n 5\n@@ -16,5 +16,5 @@\n 16\n 17\n 18\n-19\n+x\n 20")
    let near = old.replacing("3\n", with: "three\n", maxReplacements: 1).replacing("10\n", with: "ten\n")
    #expect(diff(old, Contents(near)).split(separator: "\n").filter { $0.hasPrefix("@@") }.count == 1)
  }

  @Test func `A new file is all added`() {
    #expect(diff(nil, "a\nb\n") == "/f\n@@ -0,0 +1,2 @@\n+a\n+b")
    #expect(diff(nil, "") == "+/f (empty)")
  }

  @Test func `A missing line break at the end is said`() {
    #expect(diff("a", "a\n") == "/f\n@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a")
  }

  @Test func `Binary contents are not printed`() {
    let change = Change.contents("/f", isNew: false, old: [0, 1], new: Contents(bytes: [0xff, 0xfe, 0]))
    #expect(text(DiffLine.render(change, showContents: true)) == "~/f (binary, 2 → 3 bytes)")
  }

  @Test func `The size is bounded`() {
    let new = (0..<5000).map { "line \($0)\n" }.joined()
    let lines = DiffLine.render(
      .contents("/f", isNew: true, old: nil, new: Contents(new)), showContents: true)
    #expect(lines.count == 202)
    #expect(lines.last == DiffLine(.header, "… 4801 more lines"))
    let wide = diff("", Contents(String(repeating: "x", count: 9000) + "\n"))
    #expect(wide.hasSuffix("x…") && wide.count < 500)
  }

  @Test func `Quite different texts are still a correct diff`() {
    let old = (0..<3000).map { "old \($0)\n" }.joined()
    let new = (0..<3000).map { "new \($0)\n" }.joined()
    #expect(diff(old, Contents(new)).hasPrefix("/f\n@@ -1,3000 +1,3000 @@\n-old 0\n"))
  }

  @Test(arguments: 0..<200)
  func `Applying the edits to the old text gives the new one`(seed: Int) {
    var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
    func random(_ bound: UInt64) -> UInt64 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return (state >> 33) % bound
    }
    let old = (0..<random(12)).map { _ in "\(random(4))\n" }
    let new = (0..<random(12)).map { _ in "\(random(4))\n" }
    let lines = UnifiedDiff(
      from: Array(old.joined().utf8), to: Array(new.joined().utf8)
    ).lines
    guard old != new else {
      #expect(lines.isEmpty)
      return
    }
    var result: [String] = []
    var position = 0
    for line in lines {
      switch line.kind {
      case .header:
        let start = line.text.split(separator: " ")[1].dropFirst().split(separator: ",")[0]
        let first = max(0, (Int(start) ?? 0) - 1)
        if line.text.contains("-0,0") { continue }
        result += old[position..<first].map { String($0.dropLast()) }
        position = first
      case .context:
        #expect(old[position] == line.text + "\n")
        result.append(line.text)
        position += 1
      case .removed:
        #expect(old[position] == line.text + "\n")
        position += 1
      default: result.append(line.text)
      }
    }
    result += old[position...].map { String($0.dropLast()) }
    #expect(result == new.map { String($0.dropLast()) })
  }
}
