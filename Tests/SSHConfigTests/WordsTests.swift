import Testing

@testable import MartletSSHConfig

struct WordsTests {
  @Test(arguments: [
    ("a b  c", ["a", "b", "c"]), ("\"a b\" c", ["a b", "c"]), ("'a b'\"c\"", ["a bc"]), ("a\\ b", ["a b"]),
    ("\"a\\ b\"", ["a\\ b"]), ("a\\b", ["a\\b"]), ("\\\"a", ["\"a"]), ("a # b", ["a"]), ("a#b", ["a#b"]),
    ("\"#a\"", ["#a"]), ("\"\" x", ["", "x"]), ("", []), ("# \"", []), ("a\\", ["a\\"]),
    ("\"it's\"", ["it's"]),
  ]) func arguments(text: String, words: [String]) {
    #expect(Words.split(Array(text.utf8))?.map(String.init(bytes:)) == words)
  }

  @Test(arguments: ["\"a", "a'b", "'a\\'", "\"a\\\""]) func unclosedQuote(text: String) {
    #expect(Words.split(Array(text.utf8)) == nil)
  }

  @Test(arguments: [
    ("User a", ["User", "a"]), ("User=a", ["User", "a"]), ("User = a", ["User", "a"]),
    ("User == a", ["User", "", "a"]), (" User", ["", "User"]), ("a\"b c\" d", ["ab c", "d"]), ("a", ["a"]),
  ]) func delimited(text: String, words: [String]) {
    var line = Words.Delimited(Array(text.utf8))
    var found: [String] = []
    while let word = line.next() { found.append(String(bytes: word)) }
    #expect(found == words)
    #expect(line.isAtEnd)
  }
}
