internal import MartletSSH
internal import Subprocess

/// What is known about a host before it is connected to.
struct ResolvedHost: Sendable {
  var target: SSHTarget
  /// Why only the system's `ssh` can reach it; nil where this client will do.
  var reasonForSystemSSH: String?
  /// Options of ssh's configuration that have no effect, each with its place.
  var ignored: [String]
  /// Whether the configuration allows to log in with a Kerberos ticket (GSSAPIAuthentication).
  var allowsGSSAPI = false

  /// Whether the system's `ssh` may reach the host although this client couldn't.
  func mayHelp(after error: SSHError) async -> Bool {
    switch error.kind {
    case .needsOpenSSH, .hostCertificateNeeded, .hostKeyTypeUnusable, .noCommonAlgorithm: return true
    case .authenticationFailed, .keyFile:
      guard allowsGSSAPI, error.offered.contains("gssapi-with-mic") else { return false }
      return await Self.hasTicket()
    default: return false
    }
  }

  /// Whether the user has a Kerberos ticket, as klist(1) sees it.
  private static func hasTicket() async -> Bool {
    let klist = try? await Subprocess.run(
      .name("klist"), arguments: ["-s"], output: .discarded, error: .discarded)
    return klist?.terminationStatus == .exited(0)
  }
}
