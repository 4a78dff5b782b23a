import Foundation

/// A smart card of software, with one key and the PIN 1234. Needs Debian's softhsm2.
public final class SoftwareCard: Sendable {
  /// The PKCS#11 module.
  public static let module = "/usr/lib/softhsm/libsofthsm2.so"
  public static let isInstalled = FileManager.default.fileExists(atPath: module)

  /// What a program needs in its environment to see the card.
  public let environment: [String: String]
  /// The key, as a line of authorized_keys.
  public let publicKey: String
  private let files: TemporaryFolder

  public init() throws {
    files = try TemporaryFolder(mode: 0o700)
    let folder = files.path
    try "directories.tokendir = \(folder)/tokens\nobjectstore.backend = file\n"
      .write(toFile: "\(folder)/softhsm2.conf", atomically: true, encoding: .utf8)
    environment = ["SOFTHSM2_CONF": "\(folder)/softhsm2.conf"]
    try shell(
      """
      export SOFTHSM2_CONF=\(folder)/softhsm2.conf
      mkdir tokens
      softhsm2-util --init-token --free --label card --pin 1234 --so-pin 4321
      openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem
      softhsm2-util --import key.pem --token card --label key --id 01 --pin 1234
      ssh-keygen -D \(Self.module) >key.pub
      """, in: folder)
    publicKey = try String(contentsOfFile: "\(folder)/key.pub", encoding: .utf8)
  }
}
