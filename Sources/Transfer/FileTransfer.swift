public import MartletEngine

/// Copies files and trees between this machine and a host, over any transport.
///
///     let transfer = FileTransfer(session, options: TransferOptions())
///     try await transfer.put("dist/app.tar", to: HostPath("/srv/app.tar"))
///     try await transfer.get(HostPath("/var/log/syslog"), to: "logs/")
///
/// A file comes into being beside its place under another name, and is renamed when all of it is there:
/// whoever looks sees the old one or the new one. What fails or is cancelled leaves the old one, and nothing beside
/// it. A symbolic link at the target is replaced, not followed. Data isn't forced to the disk (fsync(2)), as `cp` and
/// `scp` don't; the host needs a POSIX shell, and `tar` for trees.
public struct FileTransfer: Sendable {
  let session: any TransportSession
  let options: TransferOptions
  let meter: TransferMeter

  /// - Parameters:
  ///   - session: Where the host is reached, as the user whom files are read and written as.
  ///   - options: How things are transferred.
  ///   - meter: Is told how far the transfer is.
  public init(
    _ session: any TransportSession, options: TransferOptions = TransferOptions(),
    meter: TransferMeter = TransferMeter()
  ) {
    self.session = session
    self.options = options
    self.meter = meter
  }

  /// Data and words come by two ways, and the end of data is that of the input.
  func refuseTerminals() throws {
    guard session.isTerminal else { return }
    throw TransferError(
      "doas takes a password only on a terminal, through which no files can be copied: let it do without "
        + "(nopass in /etc/doas.conf), or use sudo or su (--become-method)")
  }

  func script(_ body: String, _ nonce: String) -> HostScript {
    HostScript(body, nonce: nonce, sums: options.verifies || options.resumes)
  }

  /// Runs a script that only tidies up: also when this task has been cancelled, and without complaint if the host
  /// can't be reached any more.
  func tidy(_ body: String) async {
    let session = session
    var options = options
    options.idleLimit = .seconds(10)
    let patient = options
    let script = script(body, HostScript.newNonce())
    let tidying = Task.detached {
      _ = try? await Conversation.run(script, on: session, options: patient) { conversation in
        conversation.endInput()
        return try await conversation.rest()
      }
    }
    // The session ends the wait when the connection is lost; nobody waits longer than this for a host that hangs.
    let limit = Task.detached {
      try await Task.sleep(for: .seconds(10))
      tidying.cancel()
    }
    await tidying.value
    limit.cancel()
  }
}
