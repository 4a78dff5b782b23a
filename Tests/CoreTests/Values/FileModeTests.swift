import MartletCore
import Testing

@Suite struct FileModeTests {
  @Test(arguments: [
    (FileMode(0o644), "0644"), (0o7, "0007"), (0o4755, "4755"), (0, "0000"),
  ])
  func isShownInOctal(mode: FileMode, text: String) {
    #expect(mode.description == text)
    #expect(mode.problem == nil)
  }

  @Test(arguments: [644, 755, 600, 640, 777, 1777, 2755, 700] as [FileMode])
  func decimalLookalikesAreRefused(mode: FileMode) {
    #expect(mode.problem?.contains("0o\(mode.bits)") == true)
  }

  @Test(arguments: [0o644, 0o755, 0o600, 0o640, 0o777, 0o1777, 0o2755, 0o700, 0o440, 0o4711] as [FileMode])
  func usualModesAreNot(mode: FileMode) { #expect(mode.problem == nil) }

  @Test func moreThanTwelveBitsAreRefused() {
    #expect(FileMode(0o100644).problem?.contains("twelve bits") == true)
  }
}
