import Foundation
import MartletCore
import TestSupport
import Testing

@testable import MartletTasks

@Suite struct TarWriterTests {
  @Test(arguments: LocalShell.allCases)
  func everyTarReadsIt(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    let long = String(repeating: "long folder name/", count: 12)
    var tar = TarWriter()
    tar.addFolder("sub", mode: 0o750)
    tar.addFile("sub/-x ü '\\", contents: Array("one\0".utf8), mode: 0o640, modified: 1_700_000_000)
    tar.addFile("empty", contents: [], mode: 0o644, modified: 0)
    tar.addFile("block", contents: [UInt8](repeating: 7, count: 512), mode: 0o4755, modified: 0)
    tar.addFile(BytePath(long + "file"), contents: Array("deep".utf8), mode: 0o600, modified: 0)
    tar.addLink("link", target: "no where")
    tar.addLink("long link", target: BytePath(long))
    let bytes = tar.finished()
    #expect(bytes.count % 512 == 0)
    try Data(bytes).write(to: URL(fileURLWithPath: folder.path + "/t.tar"))
    let out = try await shell.run(
      """
      cd \(folder.path) && mkdir out && cd out && umask 0 && tar -x -p -o -f - <../t.tar || exit
      stat -c '%n %a %s %Y' sub/-x* empty block; stat -c %a sub; cat \(long + "file"); echo; readlink link
      readlink 'long link'
      """)
    // BusyBox's tar leaves these bits to root.
    let special = shell == .busybox && getuid() != 0 ? "755" : "4755"
    #expect(out.status == 0, "\(out.errors)")
    #expect(
      out.text == """
        sub/-x ü '\\ 640 4 1700000000
        empty 644 0 0
        block \(special) 512 0
        750
        deep
        no where
        \(long)

        """)
  }

  @Test func theSameEntriesMakeTheSameBytes() {
    func make() -> [UInt8] {
      var tar = TarWriter()
      tar.addFile("a", contents: [1], mode: 0o644, modified: 5)
      return tar.finished()
    }
    #expect(make() == make())
  }
}
