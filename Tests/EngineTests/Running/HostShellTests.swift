import Foundation
import MartletCore
import MartletTesting
import Synchronization
import Testing

@testable import MartletEngine

/// The loop that carries out one program after the other, in a real shell.
@Suite struct HostShellTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func shell(_ shell: [String] = ["dash"]) async throws -> HostShell {
    HostShell(session: try await session(shell), become: .login)
  }

  /// A session on a machine whose /bin/sh is that shell; Busybox comes with its own head and cat.
  private func session(_ shell: [String]) async throws -> any TransportSession {
    let bin = folder.path + "/bin"
    if shell[0] == "busybox", !FileManager.default.fileExists(atPath: bin) {
      try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
      for name in ["head", "cat", "wc", "mktemp", "rm"] {
        try FileManager.default.createSymbolicLink(
          atPath: bin + "/" + name, withDestinationPath: "/bin/busybox")
      }
    }
    let session = try await ShellTransport(state: folder.path + "/state").connect(
      to: InventoryHost(name: "local"))
    return OtherShell(session: session, shell: shell.joined(separator: " "), bin: bin)
  }

  private struct OtherShell: TransportSession {
    let session: any TransportSession
    let shell: String
    let bin: String

    func run(
      _ command: String, exchange: any ExchangeHandler, deadline: Duration
    ) async throws -> MartletEngine.ExitStatus {
      try await session.run(
        "PATH=\(bin):$PATH " + command.replacing("/bin/sh", with: shell),
        exchange: Exchange(exchange, shell), deadline: deadline)
    }

    func close() async { await session.close() }

    private final class Exchange: ExchangeHandler {
      private let exchange: any ExchangeHandler
      private let shell: String
      private let isFirst = Mutex(true)

      init(_ exchange: any ExchangeHandler, _ shell: String) {
        self.exchange = exchange
        self.shell = shell
      }

      func input() async throws -> [UInt8]? {
        guard let bytes = try await exchange.input() else { return nil }
        guard
          isFirst.withLock({ first in
            defer { first = false }; return first
          }),
          let end = bytes.firstIndex(of: UInt8(ascii: "\n"))
        else { return bytes }
        let loop = String(decoding: bytes[..<end], as: UTF8.self).replacing("/bin/sh", with: shell)
        return Array(loop.utf8) + bytes[end...]
      }

      func output(_ bytes: [UInt8]) { exchange.output(bytes) }
      func errorOutput(_ bytes: [UInt8]) { exchange.errorOutput(bytes) }
    }
  }

  private func run(_ code: String, in shell: HostShell) async throws -> [String] {
    let marker = Program.nonce()
    let headers = Mutex<[String]>([])
    try await shell.perform(
      .program(Array(Program(marker: marker, body: code).code.utf8)), marker: marker, deadline: .seconds(60)
    ) { record in headers.withLock { $0.append(record.header) } }
    return headers.withLock { $0 }
  }

  @Test(arguments: [["dash"], ["bash"], ["busybox", "sh"]])
  func oneShellRunsProgramsOfAnySizeOneAfterTheOther(kind: [String]) async throws {
    let shell = try await shell(kind)
    let parent = try await run("_record $PPID", in: shell)
    for size in [0, 10, 4000, 5000, 70_000, 300_000] {
      let filler = String(repeating: "x", count: size)
      #expect(try await run("_record \(size)\n: '\(filler)'", in: shell) == ["\(size)"])
    }
    // Nothing of one program is left for the next, and it is still the same shell.
    #expect(try await run("x=1; cd /tmp; export x", in: shell) == [])
    #expect(try await run("_record ${x:-none} $(pwd) $PPID", in: shell) == ["none / \(parent[0])"])
    shell.endInput()
    await shell.finish()
  }

  @Test(arguments: ["exit 3", "if", "kill -9 $$", "exec true"])
  func aProgramThatDoesNotEndWellIsAnErrorAndTheNextRuns(code: String) async throws {
    let shell = try await shell()
    await #expect(throws: ProgramError.self) { try await run(code, in: shell) }
    #expect(try await run("_record here", in: shell) == ["here"])
    shell.endInput()
    await shell.finish()
  }

  @Test func aShellThatWasKilledSaysSo() async throws {
    let shell = try await shell()
    #expect(try await run("_record first", in: shell) == ["first"])
    await #expect {
      try await run("kill -9 $PPID; sleep 0.2; kill -9 $$", in: shell)
    } throws: {
      "\($0)".contains("the shell of") && "\($0)".contains("has ended")
    }
    await #expect(throws: ProgramError.self) { try await run("_record second", in: shell) }
  }

  @Test func aProgramThatTakesTooLongIsGivenUp() async throws {
    let shell = try await shell()
    let marker = Program.nonce()
    let code = Array(Program(marker: marker, body: "sleep 30").code.utf8)
    await #expect(throws: TransportError.self) {
      try await shell.perform(.program(code), marker: marker, deadline: .milliseconds(300)) { _ in }
    }
    await shell.abandon()
  }

  @Test(arguments: [["dash"], ["bash"], ["busybox", "sh"]])
  func bytesAreStagedWholeAndForNobodyElse(kind: [String]) async throws {
    let shell = try await shell(kind)
    // What looks like a request, and a program with it, is no more than bytes.
    let trap = Array("\nmartlet-0 p 10 M\ntouch /x\n".utf8)
    let bytes = trap + (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) } + [0, 10, 10]
    let path = Mutex("")
    try await shell.perform(.stage(bytes), marker: "STAGE", deadline: .seconds(60)) { record in
      path.withLock { $0 = record.header.split(separator: " ").dropFirst().first.map(String.init) ?? "" }
    }
    let place = path.withLock { $0 }
    #expect(place.hasPrefix("/var/tmp/martlet.") || place.hasPrefix("/tmp/martlet."))
    let staged = try Data(contentsOf: URL(fileURLWithPath: place + "/staged"))
    #expect([UInt8](staged) == bytes)
    #expect(
      try await run("_record $(stat -c %a \(place) \(place)/staged)", in: shell) == ["700 600"])
    try FileManager.default.removeItem(atPath: place)
    shell.endInput()
    await shell.finish()
  }

  /// A connection that breaks in the middle of a program: the loop knows how much was to come.
  @Test(arguments: [["dash"], ["bash"], ["busybox", "sh"]])
  func aProgramThatIsCutOffDoesNothing(kind: [String]) async throws {
    let ran = folder.file("ran")
    let program = Program(marker: "M", body: "echo ran >>\(ran.string)").code
    let session = try await session(kind)
    let loop = HostShell.loop(marker: "S")
    let whole = Array((loop + "S p \(program.utf8.count) M\n" + program).utf8)
    for length in Array(stride(from: 1, to: whole.count - 3, by: 41)) + [
      loop.utf8.count, loop.utf8.count - 1,
    ] {
      _ = try await session.run(
        Become.login.commandLine(marker: "S"), exchange: Fixed(Array(whole[..<length])),
        deadline: .seconds(60))
      #expect(folder.text("ran") == nil, "after \(length) of \(whole.count) bytes")
    }
    _ = try await session.run(
      Become.login.commandLine(marker: "S"), exchange: Fixed(whole), deadline: .seconds(60))
    #expect(folder.text("ran") == "ran\n")
  }

  @Test func aRequestOfAnotherNonceEndsTheShell() async throws {
    let ran = folder.file("ran")
    let code = "touch \(ran.string)\n"
    let session = try await session(["dash"])
    for request in ["T p \(code.utf8.count) M\n", "p \(code.utf8.count) M\n", "", "\n", "S x 3 M\n"] {
      let input = Array((HostShell.loop(marker: "S") + request + code).utf8)
      let status = try await session.run(
        Become.login.commandLine(marker: "S"), exchange: Fixed(input), deadline: .seconds(60))
      #expect(status == .code(0) || status == .code(1))
      #expect(folder.text("ran") == nil, "\(request)")
    }
  }

  /// Input that is known beforehand.
  private final class Fixed: ExchangeHandler {
    private let bytes: Mutex<[UInt8]?>

    init(_ bytes: [UInt8]) { self.bytes = Mutex(bytes) }

    func input() async throws -> [UInt8]? { bytes.withLock { $0.take() } }
    func output(_ bytes: [UInt8]) {}
    func errorOutput(_ bytes: [UInt8]) {}
  }
}
