import Foundation
import MartletCore
import MartletEngine
import MartletTesting
import MartletTransports
import Synchronization
import TestSupport

@testable import MartletTransfer

/// A folder here and a folder of a host, and a way between them.
final class Place: Sendable {
  enum Way: String, CaseIterable, Sendable {
    case dash, bash, busybox, ssh
  }

  let here: TemporaryFolder
  let there: TemporaryFolder
  let server: LoopbackServer?
  private let transport: any Transport
  private let host: InventoryHost

  /// - Parameters:
  ///   - tools: A folder that the host finds programs in before all others.
  ///   - onlyTools: Whether it finds programs nowhere else.
  ///   - user: The number of the user that the host's programs run as; not over SSH.
  ///   - noise: What the login shell prints.
  init(
    _ way: Way, tools: String? = nil, onlyTools: Bool = false, user: Int? = nil, noise: String = ""
  ) throws {
    here = try TemporaryFolder()
    there = try TemporaryFolder()
    var host = InventoryHost(name: "there")
    guard way != .ssh else {
      let server = try LoopbackServer()
      host.connection.address = server.address
      host.connection.port = server.port
      host.connection.user = currentUser
      host.connection.keys = [server.path("id")]
      host.connection.knownHosts = [server.path("known_hosts")]
      self.server = server
      transport = SSHTransport(configuration: "none")
      self.host = host
      return
    }
    server = nil
    self.host = host
    var path = onlyTools ? [] : ["/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
    if way == .busybox { path.insert(try Self.applets.get(), at: 0) }
    if let tools { path.insert(tools, at: 0) }
    var words = ["env", "HOME=\(there.path)", "PATH=" + path.joined(separator: ":")]
    if let user {
      words += ["/usr/bin/setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups"]
    }
    let shell = ["dash": "/usr/bin/dash", "bash": "/usr/bin/bash", "busybox": "/usr/bin/busybox sh"]
    transport = OtherShell(
      transport: ShellTransport(shell: words + ["/bin/sh"], state: there.path, noise: noise),
      shell: shell[way.rawValue] ?? "/bin/sh")
  }

  /// A folder with a link to BusyBox for each of its programs.
  private static let applets = Result {
    let folder = FileManager.default.temporaryDirectory.path + "/martlet-transfer-applets"
    try shell("mkdir -p \(folder); busybox --install -s \(folder)")
    return folder
  }

  /// What the host's `/bin/sh` is.
  private struct OtherShell: Transport {
    let transport: any Transport
    let shell: String

    func connect(to host: InventoryHost) async throws -> any TransportSession {
      Session(session: try await transport.connect(to: host), shell: shell)
    }

    struct Session: TransportSession {
      let session: any TransportSession
      let shell: String

      func run(_ command: String, exchange: any ExchangeHandler, deadline: Duration) async throws
        -> ExitStatus
      {
        try await session.run(
          command.replacing("/bin/sh -c", with: shell + " -c"), exchange: exchange, deadline: deadline)
      }

      func close() async { await session.close() }
    }
  }

  func transfer(
    _ meter: TransferMeter = TransferMeter(), _ change: (inout TransferOptions) -> Void = { _ in }
  ) async throws -> FileTransfer {
    var options = TransferOptions()
    options.verifies = true
    change(&options)
    return FileTransfer(try await transport.connect(to: host), options: options, meter: meter)
  }

  func path(_ name: String) throws -> HostPath { try HostPath(there.path + "/" + name) }
}

extension TemporaryFolder {
  func write(_ name: String, bytes: [UInt8]) throws {
    try Data(bytes).write(to: URL(fileURLWithPath: path + "/" + name))
  }

  func bytes(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
  }

  /// All that is in it, hidden things too.
  var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path))?.sorted() ?? [] }

  func mode(_ name: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path + "/" + name)
    return (attributes[.posixPermissions] as? NSNumber)?.intValue ?? -1
  }
}

/// Bytes without a pattern that a lost or doubled piece could hide in.
func noise(_ count: Int, seed: UInt64 = 1) -> [UInt8] {
  var state = seed
  return [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
    for index in 0..<count {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      buffer[index] = UInt8(truncatingIfNeeded: state >> 33)
    }
    filled = count
  }
}

/// What a call fails with.
func failure(_ body: () async throws -> Void) async -> String {
  do {
    try await body()
  } catch {
    return "\(error)"
  }
  return "nothing"
}

/// Waits until something is so; the test's time limit ends it otherwise.
func eventually(_ condition: () -> Bool) async throws {
  while !condition() { try await Task.sleep(for: .milliseconds(10)) }
}
