import Testing

@testable import MartletLab

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

@Suite struct ProcessRecordTests {
  @Test func aCommandsNameMayHoldAnything() throws {
    let fields = (4...52).map(String.init).joined(separator: " ")
    let parsed = try #require(ProcessRecord.parse(stat: "17 (a) b (c) S \(fields)"))
    #expect(parsed.state == "S")
    #expect(parsed.startTime == 22)
  }

  @Test(arguments: ["", "17", "17 x", "1 5", "-4 5", "17 5 6"])
  func whatIsNoRecordIsRefused(text: String) {
    #expect(ProcessRecord(text) == nil)
  }

  #if os(Linux)
    @Test func aLaterProcessOfTheSameNumberIsNotTakenForIt() throws {
      let pid = ProcessInfo.processInfo.processIdentifier
      let stat = try #require(FileSystem.read("/proc/\(pid)/stat"))
      let start = try #require(ProcessRecord.parse(stat: stat)).startTime
      let own = try #require(ProcessRecord("\(pid) \(start)"))
      #expect(own.isRunning)
      let other = try #require(ProcessRecord("\(pid) \(start - 1)"))
      #expect(!other.isRunning)
      // Were it not for the start time, this would end the tests.
      other.signal(9)
    }
  #endif
}

@Suite struct ToolTests {
  @Test func statusAndOutputComeBack() async throws {
    let result = try await Tool.sh.run(
      ["-c", "cat; echo \"$WORD\" >&2; exit 7"], environment: ["WORD": "and more"], input: Array("said".utf8),
      timeout: .seconds(10))
    #expect(result.status == 7)
    #expect(result.text == "said")
    #expect(result.errorText == "and more\n")
  }

  @Test func aSignalIsAStatusAsInAShell() async throws {
    #expect(try await Tool.sh.run(["-c", "kill -9 $$"], timeout: .seconds(10)).status == 137)
  }

  @Test func whatTakesTooLongIsAnErrorSoon() async throws {
    let began = ContinuousClock.now
    await #expect(throws: LabError.self) {
      try await Tool.sh.run(["-c", "sleep 60"], timeout: .milliseconds(200))
    }
    #expect(ContinuousClock.now - began < .seconds(20))
  }

  @Test func aChildThatKeepsTheOutputOpenIsNotWaitedFor() async throws {
    let began = ContinuousClock.now
    let result = try await Tool.sh.run(["-c", "sleep 30 & echo done"], timeout: .seconds(25))
    #expect(result.text == "done\n")
    #expect(ContinuousClock.now - began < .seconds(20))
  }

  @Test func aMissingProgramIsNamedWithItsPackage() async throws {
    let error = await #expect(throws: LabError.self) {
      try await Tool(name: "no-such-program", package: "such").run([], timeout: .seconds(1))
    }
    #expect(error?.description == "no-such-program is not installed: apt-get install such")
  }
}

@Suite struct FileLockTests {
  @Test func theSecondHolderWaitsForTheFirst() async throws {
    let path = FileManager.default.temporaryDirectory.path + "/martlet-lock-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    var waited = 0
    do {
      let held = try await FileLock.take(path, timeout: .seconds(1)) {}
      do {
        _ = try await FileLock.take(path, timeout: .milliseconds(120)) { waited += 1 }
        Issue.record("two holders have the lock at once")
      } catch let error as LabError {
        #expect(error.description.contains(path))
      }
      withExtendedLifetime(held) {}
    }
    #expect(waited == 1)
    // A child that another test is just starting may hold a copy of the descriptor for a moment more.
    _ = try await FileLock.take(path, timeout: .seconds(10)) {}
  }
}
