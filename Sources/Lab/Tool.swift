import Subprocess

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// A program of this machine that a lab is made with, and the Debian package that has it.
struct Tool: Sendable {
  let name: String
  let package: String

  static let debootstrap = Tool(name: "debootstrap", package: "debootstrap")
  static let ip = Tool(name: "ip", package: "iproute2")
  static let iptables = Tool(name: "iptables", package: "iptables")
  static let nsenter = Tool(name: "nsenter", package: "util-linux")
  static let rm = Tool(name: "rm", package: "coreutils")
  static let setsid = Tool(name: "setsid", package: "util-linux")
  static let sh = Tool(name: "sh", package: "dash")
  static let ssh = Tool(name: "ssh", package: "openssh-client")
  static let sshKeygen = Tool(name: "ssh-keygen", package: "openssh-client")
  static let unshare = Tool(name: "unshare", package: "util-linux")

  /// All that must be there before a lab can be made.
  static let needed = [debootstrap, ip, iptables, nsenter, rm, setsid, sh, ssh, sshKeygen, unshare]

  /// This process's PATH with what a user's own often lacks.
  private static var searchPath: String {
    (ProcessInfo.processInfo.environment["PATH"].map { $0 + ":" } ?? "") + "/usr/sbin:/sbin:/usr/bin:/bin"
  }

  /// Where the program is, nil when it isn't installed.
  var path: String? {
    Self.searchPath.split(separator: ":").lazy.map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  /// Runs the program to its end and returns what it said, whatever its status.
  ///
  /// - Parameters:
  ///   - environment: variables to set beside the ones this process has.
  ///   - input: what it reads on standard input; nothing by default.
  ///   - limit: the most bytes of output, of each kind, that it may write.
  ///   - timeout: it is killed after that, which is an error.
  func run(
    _ arguments: [String], environment: [String: String] = [:], input: [UInt8] = [], limit: Int = 1 << 20,
    timeout: Duration
  ) async throws -> LabOutput {
    guard path != nil else {
      throw LabError("\(name) is not installed: apt-get install \(package)")
    }
    var settings: [Environment.Key: String?] = ["PATH": Self.searchPath]
    for (name, value) in environment { settings[Environment.Key(stringLiteral: name)] = value }
    let variables = Environment.inherit.updating(settings)
    return try await within(timeout, "\(name) \(arguments.joined(separator: " "))") {
      let result = try await Subprocess.run(
        .name(name), arguments: Arguments(arguments), environment: variables,
        input: .array(input), output: .bytes(limit: limit), error: .bytes(limit: limit))
      return LabOutput(
        status: result.terminationStatus.shellStatus, output: result.standardOutput,
        errors: result.standardError)
    }
  }

  /// Runs the program; a status other than 0 is an error that shows what it said.
  @discardableResult
  func check(
    _ arguments: [String], environment: [String: String] = [:], input: [UInt8] = [], timeout: Duration
  ) async throws -> String {
    let result = try await run(arguments, environment: environment, input: input, timeout: timeout)
    guard result.status == 0 else {
      let said = (result.errorText + result.text).trimmed
      throw LabError(
        "\(name) \(arguments.joined(separator: " ")) ended with status \(result.status): \(said)")
    }
    return result.text
  }

  /// Becomes the program: the terminal, signals and exit status are its own from here on.
  ///
  /// - Returns: never, unless the program could not be started.
  func replaceProcess(_ arguments: [String]) throws -> Never {
    guard let path else {
      throw LabError("\(name) is not installed: apt-get install \(package)")
    }
    var strings: [UnsafeMutablePointer<CChar>?] = ([name] + arguments).map { strdup($0) }
    strings.append(nil)
    execv(path, &strings)
    throw LabError("cannot start \(path): \(lastSystemError())")
  }
}

/// Runs an operation that must end in time, and cancels it when it doesn't.
func within<Value: Sendable>(
  _ timeout: Duration, _ what: String, _ operation: @escaping @Sendable () async throws -> Value
) async throws -> Value {
  try await withThrowingTaskGroup(of: Value?.self) { group in
    group.addTask { try await operation() }
    group.addTask {
      try await Task.sleep(for: timeout)
      return nil
    }
    defer { group.cancelAll() }
    guard let first = try await group.next(), let value = first else {
      throw LabError("\(what) did not end within \(timeout.seconds) s")
    }
    return value
  }
}

extension TerminationStatus {
  /// The status as a shell's `$?` shows it: 128 and the number for a signal.
  var shellStatus: Int32 {
    switch self {
    case .exited(let code): code
    case .signaled(let signal): 128 + signal
    }
  }
}

extension String {
  var trimmed: String {
    var rest = self[...]
    while rest.first?.isWhitespace == true { rest.removeFirst() }
    while rest.last?.isWhitespace == true { rest.removeLast() }
    return String(rest)
  }
}
