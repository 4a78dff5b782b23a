public import MartletCore

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// What visitors of a site get, by every name that it has. The host itself asks, by Python.
///
///     var observes: SiteVisit { SiteVisit(names: ["shop.example"], path: "/", python: "/srv/shop/venv/bin/python") }
///
/// Each name is asked for by plain HTTP, as by somebody who types it in; redirects are followed, five at most, to
/// what this site serves itself. Names are connected to at 127.0.0.1, so that it is this host that is asked.
public struct SiteVisit: ProbedFact, CustomStringConvertible {
  public typealias Value = SiteAnswers

  /// How the site's certificate is judged.
  @frozen public enum Certificates: String, Sendable, Hashable {
    /// It must be trusted by browsers.
    case trusted = "public"
    /// It must be the name's, and valid today, whoever has signed it.
    case named
  }

  /// The names; none for the address that the host is reached by. `*.` stands for any name there.
  public let names: [String]
  /// What is asked for.
  public let path: String
  /// Whether the site is served by HTTPS; nil if not.
  public let certificates: Certificates?
  /// The folder with static files, one of which is asked for; nil for none.
  public let staticFolder: RemotePath?
  /// Where they are in URLs.
  public let staticURL: String
  /// A Python interpreter.
  public let python: RemotePath
  /// How long to wait for right answers after a change, in seconds.
  public let within: Int
  /// What the answers depend on.
  public let resources: [Resource]

  public init(
    names: [String], path: String = "/", certificates: Certificates? = nil, staticFolder: RemotePath? = nil,
    staticURL: String = "/static/", python: RemotePath, within: Int = 10, dependsOn resources: [Resource] = []
  ) {
    self.names = names
    self.path = path
    self.certificates = certificates
    self.staticFolder = staticFolder
    self.staticURL = staticURL
    self.python = python
    self.within = within
    self.resources = resources
  }

  public static let kind = "visit of the site"

  public var description: String { names.isEmpty ? "at the host's address" : names.joined(separator: ", ") }

  public var dependsOn: [Resource] { resources }

  private struct Query: Encodable {
    struct Static: Encodable {
      var folder: String
      var url: String
    }
    var names: [String]
    var path: String
    var certificate: String
    var tls: Bool
    var patience: Int
    var `static`: Static?

    enum CodingKeys: String, CodingKey { case names, path, certificate, tls, patience, `static` }

    func encode(to encoder: any Encoder) throws {
      var container = encoder.container(keyedBy: CodingKeys.self)
      try container.encode(names, forKey: .names)
      try container.encode(path, forKey: .path)
      try container.encode(certificate, forKey: .certificate)
      try container.encode(tls, forKey: .tls)
      try container.encode(patience, forKey: .patience)
      // Python reads the key whether there is a folder or not.
      try container.encode(`static`, forKey: .static)
    }
  }

  private func query(_ options: LookOptions) -> String {
    let query = Query(
      names: names, path: path, certificate: (certificates ?? .named).rawValue, tls: certificates != nil,
      patience: options.hasActed ? within : 0,
      static: staticFolder.map { .init(folder: $0.string, url: staticURL) })
    return (try? JSONEncoder().encode(query)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
  }

  public static func probe(_ facts: [Self], _ options: LookOptions) -> ShellCommand {
    ShellCommand(
      lines: facts.enumerated().map { index, fact in
        """
        ( echo "= \(index)"
        [ -x \(fact.python) ] || { echo "! python"; exit; }
        \(fact.python) -I -B -c \(SiteVisitScript.source) \(fact.query(options)) 2>&1 )
        """
      })
  }

  private struct Line: Decodable {
    struct Hop: Decodable {
      var url: String
      var status: Int?

      init(from decoder: any Decoder) throws {
        var container = try decoder.unkeyedContainer()
        url = try container.decode(String.self)
        status = try container.decodeNil() ? nil : container.decode(Int.self)
      }
    }
    var name: String?
    var error: String?
    var chain: [Hop]?
    var body: String?
    var debug: Bool?
    var file: String?
    var url: String?
    var status: Int?
    var same: Bool?
  }

  public static func parse(_ output: ProbeOutput, for facts: [Self]) throws -> [Self: SiteAnswers] {
    var values: [Self: SiteAnswers] = [:]
    var current: Self?
    var isWhole: Set<Self> = []
    var noise: [Self: [Substring]] = [:]
    for line in output.lines {
      if line.hasPrefix("= "), let index = Int(line.dropFirst(2)), facts.indices.contains(index) {
        current = facts[index]
        values[facts[index]] = SiteAnswers()
      } else if let fact = current, line == "! python" {
        values[fact]?.problem = "there is no \(fact.python) on the host to ask with"
        isWhole.insert(fact)
      } else if let fact = current, line.hasPrefix("martlet ") {
        guard let answer = try? JSONDecoder().decode(Line.self, from: Data(line.dropFirst(8).utf8)) else {
          throw FactError.malformed(kind, String(line.prefix(200)))
        }
        if let file = answer.file {
          values[fact]?.staticFile = .init(
            file: file, url: answer.url ?? "", status: answer.status, isSame: answer.same ?? false,
            error: answer.error)
        } else if let name = answer.name {
          values[fact]?.pages.append(
            .init(
              name: name, hops: (answer.chain ?? []).map { .init(url: $0.url, status: $0.status) },
              body: answer.body ?? "", isDebugPage: answer.debug ?? false, error: answer.error))
        } else {
          isWhole.insert(fact)
        }
      } else if let fact = current {
        noise[fact, default: []].append(line)
      }
    }
    for fact in facts where values[fact] != nil && !isWhole.contains(fact) {
      values[fact]?.problem =
        "the site could not be visited: " + (noise[fact] ?? []).suffix(3).joined(separator: "\n")
    }
    return values
  }
}

/// What a site answers.
public struct SiteAnswers: Sendable, Hashable {
  /// The answer to somebody who asks for a name.
  public struct Page: Sendable, Hashable {
    /// One request.
    public struct Hop: Sendable, Hashable {
      public var url: String
      /// The status; nil for a redirect's target that isn't this site's, and wasn't asked for.
      public var status: Int?

      public init(url: String, status: Int?) {
        self.url = url
        self.status = status
      }
    }
    public var name: String
    /// The first request, and those that redirects lead to.
    public var hops: [Hop]
    /// The beginning of the last answer's body.
    public var body: String
    /// Whether it is a page that Django shows with DEBUG on only.
    public var isDebugPage: Bool
    /// What went wrong; nil if there was an answer.
    public var error: String?

    public init(
      name: String, hops: [Hop] = [], body: String = "", isDebugPage: Bool = false, error: String? = nil
    ) {
      self.name = name
      self.hops = hops
      self.body = body
      self.isDebugPage = isDebugPage
      self.error = error
    }
  }

  /// The answer to a request for one static file.
  public struct StaticFile: Sendable, Hashable {
    public var file: String
    public var url: String
    public var status: Int?
    /// Whether what came is what the file holds.
    public var isSame: Bool
    public var error: String?

    public init(file: String, url: String, status: Int?, isSame: Bool, error: String? = nil) {
      self.file = file
      self.url = url
      self.status = status
      self.isSame = isSame
      self.error = error
    }
  }

  public var pages: [Page]
  /// Nil if there is none to ask for.
  public var staticFile: StaticFile?
  /// Why nothing could be asked; nil if it could.
  public var problem: String?

  public init(pages: [Page] = [], staticFile: StaticFile? = nil, problem: String? = nil) {
    self.pages = pages
    self.staticFile = staticFile
    self.problem = problem
  }
}
