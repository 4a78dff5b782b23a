import MartletCore

/// Files that hold secrets by their nature: they are sent only if the playbook names them.
enum SecretFiles {
  /// `.env` and its kin, private keys and their stores. What shows others how an `.env` is to be filled is none.
  static func isSecret(name: BytePath) -> Bool {
    guard let text = name.text?.lowercased() else { return false }
    if text == ".env" { return true }
    if text.hasPrefix(".env.") {
      let words = text.split(separator: ".").map(String.init)
      return words.allSatisfy { !["example", "sample", "template", "dist", "defaults"].contains($0) }
    }
    let keys = ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_ecdsa_sk", "id_ed25519_sk"]
    return keys.contains(text) || [".p12", ".pfx", ".ppk"].contains(where: text.hasSuffix)
  }

  /// Whether a file is a private key, in PEM's form or PuTTY's. A program that has a key in its text is not.
  static func isPrivateKey(_ contents: [UInt8], name: BytePath) -> Bool {
    if contents.starts(with: Array("PuTTY-User-Key-File".utf8)) { return true }
    let start = contents.prefix(4096).drop { $0 == 0x20 || (0x09...0x0d).contains($0) || $0 >= 0xbb }
    let isPEM = ["-----BEGIN ", "Bag Attributes", "Key Attributes"].contains {
      start.starts(with: Array($0.utf8))
    }
    let named = [".pem", ".key", ".crt", ".cer"].contains { name.description.lowercased().hasSuffix($0) }
    guard isPEM || named else { return false }
    let mark = Array("PRIVATE KEY-----".utf8)
    return contents.split(whereSeparator: { $0 == 0x0a || $0 == 0x0d }).contains { line in
      line.starts(with: Array("-----BEGIN ".utf8)) && line.reversed().starts(with: mark.reversed())
    }
  }
}
