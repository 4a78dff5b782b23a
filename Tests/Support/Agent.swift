import Foundation
import Glibc

/// An ssh-agent of the test's own.
public final class Agent: Sendable {
  public let socket: String
  private let processID: Int32

  /// - Parameter confirmation: A shell script that says by its status whether the agent may sign with a key that
  ///   wants to be confirmed.
  public init(_ folder: String, confirmation: String = "exit 1") throws {
    socket = "\(folder)/agent"
    try shell("printf '#!/bin/sh\n\(confirmation)\n' > askpass; chmod 700 askpass", in: folder)
    let environment = "DISPLAY=none SSH_ASKPASS=\(folder)/askpass SSH_ASKPASS_REQUIRE=force"
    processID = try spawn(
      ["/bin/sh", "-c", "exec env \(environment) ssh-agent -D -a \(socket)"], output: "\(folder)/agent.log")
    for _ in 0..<300 where access(socket, F_OK) != 0 { usleep(10_000) }
  }

  deinit {
    kill(processID, SIGTERM)
    var status: Int32 = 0
    waitpid(processID, &status, 0)
  }

  public func add(_ key: String, options: String = "") throws {
    try run("ssh-add -q \(options) '\(key)' 2>&1")
  }

  /// Runs a script that uses the agent.
  public func run(_ script: String) throws { _ = try shell("export SSH_AUTH_SOCK='\(socket)'; \(script)") }
}
