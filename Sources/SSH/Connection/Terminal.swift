import CLibSSH2

/// A terminal on the host that is no one's: what is sent arrives as it is, and what is written comes as it is.
enum Terminal {
  /// RFC 4254, section 8: ISIG, ICANON, ECHO, ICRNL, IXON and OPOST are off.
  static let modes: [UInt8] =
    [50, 51, 53, 36, 38, 70].flatMap { [$0, 0, 0, 0, 0] } + [0]
}

extension SSHConnection {
  /// Has the server put a terminal under the command that is going to run in a channel.
  func requestTerminal(_ channel: Channel, _ scope: Scope) async throws(SSHError) {
    let name = "dumb"
    let code = try await call(scope) { _ in
      Terminal.modes.withUnsafeBytes { modes in
        Int(
          libssh2_channel_request_pty_ex(
            channel.pointer, name, UInt32(name.utf8.count),
            modes.baseAddress?.assumingMemoryBound(to: CChar.self), UInt32(modes.count), 80, 24, 0, 0))
      }
    }
    guard code != 0 else { return }
    guard [LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED, LIBSSH2_ERROR_CHANNEL_FAILURE].contains(Int32(code)) else {
      throw breakDown(code)
    }
    throw SSHError(
      .commandRefused, target,
      "the server gives commands no terminal (PermitTTY in sshd_config, no-pty in authorized_keys)")
  }
}
