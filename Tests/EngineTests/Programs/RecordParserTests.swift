import Testing

@testable import MartletEngine

@Suite struct RecordParserTests {
  private let output = """
    Last login: yesterday
    M look
    M
    noise
    M fact 0
    one
    two

    M fact 1

    M begin 3
    stray output
    M end

    """.replacing("\nM ", with: "\nNONCE ")

  private let expected: [RecordParser.Record] = [
    .init(header: "look"), .init(header: "fact 0", body: Array("one\ntwo\n".utf8)),
    .init(header: "fact 1", body: []), .init(header: "begin 3"), .init(header: "end"),
  ]

  @Test(arguments: [1, 2, 3, 7, 64, 10_000])
  func piecesOfAnySizeGiveTheSameRecords(size: Int) {
    var parser = RecordParser(marker: "NONCE")
    var records: [RecordParser.Record] = []
    let bytes = Array(output.utf8)
    for start in stride(from: 0, to: bytes.count, by: size) {
      records += parser.consume(Array(bytes[start..<min(start + size, bytes.count)]))
    }
    #expect(records == expected)
  }

  @Test func aBodyMayHoldAnythingButTheMarker() {
    let body = Array(UInt8.min...UInt8.max) + Array("\nNONC\nNONCEfact 9\n".utf8)
    var parser = RecordParser(marker: "NONCE")
    let bytes = Array("\nNONCE fact 0\n".utf8) + body + Array("\nNONCE end\n".utf8)
    #expect(parser.consume(bytes) == [.init(header: "fact 0", body: body), .init(header: "end")])
  }

  @Test func aHostThatNeverStopsIsCutOff() {
    var parser = RecordParser(marker: "NONCE", limit: 1000)
    _ = parser.consume(Array("\nNONCE fact 0\n".utf8))
    _ = parser.consume([UInt8](repeating: 65, count: 1001))
    #expect(parser.overflowed)
    #expect(parser.consume(Array("\nNONCE end\n".utf8)) == [])
  }

  @Test func endlessRecordsAreCutOff() {
    var parser = RecordParser(marker: "NONCE", limit: 1000, total: 10_000)
    var records = 0
    for _ in 0..<1000 { records += parser.consume(Array("\nNONCE begin 0\n".utf8)).count }
    #expect(parser.overflowed)
    #expect(records < 10_000 / 14)
  }

  @Test func endlessNoiseIsNotKept() {
    var parser = RecordParser(marker: "NONCE", limit: 100_000)
    for _ in 0..<100 { #expect(parser.consume([UInt8](repeating: 10, count: 10_000)) == []) }
    #expect(!parser.overflowed)
    #expect(parser.consume(Array("\nNONCE end\n".utf8)) == [.init(header: "end")])
  }
}
