public import MartletCore
public import MartletEngine

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif
#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Glibc
#endif

/// The machine that Martlet itself runs on, as a host.
///
/// A command is run as sshd would run it, but for the shell: `/bin/sh -c COMMAND`, as the user who runs Martlet
/// (whatever user the inventory names), in that user's home folder, with an environment of `HOME`, `USER`,
/// `LOGNAME`, `SHELL` and `PATH` and nothing of the controller's own, and in a session of its own, so that a
/// Ctrl-C doesn't reach it. A command that is let go of, at a deadline or when the run is cancelled, isn't killed:
/// it loses its input and its outputs, as on a host whose connection is lost.
public struct LocalTransport: Transport {
  private let program: LocalProgram

  public init() {
    let home = Self.variables["HOME"] ?? "/"
    program = LocalProgram(
      executable: "/bin/sh", environment: Self.variables,
      folder: FileManager.default.isReadableFile(atPath: home) ? home : "/")
  }

  /// Another shell in the environment and the folder of this process, for tests: commands that are let go of are
  /// killed.
  ///
  /// - Parameters:
  ///   - shell: The program, with its first arguments.
  ///   - variables: What is added to the environment.
  package init(shell: [String], adding variables: [String: String]) {
    program = LocalProgram(
      executable: shell.first ?? "sh", arguments: Array(shell.dropFirst()),
      environment: ProcessInfo.processInfo.environment.merging(variables) { $1 }, isKilledWhenLeft: true)
  }

  public func connect(to host: InventoryHost) async throws -> any TransportSession {
    LocalSession(program: program)
  }

  /// What sshd(8) would set at a login, from the user's entry in the password file.
  private static let variables: [String: String] = {
    let environment = ProcessInfo.processInfo.environment
    var (name, home, shell) = (environment["USER"] ?? "", environment["HOME"] ?? "/", "/bin/sh")
    var (entry, found) = (passwd(), UnsafeMutablePointer<passwd>?.none)
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16 << 10) { buffer in
      guard let base = buffer.baseAddress,
        getpwuid_r(getuid(), &entry, base, buffer.count, &found) == 0, found != nil
      else { return }
      if let text = entry.pw_name { name = String(cString: text) }
      if let text = entry.pw_dir { home = String(cString: text) }
      if let text = entry.pw_shell, text.pointee != 0 { shell = String(cString: text) }
    }
    return [
      "HOME": home, "USER": name, "LOGNAME": name, "SHELL": shell,
      "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    ]
  }()
}

private struct LocalSession: TransportSession {
  let program: LocalProgram

  func run(_ command: String, exchange: any ExchangeHandler, deadline: Duration) async throws -> ExitStatus {
    var program = program
    program.arguments += ["-c", command]
    return try await program.run(exchange, deadline: deadline)
  }

  func close() async {}
}
