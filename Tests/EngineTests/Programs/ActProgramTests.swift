import Foundation
import MartletCore
import MartletTesting
import Testing

@testable import MartletEngine

@Suite struct ActProgramTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Sends a text to the shell as the engine does, and returns what came back.
  private func send(_ code: String, shell: [String] = ["sh"]) async throws -> [RecordParser.Record] {
    let session = try await ShellTransport(shell: shell, state: folder.path + "/state")
      .connect(to: InventoryHost(name: "local"))
    let records = Records()
    let host = HostShell(session: session, become: .login)
    do {
      try await host.perform(.program(Array(code.utf8)), marker: "NONCE", deadline: .seconds(60)) {
        records.add($0)
      }
    } catch is ProgramError {}
    host.endInput()
    await host.finish()
    return records.all
  }

  @Test(arguments: [["dash"], ["bash"], ["busybox", "sh"]])
  func anUploadThatIsCutOffRunsNothing(shell: [String]) async throws {
    let ran = folder.file("ran")
    let program = ActProgram(
      [ActProgram.Item(action: .run("echo ran >>\(ran)"))], marker: "NONCE", folder: nil, verbose: false
    ).program
    let bytes = Array(program.code.utf8)
    for length in stride(from: 1, to: bytes.count - 3, by: 211) {
      _ = try await send(String(decoding: bytes[..<length], as: UTF8.self), shell: shell)
      #expect(folder.text("ran") == nil, "after \(length) of \(bytes.count) bytes")
    }
    #expect(try await send(program.code, shell: shell).map(\.header) == ["begin 0", "done 0 changed"])
    #expect(folder.text("ran") == "ran\n")
  }

  @Test(arguments: [["dash"], ["bash"], ["busybox", "sh"]])
  func aFileAppearsWithItsModeOrNotAtAll(shell: [String]) async throws {
    let path = folder.file("a 'file'")
    func write(_ contents: Contents, validate: ShellCommand? = nil) async throws -> [String] {
      let action = Action.write(contents, to: path, mode: 0o640, validate: validate)
      return try await send(
        ActProgram([.init(action: action)], marker: "NONCE", folder: nil, verbose: false).program.code,
        shell: shell
      ).map(\.header)
    }
    #expect(try await write("one\n") == ["begin 0", "done 0 changed"])
    let attributes = try FileManager.default.attributesOfItem(atPath: path.string)
    #expect((attributes[.posixPermissions] as? NSNumber)?.intValue == 0o640)
    #expect(try await write("two\n", validate: "grep -q one \"$1\"") == ["begin 0", "failed 0 1"])
    #expect(folder.text("a 'file'") == "one\n")
    // Where the lock is.
    let others = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0 != "state" }
    #expect(others == ["a 'file'"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path + "/state/stages") == [])
    let bytes = Contents(bytes: Array(UInt8.min...UInt8.max))
    #expect(try await write(bytes) == ["begin 0", "done 0 changed"])
    #expect(try folder.bytes("a 'file'") == bytes.bytes)
  }

  @Test func nothingIsLeftOfItsFolder() async throws {
    let seen = folder.file("seen")
    let items = [ActProgram.Item(action: .run("echo $MARTLET_TMP >\(seen); touch $MARTLET_TMP/x; exit 1"))]
    _ = try await send(ActProgram(items, marker: "NONCE", folder: nil, verbose: false).program.code)
    let temporary = try #require(folder.text("seen")).trimmed
    #expect(temporary.contains("/martlet."))
    #expect(!FileManager.default.fileExists(atPath: temporary))
  }

  @Test func whatAKilledProgramLeftIsRemovedTheNextDay() async throws {
    let parent = FileManager.default.isWritableFile(atPath: "/var/tmp") ? "/var/tmp" : "/tmp"
    let old = "\(parent)/martlet.test\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: old, withIntermediateDirectories: true)
    try FileManager.default.setAttributes(
      [.modificationDate: Date(timeIntervalSinceNow: -3 * 86_400)], ofItemAtPath: old)
    let program = ActProgram(
      [ActProgram.Item(action: .run("true"))], marker: "NONCE", folder: nil, verbose: false
    ).program
    _ = try await send(program.code)
    #expect(!FileManager.default.fileExists(atPath: old))
  }

  @Test func aFullDiskIsAFailureAndLeavesTheOldFile() async throws {
    // /dev/full takes the part of the disk: every write to it fails with ENOSPC (full(4)).
    let items = [ActProgram.Item(action: .run("printf %s \("text") >/dev/full"))]
    let records = try await send(
      ActProgram(items, marker: "NONCE", folder: nil, verbose: false).program.code)
    #expect(records.map { $0.header.prefix(8) } == ["begin 0", "failed 0"])
  }
}

private final class Records: @unchecked Sendable {
  // Guarded by the lock.
  private var records: [RecordParser.Record] = []
  private let lock = NSLock()

  func add(_ record: RecordParser.Record) { lock.withLock { records.append(record) } }
  var all: [RecordParser.Record] { lock.withLock { records } }
}
