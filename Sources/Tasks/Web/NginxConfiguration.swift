public import MartletCore

/// Where nginx passes requests on to.
@frozen public enum NginxUpstream: Sendable, Hashable {
  /// A Unix socket, as gunicorn's `--bind unix:PATH`.
  case unixSocket(RemotePath)
  /// A port of this host.
  case port(Int)
  /// Nowhere: what isn't a file is not found.
  case none
}

/// A folder that nginx serves by itself.
public struct NginxLocation: Sendable, Hashable {
  /// How long a browser may keep a file without asking again.
  @frozen public enum Lifetime: Sendable, Hashable {
    /// For a year where the name has a hash of the contents in it (`app.0f3c8a1b2d4e.css`, as Django's
    /// `ManifestStaticFilesStorage` and bundlers write them), a short while for other names.
    case hashedNames
    /// This many seconds.
    case seconds(Int)
  }

  let prefix: String
  let folder: RemotePath
  let lifetime: Lifetime
  let isUntrusted: Bool
  let followsLinks: Bool

  /// nginx's processes may read what the folder's owner can't: so a symbolic link in the folder leads to a file only if
  /// both have the same owner (`disable_symlinks if_not_owner`), or whoever can write there could publish the files of
  /// others.
  ///
  /// - Parameters:
  ///   - prefix: The beginning of the paths in URLs: `/static/`.
  ///   - folder: The folder on the host, readable by nginx's user.
  ///   - lifetime: How long a browser may keep a file.
  ///   - isUntrusted: Whether visitors upload the files: then no browser is to run any of them.
  ///   - followsLinks: Whether links in the folder may lead to the files of other owners too, as where root's links lead to
  ///     the application's files. Only for folders in which nobody makes links whom you would not show all that nginx can
  ///     read.
  public init(
    _ prefix: String, from folder: RemotePath, lifetime: Lifetime = .hashedNames, isUntrusted: Bool = false,
    followsLinks: Bool = false
  ) {
    self.prefix = prefix
    self.folder = folder
    self.lifetime = lifetime
    self.isUntrusted = isUntrusted
    self.followsLinks = followsLinks
  }

  /// nginx's line about links in the folder; the way to the folder itself may have some.
  fileprivate var links: [String] {
    followsLinks ? [] : ["disable_symlinks if_not_owner \"from=\(folder.string)\";"]
  }
}

/// The certificate of a site, and how HTTPS is insisted on.
public struct NginxTLS: Sendable, Hashable {
  let certificate: RemotePath
  let key: RemotePath
  let strictTransportSeconds: Int

  /// A certificate in two PEM files.
  ///
  /// - Parameter strictTransportSeconds: For how long browsers are to refuse plain HTTP for the site
  ///   (RFC 6797); 0 to leave it out.
  public init(certificate: RemotePath, key: RemotePath, strictTransportSeconds: Int = 31_536_000) {
    self.certificate = certificate
    self.key = key
    self.strictTransportSeconds = strictTransportSeconds
  }

  /// The certificate that ``Certificate`` keeps under a name.
  public static func certbot(_ name: String, strictTransportSeconds: Int = 31_536_000) -> NginxTLS {
    let folder = Certificate.folder(name)
    return NginxTLS(
      certificate: folder / "fullchain.pem", key: folder / "privkey.pem",
      strictTransportSeconds: strictTransportSeconds)
  }
}

/// The text of a site, as nginx reads it (nginx's documentation, ngx_http_core_module).
struct NginxConfiguration: Sendable {
  var name: String
  var serverNames: [String]
  var upstream: NginxUpstream
  var locations: [NginxLocation]
  var tls: NginxTLS?
  var acmeWebroot: RemotePath?
  var redirectsToHTTPS: Bool
  var isDefault: Bool
  var maxBodySize: String
  var extra: String

  /// Whether it listens for IPv6 too: on a host without it, nginx doesn't start with such a line.
  var hasIPv6 = true

  private static let header = "# Written by Martlet. Changes made here are overwritten.\n"

  var text: String {
    var text = Self.header
    let upstreamName = prefix
    switch redirectsToHTTPS ? .none : upstream {
    case .unixSocket(let path):
      text += "upstream \(upstreamName) {\n    server \(quoted("unix:" + path.string)) fail_timeout=0;\n}\n\n"
    case .port(let port):
      text += "upstream \(upstreamName) {\n    server 127.0.0.1:\(port) fail_timeout=0;\n}\n\n"
    case .none: break
    }
    if !redirectsToHTTPS { text += maps }
    text += "server {\n"
    let flag = isDefault ? " default_server" : ""
    for address in hasIPv6 ? ["", "[::]:"] : [""] {
      text += "    listen \(address)\(tls == nil ? "80" : "443 ssl http2")\(flag);\n"
    }
    text += "    server_name \(serverNames.isEmpty ? "_" : serverNames.joined(separator: " "));\n"
    text += "    server_tokens off;\n"
    if let tls { text += self.text(of: tls) }
    if let acmeWebroot {
      text += """

            location ^~ /.well-known/acme-challenge/ {
                root \(quoted(acmeWebroot.string));
                default_type text/plain;
            }

        """
    }
    if redirectsToHTTPS {
      text += "\n    location / {\n        return 301 https://$host$request_uri;\n    }\n}\n"
      return text
    }
    text += "    client_max_body_size \(maxBodySize);\n\n"
    text += headers.map { "    \($0)\n" }.joined()
    for location in locations { text += self.text(of: location) }
    if upstream != .none {
      text += """

            location / {
                proxy_pass http://\(upstreamName);
                proxy_http_version 1.1;
                proxy_set_header Host $host;
                proxy_set_header X-Real-IP $remote_addr;
                proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
                proxy_set_header X-Forwarded-Proto $scheme;
                proxy_set_header Connection "";
                proxy_redirect off;
            }

        """
    }
    for line in extra.split(separator: "\n", omittingEmptySubsequences: false) where !extra.isEmpty {
      text += line.isEmpty ? "\n" : "    \(line)\n"
    }
    return text + "}\n"
  }

  /// The header fields that every answer gets, unless the application has set its own.
  private var securityFields: [(field: String, variable: String, value: String)] {
    var fields = [
      ("X-Content-Type-Options", "nosniff", "nosniff"),
      ("X-Frame-Options", "frame", "SAMEORIGIN"),
      ("Referrer-Policy", "referrer", "strict-origin-when-cross-origin"),
    ]
    if let tls, tls.strictTransportSeconds > 0 {
      fields.append(("Strict-Transport-Security", "hsts", "max-age=\(tls.strictTransportSeconds)"))
    }
    return fields
  }

  private var prefix: String {
    "martlet_" + name.map { $0.isLetter || $0.isNumber ? String($0) : "_" }.joined()
  }

  /// nginx leaves out a field whose value is empty: so the application's own is not doubled.
  private var maps: String {
    securityFields.map { field, variable, value in
      let upstream = "$upstream_http_" + field.lowercased().replacing("-", with: "_")
      return "map \(upstream) $\(prefix)_\(variable) {\n    default \"\";\n    \"\" \"\(value)\";\n}\n\n"
    }.joined()
  }

  /// A location with an `add_header` of its own inherits none, so they are repeated there.
  private var headers: [String] {
    securityFields.map { "add_header \($0.field) $\(prefix)_\($0.variable) always;" }
  }

  /// The protocols and ciphers of Mozilla's "intermediate" recommendation, version 5.7.
  private func text(of tls: NginxTLS) -> String {
    """

        ssl_certificate \(quoted(tls.certificate.string));
        ssl_certificate_key \(quoted(tls.key.string));
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
    ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305;
        ssl_prefer_server_ciphers off;
        ssl_session_timeout 1d;
        ssl_session_cache shared:martlet_tls:10m;
        ssl_session_tickets off;

    """
  }

  private func text(of location: NginxLocation) -> String {
    if location.prefix == "/" { return textOfRoot(location) }
    var location = location
    var extra: [String] = headers
    if location.isUntrusted {
      extra.append("add_header Content-Security-Policy \"default-src 'none'; sandbox\" always;")
      if location.lifetime == .hashedNames {
        location = NginxLocation(
          location.prefix, from: location.folder, lifetime: .seconds(3600), isUntrusted: true)
      }
    }
    // The location inside of this one inherits it.
    let links = location.links.map { "        \($0)\n" }.joined()
    let seconds: Int = if case .seconds(let seconds) = location.lifetime { seconds } else { 300 }
    let lines = extra.map { "        \($0)\n" }.joined()
    var text = """

          location ^~ \(location.prefix) {
              alias \(quoted(location.folder.string + "/"));
      \(links)        add_header Cache-Control "public, max-age=\(seconds)";
      \(lines)
      """
    if location.lifetime == .hashedNames {
      let indented = extra.map { "            \($0)\n" }.joined()
      let pattern = RegexText.escaped(location.prefix)
      text += """

                location ~ "^\(pattern)(.+\\.[0-9a-f]{8,64}\\.[A-Za-z0-9.]+)$" {
                    alias \(quoted(location.folder.string + "/$1"));
                    add_header Cache-Control "public, max-age=31536000, immutable";
        \(indented)            access_log off;
                }

        """
    }
    return text + "    }\n"
  }

  /// A site of files alone. Hidden files are none of it: a `.git` or `.env` that came along is nobody's business.
  private func textOfRoot(_ location: NginxLocation) -> String {
    var fields = headers
    if location.isUntrusted {
      fields.append("add_header Content-Security-Policy \"default-src 'none'; sandbox\" always;")
    }
    let seconds: Int = if case .seconds(let seconds) = location.lifetime { seconds } else { 300 }
    func lines(_ indent: String) -> String { fields.map { "\(indent)\($0)\n" }.joined() }
    var text = """

          root \(quoted(location.folder.string));
      \(location.links.map { "    \($0)\n" }.joined())    index index.html;

          location / {
              try_files $uri $uri/ =404;
              add_header Cache-Control "public, max-age=\(seconds)";
      \(lines("        "))    }

          location ~ "/\\.(?!well-known/)" {
              return 404;
          }

      """
    if location.lifetime == .hashedNames, !location.isUntrusted {
      text += """

            location ~ "\\.[0-9a-f]{8,64}\\.[A-Za-z0-9.]+$" {
                add_header Cache-Control "public, max-age=31536000, immutable";
        \(lines("        "))        access_log off;
            }

        """
    }
    return text
  }

  /// The server names' hash in nginx has room for a name of 46 characters; what a longer one needs (its source,
  /// `ngx_hash.c`: the name, two bytes and three words, in a bucket of a power of two). Nil if it needs nothing.
  var hashBucketSize: Int? {
    let longest = serverNames.map(\.utf8.count).max() ?? 0
    let needed = 8 + (longest + 2 + 7) / 8 * 8 + 8
    return [128, 256, 512].first { $0 >= needed }.flatMap { needed > 64 ? $0 : nil }
  }

  private func quoted(_ text: String) -> String { "\"\(text)\"" }
}

/// What a literal text looks like in a regular expression.
private enum RegexText {
  static func escaped(_ text: String) -> String {
    text.map { $0.isLetter || $0.isNumber || "/_-".contains($0) ? String($0) : "\\\($0)" }.joined()
  }
}
