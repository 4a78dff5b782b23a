public import MartletCore
public import MartletFacts

/// A site of nginx, in Debian's layout: a file in `sites-available`, a link to it in `sites-enabled`.
///
///     NginxSite(
///       "shop", domains: ["shop.example"], proxy: .unixSocket("/srv/shop/run/gunicorn.sock"),
///       locations: [NginxLocation("/static/", from: "/srv/shop/static")], tls: .certbot("shop.example"))
///     NginxSite("docs", domains: ["docs.example"], locations: [NginxLocation("/", from: "/var/www/docs")])
///     NginxSite("legacy", content: "server { … }\n")
///
/// The whole configuration is tested with the new site in a private copy before any of it goes live, so that
/// nginx can be restarted at any time. nginx then reads its configuration again; if an earlier run was
/// interrupted before that, the next one notices. What nginx warns of is a warning of the task; names that another
/// site has already are an error, as nginx would never use the second one.
///
/// The site listens for IPv6 where the host has that. For long names nginx's hash of server names is made larger, in
/// `/etc/nginx/conf.d/martlet-server-names.conf`.
public struct NginxSite: HostTask {
  let name: String
  private let text: Contents?
  let configuration: NginxConfiguration?
  let removesDefault: Bool
  /// A site that stops answering on port 80 later in the same run: that it has the same names still is no conflict.
  private var successor: String?

  /// - Parameters:
  ///   - name: The name of its file: letters, digits and `_ . -`.
  ///   - domains: The names that it answers to; none for any.
  ///   - upstream: Where requests are passed on to.
  ///   - locations: Folders that nginx serves by itself.
  ///   - tls: Its certificate: it then listens on port 443 only. A second site, with `redirectsToHTTPS`,
  ///     answers on port 80.
  ///   - acmeWebroot: The folder of a ``Certificate``'s challenges, served on port 80.
  ///   - redirectsToHTTPS: Whether all else is sent to the same address with `https`.
  ///   - isDefault: Whether it answers requests for names that no site has.
  ///   - maxBodySize: The largest request, as nginx writes it: `20m`.
  ///   - extra: Further directives for the `server` block.
  ///   - removesDefault: Whether the default site of the distribution is switched off.
  public init(
    _ name: String, domains: [String] = [], proxy upstream: NginxUpstream = .none,
    locations: [NginxLocation] = [], tls: NginxTLS? = nil, acmeWebroot: RemotePath? = nil,
    redirectsToHTTPS: Bool = false, isDefault: Bool = false, maxBodySize: String = "10m",
    extra: String = "", removesDefault: Bool = false
  ) {
    let configuration = NginxConfiguration(
      name: name, serverNames: domains, upstream: upstream, locations: locations, tls: tls,
      acmeWebroot: acmeWebroot, redirectsToHTTPS: redirectsToHTTPS, isDefault: isDefault,
      maxBodySize: maxBodySize, extra: extra)
    self.name = name
    self.configuration = configuration
    self.removesDefault = removesDefault
    text = nil
  }

  /// A site whose file is written by hand.
  public init(_ name: String, content: Contents, removesDefault: Bool = false) {
    self.name = name
    text = content
    self.removesDefault = removesDefault
    configuration = nil
  }

  /// Makes nginx read its configuration again, if that is without errors. A handler for other tasks: a site
  /// that has changed needs none.
  public static let reload = Handler(
    "reload nginx", [.run(reloadScript, summary: "reload nginx", touches: [.service("nginx")])])

  /// The folder that holds what nginx reads.
  static let folder: RemotePath = "/etc/nginx"
  static let stamp: RemotePath = "/run/martlet/nginx"
  /// What nginx said of the configuration that it read last.
  static let said: RemotePath = "/run/martlet/nginx.said"
  /// Room for long names, for all sites together: nginx takes the directive once.
  static let nameBuckets: RemotePath = "/etc/nginx/conf.d/martlet-server-names.conf"

  /// The stamp is taken before the reload, so that a change in the middle of it counts as not yet read.
  static let reloadScript: ShellCommand = """
    set -e
    mkdir -p \(stamp.parent)
    : >\(stamp).new
    nginx -t -q >\(said) 2>&1 || { cat \(said); exit 1; }
    if [ -d /run/systemd/system ]; then systemctl reload-or-restart nginx
    elif nginx -s reload 2>/dev/null; then :
    else service nginx start; fi
    mv -f -- \(stamp).new \(stamp)
    """

  public var label: String { "nginx site \(name)" }

  /// The same site, as the one for port 80 of a site that has been there itself until now.
  func making(wayFor name: String) -> NginxSite {
    var site = self
    site.successor = name
    return site
  }

  /// What the site's file holds.
  func content(hasIPv6: Bool) -> Contents {
    guard var configuration else { return text ?? "" }
    configuration.hasIPv6 = hasIPv6
    return Contents(configuration.text)
  }

  /// What is found about the files of the site.
  public typealias Files = All<FileState, FileSum, FileState, SymbolicLink, FileState, ChangedSince>

  public var observes: All<Files, IPv6Support, Each<NginxNameBuckets>, NginxWarnings> {
    // Not its certificate: whoever renews that reloads nginx himself.
    All(
      All(
        FileState(path), FileSum(path), FileState(path.parent), SymbolicLink(link), FileState(defaultLink),
        ChangedSince(
          stamp: Self.stamp, or: "/run/nginx.pid", watching: [.file(path), .file(link)])),
      IPv6Support(), Each(configuration?.hashBucketSize == nil ? [] : [NginxNameBuckets()]),
      NginxWarnings(from: Self.said))
  }

  public func decide(
    given facts: (
      (FileStatus, FileDigest?, FileStatus, String?, FileStatus, [String]?), Bool, [[RemotePath: Int]],
      [String]
    )
  ) -> Decision {
    let ((found, digest, folder, target, defaultSite, changed), hasIPv6, buckets, _) = facts
    guard folder.kind == .directory else {
      return .failed("there is no \(path.parent): place AptPackages(\"nginx\") before \(label)")
    }
    let writing = FileWriting(
      path: path, content: content(hasIPv6: hasIPv6),
      attributes: Ownership(mode: 0o644, owner: "root", group: "root"), validate: test)
    var actions: [Action] = []
    switch roomForNames(buckets.first ?? [:]) {
    case .change(let more): actions = more
    case .unchanged: break
    case let other: return other
    }
    switch writing.decide(found: found, digest: digest, folder: folder) {
    case .unchanged: break
    case .change(let writes): actions += writes
    case let other: return other
    }
    if removesDefault, defaultSite.exists {
      actions.append(
        .remove(defaultLink, changes: [.removed("\(defaultLink)")]).summarized("switch the default site off"))
    }
    if target != path.string {
      let change: Change =
        target.map { .modified("\(link): \($0) → \(path)") } ?? .added("\(link) → \(path)")
      actions.append(
        .link(link, to: path.string, changes: [change]).summarized("enable the site \(name)"))
    }
    // Nil: nginx has never run, and reads the site when it starts.
    let isRead = changed.map(\.isEmpty) ?? false
    if !actions.isEmpty || !isRead {
      actions.append(
        .run(
          Self.reloadScript, summary: "reload nginx",
          changes: actions.isEmpty
            ? [.modified("nginx has not read \(changed?.first ?? "the site") yet")] : [],
          touches: [.service("nginx")]))
    }
    return Decision(actions)
  }

  /// Never makes the buckets smaller: other sites may need them.
  private func roomForNames(_ found: [RemotePath: Int]) -> Decision {
    guard let needed = configuration?.hashBucketSize else { return .unchanged }
    if let (file, size) = found.first(where: { $0.key != Self.nameBuckets }) {
      if size >= needed { return .unchanged }
      return .failed(
        "a name of the site \(name) is too long for nginx's server_names_hash_bucket_size of \(size), which \(file) sets: "
          + "make it \(needed) there, or remove it, and Martlet will set it")
    }
    let old = found[Self.nameBuckets] ?? 0
    if old >= needed { return .unchanged }
    let text: Contents =
      "# Written by Martlet, for long names of sites.\nserver_names_hash_bucket_size \(needed);\n"
    return [
      .write(
        text, to: Self.nameBuckets, mode: 0o644, owner: "root", group: "root",
        validate: WholeConfiguration.nginx.check(of: Self.nameBuckets),
        changes: [.modified("nginx's room for server names: \(old == 0 ? "as it is" : "\(old)") → \(needed)")]
      )
    ]
  }

  public func warnings(
    given facts: (
      (FileStatus, FileDigest?, FileStatus, String?, FileStatus, [String]?), Bool, [[RemotePath: Int]],
      [String]
    )
  ) -> [String] {
    let own = [path.string + ":", link.string + ":"]
    return facts.3.filter { warning in
      // Written so that nginx before 1.25.1 understands it too.
      if warning.contains("\"listen ... http2\" directive is deprecated") { return false }
      // The maps of Martlet's own sites fill it; it only makes nginx's start longer.
      if warning.contains("could not build optimal variables_hash") { return false }
      if warning.contains("conflicting server name"), let names = configuration?.serverNames {
        return (names.isEmpty ? ["_"] : names).contains { warning.contains("\"\($0)\"") }
      }
      return !warning.contains(" in /etc/nginx/sites-") || own.contains { warning.contains($0) }
    }.map { "nginx: \($0)" }
  }

  public func validate() throws {
    let isName =
      name.first.map { $0.isLetter || $0.isNumber } == true
      && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_.-".contains($0)) }
    if !isName {
      throw InvalidTask("\"\(name)\" can't be a site's name: letters, digits and _ . - only")
    }
    guard let configuration else { return }
    for domain in configuration.serverNames { try DomainName.check(domain, allowsWildcard: true) }
    if configuration.redirectsToHTTPS, configuration.tls != nil {
      throw InvalidTask("the site \(name) listens on port 443 only, and can't redirect to itself")
    }
    if case .port(let port) = configuration.upstream, !(1...65535).contains(port) {
      throw InvalidTask("\(port) is no port")
    }
    // Digits, and perhaps a unit: nginx's documentation, "Configuration file measurement units".
    let size = configuration.maxBodySize.utf8
    let digits = size.prefix { (0x30...0x39).contains($0) }
    let unit = size.dropFirst(digits.count)
    if digits.isEmpty || unit.count > 1 || !unit.allSatisfy({ "kKmMgG".utf8.contains($0) }) {
      throw InvalidTask(
        "\"\(configuration.maxBodySize)\" is no size for nginx: write a number and k, m or g, as in \"20m\"")
    }
    for location in configuration.locations { try check(location, in: configuration) }
    var paths = configuration.locations.map(\.folder)
    if case .unixSocket(let path) = configuration.upstream { paths.append(path) }
    if let tls = configuration.tls { paths += [tls.certificate, tls.key] }
    paths += [configuration.acmeWebroot].compactMap { $0 }
    for path in paths where Self.isMisread(path.string, apartFrom: " '") {
      throw InvalidTask("the path \(path) has a character in it that nginx would misread")
    }
  }

  private func check(_ location: NginxLocation, in configuration: NginxConfiguration) throws {
    let prefix = location.prefix
    if prefix == "/", configuration.upstream != .none {
      throw InvalidTask(
        "the site \(name) has a proxy for all that no other location serves, and the location \"/\" would be for the "
          + "same: name a folder of its own for the files, as \"/static/\", or leave proxy: out")
    }
    if !prefix.utf8.starts(with: "/".utf8) || prefix.utf8.last != UInt8(ascii: "/") {
      throw InvalidTask("the location \"\(prefix)\" must begin and end with a slash: \"/static/\"")
    }
    if Self.isMisread(prefix) {
      throw InvalidTask(
        "the location \(prefix.debugDescription) has a character in it that nginx would misread")
    }
    if location.isUntrusted, location.followsLinks {
      throw InvalidTask(
        "the location \"\(prefix)\" is of files that visitors upload: leave followsLinks: out, or a link among them "
          + "could show any file that nginx can read")
    }
    if case .seconds(let seconds) = location.lifetime, seconds < 0 {
      throw InvalidTask("the lifetime of the location \"\(prefix)\" is negative")
    }
  }

  /// Whether nginx would see more in a text than itself. By code points: to Swift a quote with an accent after it is
  /// another character than a quote.
  private static func isMisread(_ text: String, apartFrom allowed: String = "") -> Bool {
    text.unicodeScalars.contains { scalar in
      if allowed.unicodeScalars.contains(scalar) { return false }
      return scalar.value < 0x20 || scalar.value == 0x7f || " ;{}\"'\\$#".unicodeScalars.contains(scalar)
    }
  }

  private var path: RemotePath { Self.folder / "sites-available" / name }
  private var link: RemotePath { Self.folder / "sites-enabled" / name }
  private var defaultLink: RemotePath { Self.folder / "sites-enabled/default" }

  /// Tests the whole configuration with the new site, and that nginx doesn't pass the site over.
  private var test: ShellCommand {
    let names = configuration?.serverNames ?? []
    return WholeConfiguration.nginx.check(
      of: path, at: [link], without: removesDefault ? [defaultLink] : [],
      further: """
        later=\(successor.map { Self.folder.string + "/sites-enabled/" + $0 } ?? "")
        [ -z "$later" ] || try "$new"
        if grep -q 'conflicting server name' "$room/said"; then
        mv -- "$room/said" "$room/new"
        try ''
        if [ "$(grep -c 'conflicting server name' "$room/new")" -gt "$(grep -c 'conflicting server name' "$room/said")" ]
        then
        grep 'conflicting server name' "$room/new"
        echo \("another site has names of the site \(name) already, and nginx would ignore the second one:")
        for file in \(Self.folder)/sites-enabled/* \(Self.folder)/conf.d/*.conf; do
        [ "$file" != \(link) ] || continue
        for name in \(names.isEmpty ? ["_"] : names); do
        if sed -n 's/^[[:space:]]*server_name[[:space:]]//p' "$file" 2>/dev/null | tr -s ' \t;' '\n' |
        grep -qixF -e "$name"; then echo "  $name is in $file"; fi
        done
        done
        echo "Remove it there before this task, or take the name away here."
        exit 1
        fi
        fi
        """)
  }
}
