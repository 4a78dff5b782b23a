import MartletCore
import TestSupport
import Testing

/// Whatever a value holds, a shell of a host reads it back byte for byte.
@Suite struct QuotingTests {
  static let hostile: [String] = {
    var values = [
      "", " ", "plain", "it's", "'", "''", "'\\''", "\"", "\\", "\\\\", "\\n", "$HOME", "${HOME}", "$(id)",
      "`id`", "$((1+1))",
      "*", "?", "[a-z]*", "~", "~root", "{a,b}", "!", "!!", "^", "#", "a#b", "-n", "--", "-rf /", "=x", "a=b",
      "&", "&&", ";",
      "; rm -rf /", "|", "<", ">", ">>/etc/passwd", "(", ")", "\n", "a\nb", "\nlead", "trail\n", "\n\n", "\t",
      "\r\n", "\u{1}\u{7f}",
      "%s", "%%", "\\0", "\\c", "ünïcödé", "日本語", "🦅", "e\u{301}", "\u{feff}", "\u{202e}abc", "'\n'",
      "'$(id)'", "\u{a0}",
      "EOF", "<<EOF", "/plain/path", "/path with blank", "/a'b", "/dev/null; id", "-e", "-n -e", "\\", "x\\",
      "\\'", "'\\", "'\u{301}; id #", "a'\u{301}'\u{301}$(id)",
      // For Swift's `String` none of these has a quote, or a line break, of its own in it.
      "'\u{301}; echo owned #", "a'\u{20e3}$(id)", "'\u{200d}", "\\\u{301}n", "\n\u{301}",
    ]
    values.append(String(repeating: "x' \"$(\n", count: 14_300))
    var generator = Xorshift(state: 42)
    let alphabet = Array("'\"\\$`(){}[]*?!~#&;|<> \n\tabc-=%ü日/.0") + ["\u{301}", "\u{200d}"]
    for length in 1...120 {
      values.append(
        String((0..<length).map { _ in alphabet[Int(generator.next() % UInt64(alphabet.count))] }))
    }
    return values
  }()

  /// A fixed sequence, so that a failure can be repeated.
  struct Xorshift: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return state
    }
  }

  /// Length and bytes of each, so that no value can be mistaken for the end of another.
  private func framed(_ values: [String]) -> [UInt8] {
    values.flatMap { Array("\($0.utf8.count):".utf8) + Array($0.utf8) + [0x0a] }
  }

  /// Prints its arguments with their lengths in bytes, which `LC_ALL=C` makes `${#1}`.
  private static let show: ShellCommand = """
    show() { for _v do printf '%s:%s\\n' "${#_v}" "$_v"; done; }

    """

  @Test(arguments: LocalShell.allCases)
  func everyValueIsOneWord(shell: LocalShell) async throws {
    var script = Self.show
    for value in Self.hostile { script += "show \(value)\n" }
    let result = try await shell.run(script)
    #expect(result.status == 0, "\(result.errors.prefix(200))")
    #expect(result.output == framed(Self.hostile))
  }

  @Test(arguments: LocalShell.allCases)
  func everyElementIsOneWord(shell: LocalShell) async throws {
    let result = try await shell.run(Self.show + "show \(Self.hostile)")
    #expect(result.output == framed(Self.hostile))
  }

  @Test(arguments: LocalShell.allCases)
  func aValueInsideAnotherWordIsPartOfIt(shell: LocalShell) async throws {
    var script = Self.show
    for value in Self.hostile { script += "_x=\(value); show \"$_x\"\n" }
    #expect(try await shell.run(script).output == framed(Self.hostile))
  }

  @Test(arguments: LocalShell.allCases)
  func aCommandIsOneWordOfAnother(shell: LocalShell) async throws {
    let values = Self.hostile.filter { $0.utf8.count < 10_000 }
    for chunk in stride(from: 0, to: values.count, by: 50).map({
      Array(values[$0..<min($0 + 50, values.count)])
    }) {
      let inner = Self.show + "show \(chunk)"
      let middle: ShellCommand = "sh -c \(word: inner)"
      let result = try await shell.run("sh -c \(word: middle)")
      #expect(result.output == framed(chunk))
    }
  }

  @Test(arguments: LocalShell.allCases)
  func aPathIsOneWord(shell: LocalShell) async throws {
    let paths = ["/", "/a b", "/a'b", "/$(id)", "/-x", "/*", "/ü\\", "/~"].map { RemotePath($0) }
    #expect(try await shell.run(Self.show + "show \(paths)").output == framed(paths.map(\.string)))
  }
}
