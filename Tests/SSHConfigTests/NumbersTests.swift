import Testing

@testable import MartletSSHConfig

struct NumbersTests {
  @Test(
    arguments: [
      ("0", 0), ("90", 90), ("1h30m", 5400), ("1w2d3h4m5s", 788_645), ("5S", 5), ("1h5", 3605),
      ("3550w", 2_147_040_000),
      ("3551w", nil), ("", nil), ("x", nil), ("5x", nil), ("-1", nil), ("99999999999999999999", nil),
    ] as [(String, Int?)]) func time(text: String, seconds: Int?)
  {
    #expect(Numbers.time(text) == seconds)
  }

  @Test(
    arguments: [
      ("1G", 1 << 30), ("1.5k", 1536), ("512", 512), ("7E", 7 << 60), ("8E", nil), ("1x", nil),
      ("-1k", -1024),
      ("1..5", nil), ("1Gx", nil),
    ] as [(String, Int?)]) func scaled(text: String, bytes: Int?)
  {
    #expect(Numbers.scaled(text) == bytes)
  }

  @Test(
    arguments: [
      ("22", 22), ("0", 0), ("65535", 65535), ("65536", nil), ("ssh", 22), ("http", 80),
      ("no-such-service", nil),
      ("", nil), ("0x16", nil),
    ] as [(String, Int?)]) func port(text: String, port: Int?)
  {
    #expect(Numbers.port(text) == port)
  }
}
