public import MartletCore

/// A site of nginx with a certificate, on a server that may have neither yet.
///
///     HTTPSSite(
///       "shop", domains: ["shop.example"], proxy: .unixSocket("/srv/shop/run/gunicorn.sock"),
///       email: "ops@shop.example")
///
/// nginx doesn't start with a site whose certificate is missing, and the certificate isn't issued without nginx.
/// So there are two sites: one on port 80, which serves the challenges and sends all else to HTTPS, and needs no
/// certificate; and the site itself, on port 443, which comes after the certificate. All of it is one pass.
public struct HTTPSSite: CompositeTask {
  let name: String
  let domains: [String]
  let upstream: NginxUpstream
  let locations: [NginxLocation]
  let certificate: Certificate
  let isDefault: Bool
  let maxBodySize: String
  let extra: String
  let removesDefault: Bool

  /// - Parameters:
  ///   - name: The name of its file; the one for port 80 has `-http` after it.
  ///   - domains: The names that it answers to, all in one certificate.
  ///   - upstream: Where requests are passed on to.
  ///   - locations: Folders that nginx serves by itself.
  ///   - email: Whom the ACME server may write to; nil for nobody.
  ///   - server: Who issues the certificate.
  ///   - isDefault: Whether it answers requests for names that no site has.
  ///   - maxBodySize: The largest request, as nginx writes it: `20m`.
  ///   - extra: Further directives for the `server` block of port 443.
  ///   - removesDefault: Whether the default site of the distribution is switched off.
  public init(
    _ name: String, domains: [String], proxy upstream: NginxUpstream = .none,
    locations: [NginxLocation] = [], email: String?, server: ACMEServer = .production,
    isDefault: Bool = false, maxBodySize: String = "10m", extra: String = "", removesDefault: Bool = false
  ) {
    self.name = name
    self.domains = domains
    self.upstream = upstream
    self.locations = locations
    certificate = Certificate(domains, email: email, server: server)
    self.isDefault = isDefault
    self.maxBodySize = maxBodySize
    self.extra = extra
    self.removesDefault = removesDefault
  }

  public var body: Steps {
    NginxSite(
      name + "-http", domains: domains, acmeWebroot: certificate.webroot, redirectsToHTTPS: true,
      isDefault: isDefault, removesDefault: removesDefault
    ).making(wayFor: name)
    certificate
    NginxSite(
      name, domains: domains, proxy: upstream, locations: locations, tls: .certbot(certificate.name),
      isDefault: isDefault, maxBodySize: maxBodySize, extra: extra)
  }
}
