import Glibc

extension SSHConnection {
  /// What a negative answer of libssh2 means, with what the link knows of it.
  func explain(_ code: Int) -> SSHError {
    guard let link else { return SSHError(.closed, target, "the connection was closed") }
    let activity = doing.rawValue
    if let failure = link.carrier.failure {
      return SSHError(
        .disconnected(doing), target,
        "the connection broke while \(activity), because that to the jump host did: \(failure.description)")
    }
    let said = link.farewell.map { "; the server said: \($0)" } ?? ""
    if link.isFlooded {
      return SSHError(.protocolError(doing), target, "the server sends without end while \(activity)\(said)")
    }
    if link.isMalformed {
      return SSHError(
        .protocolError(doing), target,
        "the server asks for an answer, and its question is longer than the message that it came in")
    }
    if link.socketError == ETIMEDOUT {
      return SSHError(
        .disconnected(doing), target,
        "the host has not answered for \(target.peerTimeout.inSeconds) while \(activity); "
          + "it may be down, or the network between")
    }
    if let error = link.socketError {
      let reason = error == 0 ? "the server closed the connection" : errorText(error)
      return SSHError(
        .disconnected(doing), target, "the connection broke while \(activity): \(reason)\(said)")
    }
    if link.farewell != nil {
      return SSHError(
        .disconnected(doing), target, "the server ended the connection while \(activity)\(said)")
    }
    let message = link.lastMessage
    return SSHError(
      .protocolError(doing), target,
      "\(activity) failed: \(message.isEmpty ? "libssh2 error" : message) (\(code))")
  }
}
