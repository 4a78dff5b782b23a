public import MartletEngine
public import MartletCore
internal import MartletSSH
internal import Synchronization

/// The key that a host showed of which none is known.
public struct UnknownHostKey: Sendable, Hashable {
  /// The inventory's names for the host; more than one where they all lead to the same. Of a jump host, which the
  /// inventory needn't name, `jump host` and where it is.
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

/// What has been confirmed in this run.
final class ConfirmedHostKeys: Sendable {
  private let keys = Mutex<[[String]: HostKey]>([:])

  /// What makes two targets the same host, with the same files that know it.
  static func identity(_ target: SSHTarget) -> [String] {
    [target.host, "\(target.port)", target.hostKeyAlias ?? ""] + target.knownHosts.files + ["|"]
      + target.knownHosts.globalFiles
  }

  func add(_ key: HostKey, for target: SSHTarget) {
    keys.withLock { $0[Self.identity(target)] = key }
  }

  /// Has a target, and the jump hosts on the way to it, believe what was confirmed.
  func apply(to target: inout SSHTarget) {
    if case .jump(through: var hop) = target.route {
      apply(to: &hop)
      target.route = .jump(through: hop)
    }
    target.knownHosts.confirmed = keys.withLock { $0[Self.identity(target)].map { [$0] } ?? [] }
  }
}

extension SSHTransport {
  /// A host that is to be asked about; several of the inventory's may be the same one.
  private struct Candidate: Sendable {
    /// Empty for one that is only a jump host.
    var hosts: [String]
    var target: SSHTarget
    /// Whether there are others behind it, which can't be seen before it is known.
    var isJumpHost: Bool

    var names: [String] { hosts.isEmpty ? ["jump host \(target.host)"] : hosts }
  }

  private struct Finding: Sendable {
    var candidate: Candidate
    var key: HostKey

    var question: UnknownHostKey {
      UnknownHostKey(
        hosts: candidate.names, address: candidate.target.host, port: candidate.target.port, type: key.type,
        fingerprint: key.fingerprint)
    }
  }

  private static let probesAtOnce = 50

  /// Asks about the keys of all hosts that aren't known yet, in one question, and writes down those that are
  /// trusted: also in check mode, since the file is the controller's and says nothing about the hosts' state.
  ///
  /// A host that is known costs nothing here. One that isn't is connected to once more than usual, to see its
  /// key; one that can't be reached is left to fail when the run comes to it. Only where a jump host's key was
  /// unknown too there is a further question, for those behind it: before, they couldn't be seen.
  public func prepare(for hosts: [InventoryHost]) async throws -> [TransportNotice] {
    guard let hostKeyQuestions else { return [] }
    var notices: [TransportNotice] = []
    var asked: Set<[String]> = []
    while true {
      let candidates = await candidates(hosts, besides: asked)
      asked.formUnion(candidates.map { ConfirmedHostKeys.identity($0.target) })
      let findings = await probe(candidates)
      guard !findings.isEmpty else { return notices }
      let accepted = await hostKeyQuestions.accept(findings.map(\.question))
      try Task.checkCancellation()
      notices += await learn(findings.filter { accepted.contains($0.question) })
      guard candidates.contains(where: \.isJumpHost) else { return notices }
    }
  }

  /// - Parameter asked: The identities of those that have had their turn, whatever came of it.
  private func candidates(_ hosts: [InventoryHost], besides asked: Set<[String]>) async -> [Candidate] {
    var candidates: [Candidate] = []
    var places: [[String]: Int] = [:]
    for host in hosts {
      // A configuration that is wrong fails the host when its turn comes.
      guard let resolved = try? await resolve(host), resolved.reasonForSystemSSH == nil,
        let (target, isHop) = firstUnknown(onTheWayTo: resolved.target)
      else { continue }
      let identity = ConfirmedHostKeys.identity(target)
      guard !asked.contains(identity) else { continue }
      let names = isHop ? [] : [host.name]
      if let place = places[identity] {
        candidates[place].hosts += names
        candidates[place].isJumpHost = candidates[place].isJumpHost || isHop
      } else {
        places[identity] = candidates.count
        candidates.append(Candidate(hosts: names, target: target, isJumpHost: isHop))
      }
    }
    return candidates
  }

  /// The first of a target's jump hosts, and otherwise the target itself, about whose key someone is to be asked.
  private func firstUnknown(onTheWayTo target: SSHTarget) -> (target: SSHTarget, isHop: Bool)? {
    if case .jump(through: let hop) = target.route, let (hop, _) = firstUnknown(onTheWayTo: hop) {
      return (hop, true)
    }
    guard target.knownHosts.mode == .ask, target.knownHosts.confirmed.isEmpty,
      let known = try? target.knownHostKeys(), !known.isKnown
    else { return nil }
    return (target, false)
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
      let name = finding.candidate.hosts.first
      let subject = name == nil ? "jump host \(finding.candidate.target.host): its" : "its"
      switch error?.kind {
      case nil:
        confirmed.add(finding.key, for: finding.candidate.target)
        let file = finding.candidate.target.knownHosts.files.first ?? ""
        notices.append(
          TransportNotice(
            "\(subject) key \(finding.key.fingerprint) is now in \(file)", host: name, verboseOnly: true))
      case .knownHostsFile:
        confirmed.add(finding.key, for: finding.candidate.target)
        notices.append(
          TransportNotice(
            "\(subject) key is trusted for this run only: \(error?.message ?? "")", host: name))
      default:
        // The files say otherwise by now; connecting is going to find the same.
        notices.append(TransportNotice(error?.message ?? "", host: name))
      }
    }
    return notices
  }
}
