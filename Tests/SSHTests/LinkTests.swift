import Glibc
import Testing

@testable import MartletSSH

extension SSHTests {
  @Suite struct LinkTests {
    /// Nothing comes, and all is taken.
    private final class Silence: Carrier {
      var changed: (@Sendable () -> Void)?
      var failure: SSHError? { nil }
      func send(_ bytes: UnsafeRawPointer, _ count: Int) -> Int { count }
      func receive(_ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int { -Int(EAGAIN) }
      func close() {}
    }

    /// libssh2 1.10 makes room for the name in a question, and copies as much of the packet without looking.
    @Test(arguments: [(5, true), (95, true), (300, false), (40_000, false), (100_000_000, false)])
    func aNameThatIsLongerThanItsPacket(length: Int, isFine: Bool) throws {
      let link = try #require(Link(taking: Silence()))
      link.isLoggingIn = true
      let packet = try #require(link.resize(nil, to: 100))
      packet.storeBytes(of: 60, as: UInt8.self)
      packet.storeBytes(of: UInt32(length).bigEndian, toByteOffset: 1, as: UInt32.self)
      // What else it allocates is not concerned.
      let other = try #require(link.resize(nil, to: 400))
      let name = link.resize(nil, to: length)
      #expect((name != nil) == isFine)
      #expect(link.isMalformed == !isFine)
      link.free(packet)
      #expect(link.resize(nil, to: length) != nil)
      link.free(other)
    }
  }
}
