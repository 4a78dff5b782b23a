import Foundation
import Glibc

/// A Kerberos realm of the test's own on a loopback port: its KDC, a principal for the present user and a keytab for
/// `host/localhost`. Needs Debian's krb5-kdc, krb5-admin-server and krb5-user.
public final class KerberosRealm: Sendable {
  /// What programs need in their environment to be part of it, sshd included; with a ticket of the present user.
  public let environment: [String: String]
  private let files: TemporaryFolder
  private let processID: Int32

  public static let isInstalled = ["/usr/sbin/krb5kdc", "/usr/sbin/kadmin.local", "/usr/bin/kinit"].allSatisfy
  {
    FileManager.default.isExecutableFile(atPath: $0)
  }

  public init() throws {
    files = try TemporaryFolder(mode: 0o700)
    let folder = files.path
    let port = try freePort()
    try """
    [libdefaults]
      default_realm = LAB.TEST
      dns_lookup_kdc = false
      dns_canonicalize_hostname = false
      rdns = false
    [realms]
      LAB.TEST = {
        kdc = 127.0.0.1:\(port)
      }
    [domain_realm]
      localhost = LAB.TEST
    """.write(toFile: "\(folder)/krb5.conf", atomically: true, encoding: .utf8)
    try """
    [kdcdefaults]
      kdc_listen = 127.0.0.1:\(port)
      kdc_tcp_listen = 127.0.0.1:\(port)
    [realms]
      LAB.TEST = {
        database_name = \(folder)/principal
        key_stash_file = \(folder)/stash
        acl_file = \(folder)/acl
      }
    [logging]
      kdc = FILE:\(folder)/kdc.log
    """.write(toFile: "\(folder)/kdc.conf", atomically: true, encoding: .utf8)
    environment = [
      "KRB5_CONFIG": "\(folder)/krb5.conf", "KRB5_KDC_PROFILE": "\(folder)/kdc.conf",
      "KRB5_KTNAME": "\(folder)/keytab", "KRB5CCNAME": "FILE:\(folder)/tickets",
    ]
    let variables = environment.map { "\($0)='\($1)'" }
    let exports = "export " + variables.joined(separator: " ")
    try shell(
      """
      \(exports)
      /usr/sbin/kdb5_util create -s -P master -r LAB.TEST
      /usr/sbin/kadmin.local -q 'addprinc -pw secret \(currentUser)'
      /usr/sbin/kadmin.local -q 'addprinc -randkey host/localhost'
      /usr/sbin/kadmin.local -q 'ktadd -k \(folder)/keytab host/localhost'
      """)
    processID = try spawn(
      ["/usr/bin/env"] + environment.map { "\($0)=\($1)" } + ["/usr/sbin/krb5kdc", "-n"],
      output: "\(folder)/out")
    // The KDC says nowhere that it listens.
    try shell(
      "\(exports); for i in $(seq 100); do echo secret | kinit \(currentUser) && exit; sleep 0.1; done; exit 1"
    )
  }

  deinit {
    kill(processID, SIGKILL)
    var status: Int32 = 0
    waitpid(processID, &status, 0)
  }
}
