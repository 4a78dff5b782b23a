/// Lets logins begin in the order in which they came, as many at once as their limits allow. An address that
/// is at its limit doesn't hold up the others.
actor LoginGate {
  static let shared = LoginGate()
  nonisolated var unownedExecutor: UnownedSerialExecutor { Reactor.shared.asUnownedSerialExecutor() }

  /// One login that waits or is in progress. `@unchecked Sendable`: confined to the reactor's thread, on which
  /// both actors that share it run.
  final class Ticket: @unchecked Sendable {
    let address: String
    let limits: LoginLimits
    /// Logins on jump hosts are few, and others wait for them: only the limit of their address holds.
    let isHop: Bool
    fileprivate(set) var isGranted = false
    fileprivate let granted: @Sendable () -> Void

    init(
      address: String, limits: LoginLimits, isHop: Bool, granted: @escaping @Sendable () -> Void
    ) {
      self.address = address
      self.limits = limits
      self.isHop = isHop
      self.granted = granted
    }
  }

  private struct Place {
    var inProgress = 0
    /// What the server was seen to take; nil: all so far.
    var learnt: Int?
    var successes = 0
  }

  private var places: [String: Place] = [:]
  private var total = 0
  private var queue: [Ticket] = []

  /// To be called on the reactor's thread, as all here.
  nonisolated static func enter(_ ticket: Ticket) { shared.assumeIsolated { $0.enter(ticket) } }

  /// The login has succeeded, has failed, or is no longer wanted.
  ///
  /// - Parameter wasDropped: The server closed the connection before it had introduced itself.
  nonisolated static func leave(_ ticket: Ticket, wasDropped: Bool) {
    shared.assumeIsolated { $0.leave(ticket, wasDropped: wasDropped) }
  }

  private func enter(_ ticket: Ticket) {
    queue.append(ticket)
    serve()
  }

  private func leave(_ ticket: Ticket, wasDropped: Bool) {
    guard ticket.isGranted else {
      queue.removeAll { $0 === ticket }
      return
    }
    ticket.isGranted = false
    var place = places[ticket.address] ?? Place()
    place.inProgress -= 1
    if !ticket.isHop { total -= 1 }
    if wasDropped {
      place.learnt = max(1, min(place.learnt ?? ticket.limits.perAddress, place.inProgress + 1) - 1)
      place.successes = 0
    } else if let learnt = place.learnt {
      place.successes += 1
      if place.successes >= 4 * learnt {
        place.successes = 0
        place.learnt = learnt + 1 < ticket.limits.perAddress ? learnt + 1 : nil
      }
    }
    let isIdle = place.inProgress == 0 && !wasDropped && !queue.contains { $0.address == ticket.address }
    places[ticket.address] = isIdle ? nil : place
    serve()
  }

  private func serve() {
    var rest: [Ticket] = []
    for ticket in queue {
      var place = places[ticket.address] ?? Place()
      let limit = min(ticket.limits.perAddress, place.learnt ?? .max)
      guard place.inProgress < limit, ticket.isHop || total < ticket.limits.total else {
        rest.append(ticket)
        continue
      }
      place.inProgress += 1
      places[ticket.address] = place
      if !ticket.isHop { total += 1 }
      ticket.isGranted = true
      ticket.granted()
    }
    queue = rest
  }
}
