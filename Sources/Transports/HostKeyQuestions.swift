public import MartletEngine
public import MartletCore
internal import MartletSSH
internal import Synchronization

/// The key that a host showed of which none is known.
public struct UnknownHostKey: Sendable, Hashable {
  /// The inventory's names for the host; more than one where they all lead to the same.
  public var hosts: [String]
  /// What is connected to.
  public var address: String
  /// The TCP port.
  public var port: Int
  /// As `ssh-ed25519`.
  public var type: String
  /// As `SHA256:…`, the way `ssh-keygen -l` shows it.
  public var fingerprint: String

  public init(hosts: [String], address: String, port: Int, type: String, fingerprint: String) {
    self.hosts = hosts
    self.address = address
    self.port = port
    self.type = type
    self.fingerprint = fingerprint
  }
}

/// Who is asked whether keys are right.
public protocol HostKeyQuestions: Sendable {
  /// Asks about all unknown hosts of a run at once. Where the task is cancelled it answers soon, with nothing.
  ///
  /// - Parameter table: The keys, at least one, in the order of the inventory.
  /// - Returns: Those that are to be trusted and written down.
  func accept(_ table: [UnknownHostKey]) async -> Set<UnknownHostKey>
}

/// What has been confirmed in this run, by the inventory's names of the hosts.
final class ConfirmedHostKeys: Sendable {
  private let keys = Mutex<[String: HostKey]>([:])

  func keys(of host: String) -> [HostKey] { keys.withLock { $0[host].map { [$0] } ?? [] } }

  func add(_ key: HostKey, for hosts: [String]) {
    keys.withLock { keys in for host in hosts { keys[host] = key } }
  }
}

extension SSHTransport {
  /// A host that is to be asked about; several of the inventory's may be the same one.
  private struct Candidate: Sendable {
    var hosts: [String]
    var target: SSHTarget
  }

  private struct Finding: Sendable {
    var candidate: Candidate
    var key: HostKey

    var question: UnknownHostKey {
      UnknownHostKey(
        hosts: candidate.hosts, address: candidate.target.host, port: candidate.target.port, type: key.type,
        fingerprint: key.fingerprint)
    }
  }

  private static let probesAtOnce = 50

  /// Asks about the keys of all hosts that aren't known yet, in one question, and writes down those that are
  /// trusted: also in check mode, since the file is the controller's and says nothing about the hosts' state.
  ///
  /// A host that is known costs nothing here. One that isn't is connected to once more than usual, to see its
  /// key; one that can't be reached is left to fail when the run comes to it.
  public func prepare(for hosts: [InventoryHost]) async throws -> [TransportNotice] {
    guard let hostKeyQuestions else { return [] }
    let findings = await probe(await candidates(hosts))
    guard !findings.isEmpty else { return [] }
    let accepted = await hostKeyQuestions.accept(findings.map(\.question))
    try Task.checkCancellation()
    return await learn(findings.filter { accepted.contains($0.question) })
  }

  private func candidates(_ hosts: [InventoryHost]) async -> [Candidate] {
    var candidates: [Candidate] = []
    var places: [[String]: Int] = [:]
    for host in hosts {
      // A configuration that is wrong fails the host when its turn comes.
      guard let resolved = try? await resolve(host), resolved.reasonForSystemSSH == nil else { continue }
      let target = resolved.target
      guard target.knownHosts.mode == .ask, target.knownHosts.confirmed.isEmpty,
        let known = try? target.knownHostKeys(), !known.isKnown
      else { continue }
      let identity =
        [target.host, "\(target.port)", target.hostKeyAlias ?? ""] + target.knownHosts.files
        + target.knownHosts.globalFiles
      if let place = places[identity] {
        candidates[place].hosts.append(host.name)
      } else {
        places[identity] = candidates.count
        candidates.append(Candidate(hosts: [host.name], target: target))
      }
    }
    return candidates
  }

  private func probe(_ candidates: [Candidate]) async -> [Finding] {
    await withTaskGroup(of: (Int, HostKey?).self) { group in
      var keys = [HostKey?](repeating: nil, count: candidates.count)
      for (index, candidate) in candidates.enumerated() {
        if index >= Self.probesAtOnce, let (index, key) = await group.next() { keys[index] = key }
        group.addTask {
          guard case .unknown(let host) = try? await HostKeyProbe.probe(candidate.target) else {
            return (index, nil)
          }
          return (index, host.key)
        }
      }
      for await (index, key) in group { keys[index] = key }
      return zip(candidates, keys).compactMap { candidate, key in
        key.map { Finding(candidate: candidate, key: $0) }
      }
    }
  }

  private func learn(_ findings: [Finding]) async -> [TransportNotice] {
    var notices: [TransportNotice] = []
    let errors = await HostKeyProbe.learn(findings.map { (key: $0.key, target: $0.candidate.target) })
    for (finding, error) in zip(findings, errors) {
      let name = finding.candidate.hosts[0]
      switch error?.kind {
      case nil:
        confirmed.add(finding.key, for: finding.candidate.hosts)
        let file = finding.candidate.target.knownHosts.files.first ?? ""
        notices.append(
          TransportNotice(
            "its key \(finding.key.fingerprint) is now in \(file)", host: name, verboseOnly: true))
      case .knownHostsFile:
        confirmed.add(finding.key, for: finding.candidate.hosts)
        notices.append(
          TransportNotice(
            "its key is trusted for this run only: \(error?.message ?? "")", host: name))
      default:
        // The files say otherwise by now; connecting is going to find the same.
        notices.append(TransportNotice(error?.message ?? "", host: name))
      }
    }
    return notices
  }
}
