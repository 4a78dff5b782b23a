import Foundation
import MartletCore
import TestSupport
import Testing

/// Secrets in what real programs print.
@Suite struct SecretFormsTests {
  /// Row by row what Python 3, bash, curl, base64 and their like make of ``RedactorTests/value``: `p4ss/w+rd "ü'\&?x`.
  @Test(arguments: [
    // json.dumps, with and without ensure_ascii; PHP's, which escapes slashes; JSON within JSON.
    #"p4ss/w+rd \"\u00fc'\\&?x"#, #"p4ss/w+rd \"ü'\\&?x"#, #"p4ss\/w+rd \"\u00FC'\\&?x"#,
    #"p4ss/w+rd \\\"\\u00fc'\\\\&?x"#,
    #"p4ss/w+rd \u0022ü\u0027\u005c\u0026?x"#,
    // repr of str and bytes.
    #"p4ss/w+rd "ü\'\\&?x"#, #"p4ss/w+rd "\xfc\'\\&?x"#, #"p4ss/w+rd "\xc3\xbc\'\\&?x"#,
    // quote, quote_plus, quote(safe=""), encodeURI: some characters or all, either case.
    "p4ss/w%2Brd%20%22%C3%BC%27%5C%26%3Fx", "p4ss%2fw%2brd+%22%c3%bc%27%5c%26%3fx",
    "p4ss/w+rd%20%22%C3%BC'%5C&?x",
    "%70%34%73%73%2F%77%2B%72%64%20%22%C3%BC%27%5C%26%3F%78",
    "p4ss%252Fw%252Brd%2520%2522%25C3%25BC%2527%255C%2526%253Fx",
    // html.escape, Django's escape, XML.
    "p4ss/w+rd &quot;ü&#x27;\\&amp;?x", "p4ss/w+rd &#34;&#252;&#39;\\&amp;?x",
    // printf %q, set -x in bash and in dash, shlex.quote, $'…'.
    #"p4ss/w+rd\ \"ü\'\\\&\?x"#, #"'p4ss/w+rd "ü'\''\&?x'"#, #"'p4ss/w+rd "ü'"'"'\&?x'"#,
    #"$'p4ss/w+rd "\303\274\'\\&?x'"#,
    // With colours, as grep --color; with cursor movements; overprinted; with a combining mark behind.
    "p4ss\u{1b}[01;31m\u{1b}[K/w+rd\u{1b}[m\u{1b}[K \"ü'\\&?x", "p4ss/w\u{1b}]0;title\u{7}+rd \"ü'\\&?x",
    "p4ss\u{9b}31m/w+rd \"ü'\\&?x", "p4ss/w+rd\u{200b} \"ü'\\&?x", "p4ss/w+rd \"ü'\\&?x\u{301}",
    #"p4ss\u001b[31m/w+rd\u001b[0m \"ü'\\&?x"#,
  ])
  func `It is found`(text: String) {
    let redactor = Redactor([Secret(RedactorTests.value)])
    let shown = redactor.redact("before \(text) after")
    let left = String(shown.unicodeScalars.filter { $0 != "\u{301}" })
    #expect(left.hasPrefix("before ") && left.hasSuffix(" after"), "\(shown)")
    #expect(left.contains("***") && left.utf8.count <= "before $'***' after".utf8.count, "\(shown)")
  }

  @Test func `Shells' own quoting is undone`() async throws {
    let redactor = Redactor([Secret(RedactorTests.value)])
    for shell in LocalShell.allCases {
      let traced = try await shell.run("set -x; : \(RedactorTests.value)")
      #expect(redactor.redact(traced.errors).contains("***"), "\(traced.errors)")
      #expect(!redactor.redact(traced.errors).contains("ss/w"), "\(traced.errors)")
    }
    let quoted = try await LocalShell.bash.run(
      "printf '%q' \(RedactorTests.value); echo; echo \(["x", RedactorTests.value]) | cat -A")
    #expect(
      !redactor.redact(quoted.text.split(separator: "\n").first.map(String.init) ?? "p4ss/w").contains("ss/w")
    )
  }

  @Test(arguments: ["", "u:", "us:", "user:", "user1:"], ["", "@h", "\n", "more of it"])
  func `base64 is found wherever the secret stands in it`(before: String, after: String) {
    let secret = "tok3n+ABC/x?y"
    let redactor = Redactor([Secret(secret)])
    let encoded = Data((before + secret + after).utf8).base64EncodedString()
    for text in [
      encoded, encoded.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: ""),
    ] {
      let shown = redactor.redact("Basic \(text) end")
      #expect(shown.hasPrefix("Basic ") && shown.contains("***") && shown.hasSuffix(" end"))
      // What is left decodes to nothing of it.
      let letters = shown.dropFirst(6).dropLast(4).split(separator: "***", omittingEmptySubsequences: true)
      for part in letters {
        let padded = part + String(repeating: "=", count: (4 - part.count % 4) % 4)
        let bytes = Data(base64Encoded: String(padded)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        #expect(!bytes.contains("tok") && !bytes.contains("x?y"), "\(shown)")
      }
    }
  }

  @Test func `base64 in lines and hexadecimal dumps are found`() async throws {
    let secret = String(repeating: "0123456789abcdefXYZ", count: 6)
    let redactor = Redactor([Secret(secret)])
    let wrapped = try await LocalShell.bash.run("printf %s \("user:" + secret) | base64")
    #expect(
      wrapped.text.contains("\n") && redactor.redact(wrapped.text).utf8.count < 20,
      "\(redactor.redact(wrapped.text))")
    let hex = Data("tok3nABC".utf8).map { String(format: "%02x", $0) }
    let short = Redactor([Secret("tok3nABC")])
    for text in [
      hex.joined(), hex.joined().uppercased(), hex.joined(separator: ":"), hex.joined(separator: " "),
    ] {
      #expect(short.redact("x \(text) y") == "x *** y")
    }
  }

  @Test func `The password in a URL is one, also where a program has taken it out`() {
    let redactor = Redactor([Secret("postgres://shop:hun%40ter22@db:5432/shop?sslmode=require")])
    #expect(redactor.redact("FATAL: password hun@ter22 of shop") == "FATAL: password *** of shop")
    #expect(redactor.redact("hun%40ter22") == "***")
    // A word that is everywhere is none.
    let plain = Redactor([Secret("postgres://postgres:postgres@db/shop")])
    #expect(plain.redact("postgres starts") == "postgres starts")
  }

  @Test func `What a cut has left of one is taken out`() {
    let redactor = Redactor([Secret("tok3nABCdef"), Secret("it's $(x)")])
    #expect(redactor.redact("command echo tok3nA…") == "command echo ***…")
    #expect(redactor.redact("command echo tok3nA… failed") == "command echo ***… failed")
    #expect(redactor.redact("…\nBCdef and more") == "…\n*** and more")
    #expect(redactor.redact("…n3ABC") == "…n3ABC")
    #expect(redactor.redact("command echo 'it'\\''s $…") == "command echo '***…")
    #expect(redactor.redact("some text…") == "some text…")
  }

  @Test func `Overlapping ones leave nothing between`() {
    let redactor = Redactor([Secret("abcdef"), Secret("defghi")])
    #expect(redactor.redact("xabcdefghiy") == "x***y")
  }

  @Test func `Thousands of secrets cost one pass`() {
    let many = Redactor((0..<1000).map { Secret("token-\($0 &* 7919)-\($0)-abcdef") })
    let text = String(repeating: "line of output token-17 without any\n", count: 200)
    #expect(many.redact(text + "token-7919-1-abcdef") == text + "***")
    #expect(many.longestForm >= 6 * "token-7919-1-abcdef".count)
  }
}
