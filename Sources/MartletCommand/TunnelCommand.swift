import ArgumentParser
import Dispatch
import Foundation
import Martlet
import MartletCore
import MartletTransports

/// `martlet tunnel HOST 5433:localhost:5432`: a port here that leads to a port there.
struct TunnelCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tunnel", abstract: "Reach a port over there by a port over here.",
    discussion: """
      martlet tunnel db1 5433:localhost:5432

      Connections to port 5433 of this machine go on from db1 to port 5432 of db1, encrypted, as many at once as \
      come, until Ctrl-C. HOST is a host of the inventory, or [USER@]NAME[:PORT].

      A forward is [BIND:]PORT:HOST:HOSTPORT as ssh -L takes it, or PATH:HOST:HOSTPORT for a socket. Without BIND \
      only this machine can connect; * lets all. Port 0 is a free one, which is printed.

      The exit code is 0 after Ctrl-C, 1 if a port can't be had, 4 if the host could not be reached or the \
      connection broke, 64 if the command line or the inventory is wrong.
      """)

  @Argument(help: "A host of the inventory, or [USER@]NAME[:PORT].")
  var host: String

  @Argument(help: ArgumentHelp("What leads where (may be several).", valueName: "forward"))
  var forwards: [String]

  @OptionGroup var connection: ConnectionOptions

  @Flag(help: "Go on when the connection breaks: the next connection logs in again.")
  var reconnect = false

  func run() async throws {
    let ways: [TunnelForward]
    var destination: InventoryHost
    let password: Secret?
    do {
      ways = try forwards.map { try TunnelForward($0) }
      destination = try HostArgument.host(
        host, in: HostArgument.inventory(connection.inventories) { note("warning: \($0)") })
      password = try connection.askPassword()
    } catch let error as InventoryError {
      throw ended(error.description, 64)
    } catch let error as TunnelForward.Malformed {
      throw ended(error.description, 64)
    }
    connection.apply(to: &destination, password: password)
    if let problem = destination.connection.passwordProblem { throw ended(problem, 64) }
    let host = destination
    let (interruption, sources) = interruptions()
    defer { for source in sources { source.cancel() } }
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await serve(host, ways) }
      group.addTask { for await _ in interruption { return } }
      // Whichever comes first: an error, or Ctrl-C.
      try await group.next()
      group.cancelAll()
    }
  }

  private func serve(_ destination: InventoryHost, _ ways: [TunnelForward]) async throws {
    let tunnel: HostTunnel
    do {
      tunnel = try await HostTunnel.open(to: destination, by: connection.hostTransport())
    } catch let error as HostTunnel.Failure {
      throw ended(error.description, 4)
    }
    do {
      try await serve(tunnel, ways, from: destination.name)
    } catch {
      await tunnel.close()
      throw error
    }
    await tunnel.close()
  }

  private func serve(_ tunnel: HostTunnel, _ ways: [TunnelForward], from name: String) async throws {
    for (way, text) in zip(ways, forwards) {
      do {
        let places = try await tunnel.listen(way) { note("warning: \($0)") }
        for place in places { print("\(place) leads to \(target(of: way)) from \(name)") }
      } catch let error as HostTunnel.Failure {
        throw ended("\(text): \(error.description)", 1)
      }
    }
    fflush(nil)
    while !Task.isCancelled {
      do {
        try await tunnel.waitUntilBroken()
      } catch let error as HostTunnel.Failure {
        guard reconnect else { throw ended(error.description, 4) }
        note("warning: \(error); the next connection logs in again")
      }
    }
  }

  private func target(of way: TunnelForward) -> String {
    way.host.contains(":") ? "[\(way.host)]:\(way.hostPort)" : "\(way.host):\(way.hostPort)"
  }

  private func interruptions() -> (AsyncStream<Void>, [any DispatchSourceSignal]) {
    let (stream, continuation) = AsyncStream<Void>.makeStream()
    let sources = [SIGINT, SIGTERM, SIGHUP].map { number in
      signal(number, SIG_IGN)
      let source = DispatchSource.makeSignalSource(signal: number)
      source.setEventHandler { continuation.yield() }
      source.resume()
      return source
    }
    return (stream, sources)
  }

  private func ended(_ message: String, _ code: Int32) -> ExitCode {
    note("error: \(message)")
    return ExitCode(code)
  }

  private func note(_ text: String) { StandardError.tell(text) }
}
