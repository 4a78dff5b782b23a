import Foundation
import TestSupport
import Testing

@testable import MartletTransports

@Suite struct RefusalLogTests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = folder.path + "/log"
    try write("Warning: of before\r\nchannel 1: open failed: connect failed: before\r\n")
  }

  /// As `ssh` writes: at the end, wherever that is.
  private func write(_ text: String) throws {
    let stream = try #require(OutputStream(toFileAtPath: path, append: true))
    stream.open()
    defer { stream.close() }
    let bytes = Array(text.utf8)
    try #require(stream.write(bytes, maxLength: bytes.count) == bytes.count)
  }

  @Test func `Each reason is taken once, by who was there before it`() throws {
    let log = RefusalLog(path)
    let start = log.end()
    #expect(log.take(after: start) == nil)
    try write("channel 2: open failed: connect failed: Connection refused\r\nclient_loop: noise\r\n")
    let middle = log.end()
    try write("channel 3: open failed: administratively prohibited: open failed\r\nchannel 4: open fai")
    #expect(log.take(after: middle) == "administratively prohibited: open failed")
    #expect(log.take(after: middle) == nil)
    try write("led: unknown channel type: \u{1B}[31mred\r\n")
    #expect(log.take(after: start) == "connect failed: Connection refused")
    #expect(log.take(after: start) == "unknown channel type: [31mred")
    #expect(log.take(after: start) == nil)
  }

  @Test func `The log doesn't grow without end`() throws {
    let log = RefusalLog(path)
    for round in 0..<20 {
      let start = log.end()
      let lines = (0..<1000).map { "channel \($0): open failed: connect failed: \(round)\r\n" }
      try write(lines.joined())
      #expect(log.take(after: start) == "connect failed: \(round)")
      let size = try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int
      #expect(try #require(size) < 400_000)
    }
  }
}
