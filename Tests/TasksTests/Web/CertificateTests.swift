import MartletCore
import MartletFacts
@testable import MartletTasks
import TestSupport
import Testing

@Suite struct CertificateTests {
  private let task = Certificate("shop.test", "www.shop.test", email: "ops@shop.test")
  private let day = 86_400

  private func decide(
    _ change: (inout CertificateStatus.Certificate) -> Void = { _ in }, now: Int = 30,
    task: Certificate? = nil
  ) -> Decision {
    var certificate = CertificateStatus.Certificate(
      notBefore: 0, notAfter: 90 * day, names: ["shop.test", "www.shop.test"],
      server: ACMEServer.production.directory)
    change(&certificate)
    let status = CertificateStatus(
      hasCertbot: true, isRenewed: true, now: now * day, certificate: certificate)
    let hook = Contents(
      "#!/bin/sh\n# Written by Martlet: nginx reads the certificates that certbot has renewed.\n"
        + NginxSite.reloadScript.text + "\n")
    return (task ?? self.task).decide(given: (status, .file(mode: 0o755), FileDigest(of: hook)))
  }

  @Test func aGoodOneIsLeftAlone() {
    #expect(decide().isUnchanged)
    #expect(decide(now: 59).isUnchanged)
    #expect(decide { $0.names = ["www.shop.test", "shop.test"] }.isUnchanged)
  }

  @Test func whenItIsIssued() {
    #expect(decide(now: 61).changes == ["~ renewed: 29 of 90 days are left"])
    #expect(decide(now: 91).changes == ["~ expired"])
    #expect(decide { $0.names = ["shop.test", "old.test"] }.changes == ["~ names +www.shop.test -old.test"])
    #expect(decide { $0.server = ACMEServer.staging.directory }.changes.first?.contains("staging") == true)
    let none = CertificateStatus(hasCertbot: true)
    let first = task.decide(given: (none, .absent, nil))
    #expect(first.changes.last == "+ shop.test, www.shop.test")
    guard case .run(let command)? = first.actions.last?.effect else { return }
    #expect(!command.text.contains("--force-renewal"))
    #expect(task.decide(given: (CertificateStatus(), .absent, nil)).failure?.contains("certbot") == true)
  }

  @Test func nobodyRenewsIsAWarning() {
    #expect(task.warnings(given: (CertificateStatus(hasCertbot: true), .absent, nil)).count == 1)
    #expect(
      task.warnings(given: (CertificateStatus(hasCertbot: true, isRenewed: true), .absent, nil)).isEmpty)
  }

  @Test func wrongArgumentsAreRefused() {
    for domain in ["", "*.shop.test", "localhost", "a b.test", "-a.test", "a..test"] {
      #expect(throws: InvalidTask.self, "\(domain)") { try Certificate(domain, email: nil).validate() }
    }
    #expect(throws: InvalidTask.self) { try Certificate("a.test", email: "ops").validate() }
    #expect(throws: InvalidTask.self) { try Certificate([], email: nil).validate() }
    #expect(throws: InvalidTask.self) {
      try Certificate("a.test", email: nil, server: .custom("http://x")).validate()
    }
    #expect(throws: Never.self) { try task.validate() }
  }

  @Test func whatOpensslPrints() throws {
    let output = ProbeOutput(
      """
      certbot
      now 1700000000
      = shop.test
      server https://localhost:14000/dir
      notBefore=Nov 21 09:00:00 2026 GMT
      notAfter=Feb 29 12:30:05 2028 GMT
      issuer=CN = Pebble Intermediate CA 1
      X509v3 Subject Alternative Name:
          DNS:shop.test, DNS:www.shop.test

      """)
    let facts = [CertificateState("shop.test"), CertificateState("other.test")]
    let values = try CertificateState.parse(output, for: facts)
    let found = try #require(values[facts[0]]?.certificate)
    #expect(found.notBefore == 1_795_251_600 && found.notAfter == 1_835_440_205)
    #expect(found.names == ["shop.test", "www.shop.test"])
    #expect(found.server == "https://localhost:14000/dir")
    #expect(values[facts[1]] == CertificateStatus(hasCertbot: true, now: 1_700_000_000))
  }
}
