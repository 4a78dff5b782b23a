import Foundation
import Glibc

/// An sshd of the test's own on a loopback port, with keys of its own, in a folder that goes with it.
public final class LoopbackServer: Sendable {
  /// Where its keys, its configuration and its log are.
  public let folder: String
  public let port: Int
  /// The loopback address that it listens on.
  public let address: String
  private let files: TemporaryFolder
  /// The listening process; each connection has one of its own below it.
  public let processID: Int32
  private let output: String

  /// Where `path` is a file of the server's folder.
  public func path(_ name: String) -> String { "\(folder)/\(name)" }

  /// What it has written down so far.
  public var log: String { (try? String(contentsOfFile: output, encoding: .utf8)) ?? "" }

  /// How many logins its log tells of.
  public var logins: Int { log.components(separatedBy: "Accepted publickey").count - 1 }

  /// Starts a server that lets the present user in with `path("id")`, and whose host key is in `path("known_hosts")`.
  ///
  /// - Parameters:
  ///   - hostKeys: Types as ssh-keygen -t takes them.
  ///   - options: Further lines of sshd_config.
  ///   - address: The loopback address to listen on.
  ///   - pam: The PAM stack that it sees, in place of the machine's, with `FOLDER` for ``folder``; needs root.
  ///   - environment: What it has in its environment besides.
  public init(
    hostKeys: [String] = ["ed25519"], options: [String] = [], address: String = "127.0.0.1",
    pam: [String]? = nil, environment: [String: String] = [:]
  ) throws {
    self.address = address
    files = try TemporaryFolder(mode: 0o700)
    folder = files.path
    port = try freePort()
    output = "\(folder)/log"
    if getuid() == 0 { mkdir("/run/sshd", 0o755) }
    try shell("ssh-keygen -q -t ed25519 -N '' -f id; cp id.pub authorized_keys; : > known_hosts", in: folder)
    var config = [
      "Port \(port)", "ListenAddress \(address)", "PidFile none", "UsePAM \(pam == nil ? "no" : "yes")",
      "StrictModes no", "LogLevel VERBOSE",
      "AuthorizedKeysFile \(folder)/authorized_keys", "PermitRootLogin yes", "PasswordAuthentication no",
      "KbdInteractiveAuthentication no", "PrintMotd no", "UseDNS no", "SetEnv HOME=\(folder)",
    ]
    if !options.contains(where: { $0.hasPrefix("MaxStartups") }) { config.append("MaxStartups 1000") }
    for type in hostKeys {
      try shell("ssh-keygen -q -t \(type) -N '' -f host_\(type)", in: folder)
      try shell(
        "printf '[\(address)]:\(port) ' >> known_hosts; cut -d' ' -f1,2 host_\(type).pub >> known_hosts",
        in: folder)
      config.append("HostKey \(folder)/host_\(type)")
    }
    try (options + config).joined(separator: "\n").appending("\n")
      .write(toFile: "\(folder)/sshd_config", atomically: true, encoding: .utf8)
    var command = ["/usr/sbin/sshd", "-D", "-e", "-f", "\(folder)/sshd_config"]
    if let pam {
      try shell("mkdir pam.d", in: folder)
      try pam.joined(separator: "\n").replacing("FOLDER", with: folder).appending("\n")
        .write(toFile: "\(folder)/pam.d/sshd", atomically: true, encoding: .utf8)
      // Only this server and its children see the mount.
      let mount = "mount --bind \(folder)/pam.d /etc/pam.d && exec \(command.joined(separator: " "))"
      command = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", mount]
    }
    if !environment.isEmpty { command = ["/usr/bin/env"] + environment.map { "\($0)=\($1)" } + command }
    processID = try spawn(command, output: output)
    try waitUntilListening()
  }

  deinit {
    kill(processID, SIGTERM)
    var status: Int32 = 0
    waitpid(processID, &status, 0)
  }

  private func waitUntilListening() throws {
    for _ in 0..<500 {
      if log.contains("Server listening") { return }
      usleep(10_000)
    }
    throw TestFailure("sshd does not start: \(log)")
  }

  /// Reads `sshd_config` again.
  public func reload() throws {
    let before = log.components(separatedBy: "Server listening").count
    kill(processID, SIGHUP)
    for _ in 0..<500 {
      if log.components(separatedBy: "Server listening").count > before { return }
      usleep(10_000)
    }
    throw TestFailure("sshd does not start again: \(log)")
  }

  /// Ends every connection at once, in the middle of whatever it does, as a crash of the host would.
  public func dropConnections() throws { try shell(dropScript) }

  /// A script that does it.
  public var dropScript: String { signalScript("KILL") }

  /// Lets every connection stand still, as if the host had vanished.
  public func stopConnections() throws { try shell(signalScript("STOP")) }

  /// Where the server is not root's, a connection is in the hands of a child's child.
  private func signalScript(_ signal: String) -> String {
    "for p in $(pgrep -P \(processID)); do pkill -\(signal) -x sshd -P $p || true; done; "
      + "pkill -\(signal) -P \(processID) || true"
  }
}
