public import MartletCore
public import MartletFacts

/// A site of nginx, in Debian's layout: a file in `sites-available`, a link to it in `sites-enabled`.
///
///     NginxSite(
///       "shop", domains: ["shop.example"], proxy: .unixSocket("/srv/shop/run/gunicorn.sock"),
///       locations: [NginxLocation("/static/", from: "/srv/shop/static")], tls: .certbot("shop.example"))
///     NginxSite("legacy", content: "server { … }\n")
///
/// The whole configuration is tested with the new site in a private copy before any of it goes live, so that
/// nginx can be restarted at any time. nginx then reads its configuration again; if an earlier run was
/// interrupted before that, the next one notices.
public struct NginxSite: HostTask {
  let name: String
  let content: Contents
  let configuration: NginxConfiguration?
  let removesDefault: Bool

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
    content = Contents(configuration.text)
  }

  /// A site whose file is written by hand.
  public init(_ name: String, content: Contents, removesDefault: Bool = false) {
    self.name = name
    self.content = content
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

  /// The stamp is taken before the reload, so that a change in the middle of it counts as not yet read.
  static let reloadScript: ShellCommand = """
    set -e
    mkdir -p \(stamp.parent)
    : >\(stamp).new
    nginx -t -q
    if [ -d /run/systemd/system ]; then systemctl reload-or-restart nginx
    elif nginx -s reload 2>/dev/null; then :
    else service nginx start; fi
    mv -f -- \(stamp).new \(stamp)
    """

  public var label: String { "nginx site \(name)" }

  public var observes: All<FileState, FileSum, FileState, SymbolicLink, FileState, ChangedSince> {
    // Not its certificate: whoever renews that reloads nginx himself.
    All(
      FileState(path), FileSum(path), FileState(path.parent), SymbolicLink(link), FileState(defaultLink),
      ChangedSince(
        stamp: Self.stamp, or: "/run/nginx.pid", watching: [.file(path), .file(link)]))
  }

  public func decide(
    given facts: (FileStatus, FileDigest?, FileStatus, String?, FileStatus, [String]?)
  ) -> Decision {
    let (found, digest, folder, target, defaultSite, changed) = facts
    guard folder.kind == .directory else {
      return .failed("there is no \(path.parent): place AptPackages(\"nginx\") before \(label)")
    }
    let writing = FileWriting(
      path: path, content: content, attributes: Ownership(mode: 0o644, owner: "root", group: "root"),
      validate: test)
    var actions: [Action] = []
    switch writing.decide(found: found, digest: digest, folder: folder) {
    case .unchanged: break
    case .change(let writes): actions = writes
    case let other: return other
    }
    if removesDefault, defaultSite.exists {
      actions.append(
        .run(
          "rm -f -- \(defaultLink)", summary: "switch the default site off",
          changes: [.removed("\(defaultLink)")], touches: [.path(defaultLink)]))
    }
    if target != path.string {
      let change: Change =
        target.map { .modified("\(link): \($0) → \(path)") } ?? .added("\(link) → \(path)")
      actions.append(
        .run(
          "ln -sfnT -- \(path) \(link)", summary: "enable the site \(name)",
          changes: [change], touches: [.path(link)]))
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
    let size = configuration.maxBodySize
    if !size.drop(while: \.isNumber).allSatisfy({ "kKmMgG".contains($0) }) || size.first?.isNumber != true {
      throw InvalidTask("\"\(size)\" is no size for nginx: write a number and k, m or g, as in \"20m\"")
    }
    for location in configuration.locations {
      if !location.prefix.hasPrefix("/") || !location.prefix.hasSuffix("/") || location.prefix == "/" {
        throw InvalidTask("the location \"\(location.prefix)\" must begin and end with a slash: \"/static/\"")
      }
      if location.prefix.contains(where: { " ;{}\"'\\\n$".contains($0) }) {
        throw InvalidTask(
          "the location \"\(location.prefix)\" has a character in it that nginx would misread")
      }
    }
    var paths = configuration.locations.map(\.folder)
    if case .unixSocket(let path) = configuration.upstream { paths.append(path) }
    if let tls = configuration.tls { paths += [tls.certificate, tls.key] }
    paths += [configuration.acmeWebroot].compactMap { $0 }
    for path in paths where path.string.contains(where: { "\"\\$;{}".contains($0) }) {
      throw InvalidTask("the path \(path) has a character in it that nginx would misread")
    }
  }

  private var path: RemotePath { Self.folder / "sites-available" / name }
  private var link: RemotePath { Self.folder / "sites-enabled" / name }
  private var defaultLink: RemotePath { Self.folder / "sites-enabled/default" }

  /// Tests the whole configuration with the new site, in a copy whose files include only one another.
  private var test: ShellCommand {
    """
    new=$1
    copy=$MARTLET_TMP/nginx-test
    rm -rf -- "$copy"
    mkdir -p -- "$copy"
    cp -RL -- \(Self.folder)/. "$copy/" 2>/dev/null
    \(raw: removesDefault ? "rm -f -- \"$copy/sites-enabled/default\"" : ":")
    rm -f -- "$copy/sites-enabled/"\(name)
    cp -- "$new" "$copy/sites-enabled/"\(name)
    find "$copy" -type f -exec sed -i "s|\(raw: Self.folder.string)/|$copy/|g" {} +
    nginx -t -q -c "$copy/nginx.conf" >"$copy/output" 2>&1
    status=$?
    sed "s|$copy/|\(raw: Self.folder.string)/|g" "$copy/output"
    rm -rf -- "$copy"
    exit $status
    """
  }
}

/// The rules for the names of sites (RFC 1123, section 2.1).
enum DomainName {
  /// - Throws: ``InvalidTask`` that says what is wrong with the name.
  static func check(_ name: String, allowsWildcard: Bool = false) throws {
    var labels = name.split(separator: ".", omittingEmptySubsequences: false)
    if allowsWildcard, labels.first == "*", labels.count > 1 { labels.removeFirst() }
    let isRight =
      name.count <= 253
      && labels.allSatisfy { label in
        (1...63).contains(label.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
          && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
      }
    if !isRight {
      throw InvalidTask(
        "\"\(name)\" is no domain name: letters, digits and hyphens, with dots between, and nothing else")
    }
  }
}
