/// A key that a server is asked to take.
struct Credential {
  enum Signer {
    case key(PrivateKey)
    /// Signs with a key that the agent has under this public half.
    case agent([UInt8])
    /// A file that wants its passphrase, once the server has said that it would take the key.
    case sealed(path: String, stamp: LocalFile.Stamp?, SealedKey)
  }

  /// Nil where only the private half tells.
  var blob: [UInt8]?
  var signer: Signer
  /// Where it comes from.
  var origin: String

  /// For messages.
  var label: String { blob.map { "\(origin) \(fingerprint($0))" } ?? origin }
}

/// Which keys there are, in the order in which they are tried.
///
/// As OpenSSH does: certificates, then the keys of the identities in their order (the agent's where it has one
/// that is encrypted in its file), then what else the agent has. Files that don't tell which key is in them
/// unless they are opened come last.
struct Credentials {
  private(set) var list: [Credential] = []
  /// What was of no use, and why.
  private(set) var problems: [String] = []
  /// Keys and certificates that the system's ssh could use.
  private(set) var beyond: [String] = []

  private let agentKeys: [AgentClient.Key]

  init(_ target: SSHTarget, agentKeys: [AgentClient.Key]) {
    self.agentKeys = agentKeys
    var last: [Credential] = []
    var certificates = target.certificates.map { ($0, isRequired: true) }
    for identity in target.identities {
      certificates.append(("\(identity.path)-cert.pub", isRequired: false))
      guard let credential = credential(identity.path) else { continue }
      if credential.blob == nil { last.append(credential) } else { add(credential) }
    }
    let isListed = { [list] (key: AgentClient.Key) in list.contains { $0.blob == key.blob } }
    var named = list
    if !target.identitiesOnly {
      for key in agentKeys where !isListed(key) {
        let type = blobType(key.blob)
        let name = key.comment.isEmpty ? "a key" : key.comment
        if SSHLibrary.canUse(type) {
          named.append(agentCredential(key))
        } else {
          beyond.append("\(name) \(fingerprint(key.blob)) (agent): \(SSHLibrary.reason(type))")
        }
      }
    }
    list = named + last
    for (path, isRequired) in certificates.reversed() { addCertificate(path, isRequired: isRequired) }
  }

  private mutating func add(_ credential: Credential) {
    if !list.contains(where: { $0.blob == credential.blob }) { list.append(credential) }
  }

  private func agentCredential(_ key: AgentClient.Key) -> Credential {
    Credential(
      blob: key.blob, signer: .agent(key.blob),
      origin: key.comment.isEmpty ? "agent" : "\(key.comment) (agent)")
  }

  private mutating func credential(_ path: String) -> Credential? {
    let neighbour = PublicKeyFile.load("\(path).pub")
    do throws(KeyFile.Failure) {
      let file = try KeyFile.load(path)
      if let key = file.privateKey { return Credential(blob: key.blob, signer: .key(key), origin: path) }
      let blob = file.publicBlob ?? neighbour
      if let key = agentKeys.first(where: { $0.blob == blob }) { return agentCredential(key) }
      guard let sealed = file.sealed else { return nil }
      return Credential(
        blob: blob, signer: .sealed(path: path, stamp: file.stamp, sealed), origin: path)
    } catch {
      if error.kind == .securityKey {
        beyond.append(error.message)
        return nil
      }
      let blob =
        error.kind == .publicKey ? PublicKeyFile.load(path) : error.kind == .missing ? neighbour : nil
      if let blob {
        if !SSHLibrary.canUse(blobType(blob)) {
          beyond.append("\(path): \(SSHLibrary.reason(blobType(blob)))")
          return nil
        }
        if let key = agentKeys.first(where: { $0.blob == blob }) { return agentCredential(key) }
        problems.append("\(error.message) (and no agent has its private half)")
      } else {
        problems.append(error.message)
      }
      return nil
    }
  }

  /// Puts a certificate in front of all, signed for by whoever has its key.
  private mutating func addCertificate(_ path: String, isRequired: Bool) {
    guard let blob = PublicKeyFile.load(path), let certificate = Certificate(blob) else {
      if isRequired { problems.append("\(path) can't be read, or is no user certificate") }
      return
    }
    guard SSHLibrary.canUse(blobType(blob)) else {
      beyond.append("certificate \(path): \(SSHLibrary.reason(blobType(blob)))")
      return
    }
    let holder = list.first { $0.blob == certificate.key }?.signer
    let agent = agentKeys.first { $0.blob == certificate.key }.map { Credential.Signer.agent($0.blob) }
    guard let signer = holder ?? agent else {
      if isRequired {
        problems.append("neither a key file nor the agent has the key of the certificate \(path)")
      }
      return
    }
    guard !list.contains(where: { $0.blob == blob }) else { return }
    list.insert(Credential(blob: blob, signer: signer, origin: "certificate \(path)"), at: 0)
  }
}
