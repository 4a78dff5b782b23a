import MartletCore
import MartletEngine
import MartletTransports
import TestSupport
import Testing

extension TransportTests {
  @Suite struct ContainerTests {
    /// So that a run of the tests says whether containers were part of it.
    @Test(.enabled(if: ContainerBench.obstacle == nil, "\(ContainerBench.obstacle ?? "")"))
    func `Containers can be tried here`() throws {
      _ = try ContainerBench.shared.get()
    }

    @Test(.enabled(if: ContainerBench.obstacle == nil))
    func `A command runs as the host's user`() async throws {
      let bench = try ContainerBench.shared.get()
      var host = InventoryHost(name: "box")
      host.connection.address = bench.container
      for (user, answer) in [(nil, "0 /root\n"), ("guest", "1000 /tmp\n"), ("1000", "1000 /tmp\n")] {
        host.connection.user = user
        for transport in bench.clients.map(ContainerTransport.init) {
          let session = try await transport.connect(to: host)
          let talk = Talk()
          #expect(try await session.run(#"echo "$(id -u) $(pwd)""#, talk) == .code(0), "\(talk.errors)")
          #expect(talk.text == answer)
        }
      }
    }

    @Test(.enabled(if: ContainerBench.obstacle == nil))
    func `A container that isn't there, or doesn't run, is an error that names it`() async throws {
      let bench = try ContainerBench.shared.get()
      for (engine, client) in bench.clients {
        let transport = ContainerTransport(engine, client: client)
        let (missing, _) = try await failure {
          _ = try await transport.connect(to: InventoryHost(name: "nobox"))
        }
        #expect(missing is TransportError)
        #expect("\(missing)".hasPrefix("nobox: "), "\(missing)")
        #expect("\(missing)".lowercased().contains("no such container"), "\(missing)")
        let name = "stopped-\(engine)"
        try bench.start(name, isKept: true)
        try bench.stop(name)
        let (stopped, _) = try await failure {
          _ = try await transport.connect(to: InventoryHost(name: name))
        }
        #expect("\(stopped)".hasPrefix("\(name): the container does not run; `"), "\(stopped)")
      }
    }

    @Test(.enabled(if: ContainerBench.obstacle == nil))
    func `A container that stops in the middle is an error`() async throws {
      let bench = try ContainerBench.shared.get()
      for (engine, client) in bench.clients {
        let name = "short-\(engine)"
        try bench.start(name)
        let session = try await ContainerTransport(engine, client: client).connect(
          to: InventoryHost(name: name))
        let talk = Talk()
        let running = Task { try await session.run("echo begun; sleep 20", talk) }
        try await talk.hears("begun")
        try bench.stop(name)
        let (error, time) = try await failure { _ = try await running.value }
        #expect(error is TransportError && "\(error)".hasPrefix("\(name): "), "\(error)")
        #expect(time < .seconds(10), "\(time)")
      }
    }

    @Test func `A client that isn't there is an error`() async throws {
      let transport = ContainerTransport(.docker, client: ["/nowhere/docker"])
      let (error, _) = try await failure { _ = try await transport.connect(to: InventoryHost(name: "box")) }
      #expect(error is TransportError)
      #expect(
        "\(error)"
          == "box: can't ask docker for the container: there is no program /nowhere/docker on this machine")
    }
  }
}
