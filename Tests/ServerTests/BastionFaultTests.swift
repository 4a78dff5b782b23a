import Foundation
import MartletCore
import MartletEngine
import MartletLab
import MartletTasks
import MartletTesting
import MartletTransports
import TestSupport
import Testing

extension ServerTests {
  /// What goes wrong on the way through a bastion: it is named, and who isn't behind it goes on.
  @Suite struct BastionFaultTests {
    @Test func aBastionThatIsDown() async throws {
      let network = try await Bastions()
      let other = try await Server.fresh()
      try await Server.lab.kill(Bastions.outer.number)
      let transport = HostTransport(
        connectTimeout: .seconds(4),
        configuration: try network.configuration(["Host web* inner", "  ProxyJump bastion"]))
      let start = ContinuousClock.now
      let run = await Bastions.run(Bastions.hosts("web1", "web2") + [try other.host()], transport)
      let took = start.duration(to: .now)
      try await Server.lab.start(Bastions.outer.number)
      #expect(run.code == 4)
      #expect(run.events.recaps[other.name]?.changed == 2, "\(run.events.failures)")
      let address = try Bastions.address(Bastions.outer)
      for (name, server) in zip(["web1", "web2"], Bastions.web) {
        #expect(run.events.recaps[name]?.unreachable == true)
        let message = run.events.message(of: name)
        let way = "[jump host on the way to \(try Bastions.address(server)):22]"
        #expect(message.hasPrefix("\(address):22: ") && message.contains(way), "\(message)")
      }
      #expect(took < .seconds(40), "\(took)")
    }

    @Test func aBastionThatGoesDownInTheMiddle() async throws {
      let network = try await Bastions()
      let other = try await Server.fresh()
      let transport = HostTransport(
        configuration: try network.configuration([
          "Host web*", "  ProxyJump bastion", "Host bastion", "  ServerAliveInterval 1",
          "  ServerAliveCountMax 3",
        ]))
      let hosts = Bastions.hosts("web1", "web2") + [try other.host()]
      async let running = Bastions.run(hosts, transport) {
        Command("touch /root/began; if [ $(hostname) = lab1 ]; then sleep 5; else sleep 60; fi")
        Command("touch /root/later")
      }
      try await waitUntil("all hosts are at work") {
        var count = 0
        for server in Bastions.web.prefix(2) + [other] {
          count += try await server.shell("ls /root").contains("began") ? 1 : 0
        }
        return count == 3
      }
      let start = ContinuousClock.now
      try await Server.lab.kill(Bastions.outer.number)
      let run = await running
      let took = start.duration(to: .now)
      try await Server.lab.start(Bastions.outer.number)
      #expect(run.code == 4)
      #expect(run.events.recaps[other.name]?.changed == 2, "\(run.events.failures)")
      let address = try Bastions.address(Bastions.outer)
      for name in ["web1", "web2"] {
        #expect(run.events.recaps[name]?.unreachable == true)
        let message = run.events.message(of: name)
        #expect(message.contains("jump host") && message.contains(address), "\(message)")
      }
      #expect(took < .seconds(50), "\(took)")
    }

    /// A host behind the bastion that is down is the host's fault, not the bastion's; the others go on.
    @Test func aHostBehindItThatIsDown() async throws {
      let network = try await Bastions()
      try await Server.lab.kill(Bastions.web[2].number)
      let transport = HostTransport(
        connectTimeout: .seconds(6),
        configuration: try network.configuration(["Host web*", "  ProxyJump bastion"]))
      let run = await Bastions.run(Bastions.hosts("web1", "web2", "web3"), transport)
      try await Server.lab.start(Bastions.web[2].number)
      #expect(run.code == 4)
      for name in ["web1", "web2"] { #expect(run.events.recaps[name]?.changed == 2) }
      let message = run.events.message(of: "web3")
      #expect(run.events.failures.count == 1)
      #expect(message.hasPrefix("\(try Bastions.address(Bastions.web[2])):22: "), "\(message)")
      #expect(message.contains(try Bastions.address(Bastions.outer)), "\(message)")
    }

    @Test func keysOfTheBastionThatAreUnknownOrOthers() async throws {
      let network = try await Bastions()
      let address = try Bastions.address(Bastions.outer)
      let known = try String(contentsOfFile: Server.lab.knownHosts, encoding: .utf8)
        .split(separator: "\n").filter { !$0.hasPrefix(address + ",") }.joined(separator: "\n")
      let key = try String(contentsOfFile: Server.lab.privateKey + ".pub", encoding: .utf8)
      let jump = ["Host web*", "  ProxyJump bastion"]
      for (text, part) in [
        ("", "the host's key is not known"), ("\(address) \(key)", "THE HOST'S KEY HAS CHANGED"),
      ] {
        try network.bench.write("known", "\(known)\n\(text)")
        let file = try network.configuration(jump, knownHosts: network.bench.folder + "/known")
        let run = await Bastions.run(Bastions.hosts("web1", "web2"), HostTransport(configuration: file))
        #expect(run.code == 4)
        #expect(run.events.failures.count == 2)
        for failure in run.events.failures {
          #expect(failure.message.hasPrefix("\(address):22: \(part)"), "\(failure.message)")
          #expect(failure.message.contains("[jump host on the way to "), "\(failure.message)")
        }
      }
      #expect(try await Bastions.web[0].ask("ls", "/root") == "")
    }
  }
}
