import Foundation
import MartletCore
import MartletLab
import TestSupport

/// A folder on this machine and a server, between which `martlet get` and `martlet put` go.
struct TransferDesk {
  let server: Server
  let bench: Workbench

  init(_ server: Server) throws {
    self.server = server
    bench = try Workbench()
  }

  /// Who logs in, and what the inventory says of becoming another user.
  struct Way {
    var login: String
    var settings: [String: String]

    init(_ login: String, _ settings: [String: String] = [:]) {
      (self.login, self.settings) = (login, settings)
    }

    /// By a method, with a password.
    init(_ login: String, _ method: BecomeMethod?, _ password: String?, user: String? = nil) {
      self.login = login
      settings = [:]
      settings["ansible_become_method"] = method?.rawValue
      settings["ansible_become_password"] = password
      settings["ansible_become_user"] = user
    }
  }

  /// Runs the command; `HOST` in its words is the server.
  func martlet(_ way: Way, _ words: String...) async throws -> Workbench.Outcome {
    try await martlet(way, words)
  }

  func martlet(_ way: Way, _ words: [String]) async throws -> Workbench.Outcome {
    try writeInventory(way)
    return try await bench.martlet(words.map { $0.replacing("HOST", with: server.name) })
  }

  func writeInventory(_ way: Way) throws {
    let connection = try server.host(user: way.login).connection
    let settings = [
      "ansible_host": connection.address, "ansible_user": way.login,
      "ansible_ssh_private_key_file": connection.keys[0], "martlet_known_hosts": connection.knownHosts[0],
      "martlet_ssh_config": "none",
    ].merging(way.settings) { $1 }
    // JSON's strings are YAML's too.
    let lines = try settings.map { name, value in
      "    \(name): \(String(decoding: try JSONEncoder().encode(value), as: UTF8.self))\n"
    }
    try bench.write("inventory.yaml", "hosts:\n  \(server.name):\n\(lines.sorted().joined())")
  }

  /// The sum of a file here.
  func sum(_ name: String) throws -> String {
    String(try shell("sha256sum <'\(name)'", in: bench.folder).prefix(64))
  }

  /// The sum of a file there.
  func sumThere(_ path: String) async throws -> String {
    String(try await server.ask("sha256sum", path).prefix(64))
  }

  /// Makes a program of the server that comes before the system's for whoever comes by sudo.
  func wrap(_ program: String, _ script: String) async throws {
    try await Server.lab.exec(
      server.number, ["sh", "-c", "cat >/usr/local/bin/\(program); chmod 755 /usr/local/bin/\(program)"],
      input: Array("#!/bin/sh\n\(script)\nexec /usr/bin/\(program) \"$@\"\n".utf8))
  }

  /// How often PAM refused somebody since the server was made, by the journal's words.
  func refusals(of tool: String) async throws -> Int {
    let log = try await server.journal()
    return log.components(separatedBy: "pam_unix(\(tool):auth): authentication failure").count - 1
  }
}
