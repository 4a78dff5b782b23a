@testable import MartletTasks
import Testing

@Suite struct PythonVersionTests {
  /// The order that PEP 440 gives as its example.
  @Test func versionsAreOrdered() throws {
    let ordered = [
      "1.dev0", "1.0.dev456", "1.0a1", "1.0a2.dev456", "1.0a12.dev456", "1.0a12", "1.0b1.dev456", "1.0b2",
      "1.0b2.post345.dev456", "1.0b2.post345", "1.0rc1.dev456", "1.0rc1", "1.0", "1.0+abc.5",
      "1.0.post456.dev34",
      "1.0.post456", "1.0.15", "1.1.dev1", "1!0.1",
    ]
    let versions = try ordered.map { try #require(PythonVersion($0), "\($0)") }
    for (first, second) in zip(versions, versions.dropFirst()).dropFirst() {
      #expect(first < second)
      #expect(!(second < first))
    }
    #expect(PythonVersion("1.0") == PythonVersion("v1.0.0"))
    #expect(PythonVersion("1.0-1") == PythonVersion("1.0.post1"))
    #expect(PythonVersion("banana") == nil)
  }

  @Test(arguments: [
    ("==5.1", "5.1", true), ("==5.1", "5.1.0", true), ("==5.1", "5.1.1", false), ("==5.1.*", "5.1.7", true),
    ("==5.1.*", "5.10", false), ("!=5.1.*", "5.2", true), ("!=5.1", "5.1", false), (">=5.1", "5.1", true),
    (">=5.1", "5.0.9", false), (">=5.1", "5.10", true), ("<=5.1", "5.1", true), ("<5.1", "5.1rc1", false),
    ("<5.1", "5.0.14", true), (">5.1", "5.1.post1", false), (">5.1", "5.1.1", true), ("~=5.1", "5.9", true),
    ("~=5.1", "6.0", false), ("~=5.1.2", "5.1.9", true), ("~=5.1.2", "5.2", false),
    ("~=5.1.2", "5.1.1", false),
    ("==1.0", "1.0+local", true), ("==1.0+a", "1.0+b", false), ("===1.0", "1.0", true),
    (">=4", "5.0rc1", true),
  ])
  func conditions(condition: String, version: String, isMet: Bool) throws {
    #expect(try #require(VersionSpecifier(condition)).isMet(by: version) == isMet)
  }

  @Test func noConditions() {
    for text in ["5.1", "=5.1", "~=5", "=>5.1", "== banana"] { #expect(VersionSpecifier(text) == nil) }
  }
}
