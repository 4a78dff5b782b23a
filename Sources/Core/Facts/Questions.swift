/// The facts that are wanted from one host, each once, merged by kind.
public struct Questions: Sendable {
  /// All the facts of one kind, with what is needed to ask for them and to read the answer.
  package struct Kind: Sendable {
    package let name: String
    package fileprivate(set) var facts: [FactKey] = []
    package let probe: @Sendable ([FactKey], LookOptions) -> ShellCommand
    package let parse: @Sendable (ProbeOutput, [FactKey]) throws -> [FactKey: any Sendable]
  }

  /// In the order in which each kind was first asked for.
  package private(set) var kinds: [Kind] = []
  private var indices: [ObjectIdentifier: Int] = [:]
  private var seen: Set<FactKey> = []

  public init() {}

  /// Adds one fact; a fact that is there already is not asked for twice.
  public mutating func add<F: ProbedFact>(_ fact: F) {
    let key = FactKey(fact)
    guard seen.insert(key).inserted else { return }
    let index = indices[ObjectIdentifier(F.self)] ?? kinds.count
    if index == kinds.count {
      indices[ObjectIdentifier(F.self)] = index
      kinds.append(
        Kind(
          name: F.kind,
          probe: { F.probe($0.compactMap { $0.fact as? F }, $1) },
          parse: { output, keys in
            let values = try F.parse(output, for: keys.compactMap { $0.fact as? F })
            return Dictionary(uniqueKeysWithValues: values.map { (FactKey($0.key), $0.value) })
          }))
    }
    kinds[index].facts.append(key)
  }

  /// Every fact that was asked for.
  package var facts: [FactKey] { kinds.flatMap(\.facts) }
}

/// A fact of any kind, as the key of its answer.
public struct FactKey: Hashable, Sendable {
  package let fact: any ProbedFact
  private let kind: ObjectIdentifier

  public init<F: ProbedFact>(_ fact: F) {
    self.fact = fact
    kind = ObjectIdentifier(F.self)
  }

  public static func == (first: FactKey, second: FactKey) -> Bool {
    func equals<F: ProbedFact>(_ fact: F) -> Bool { fact == second.fact as? F }
    return first.kind == second.kind && equals(first.fact)
  }

  public func hash(into hasher: inout Hasher) {
    hasher.combine(kind)
    fact.hash(into: &hasher)
  }
}

/// What a host answered, fact by fact.
public struct Answers: Sendable {
  private var values: [FactKey: Result<any Sendable, any Error>] = [:]

  public init() {}

  /// The value of one fact.
  ///
  /// - Throws: ``FactError`` if the host didn't answer, or what went wrong when its answer was read.
  public func value<F: ProbedFact>(of fact: F) throws -> F.Value {
    guard let result = values[FactKey(fact)] else {
      throw fact.silence.map(FactError.hidden) ?? FactError.notAnswered(F.kind, "\(fact)")
    }
    guard let value = try result.get() as? F.Value else { throw FactError.notAnswered(F.kind, "\(fact)") }
    return value
  }

  /// Sets what is known of a fact; tests and predictions use it too.
  public mutating func set<F: ProbedFact>(_ fact: F, to value: F.Value) {
    values[FactKey(fact)] = .success(value)
  }

  package mutating func set(_ key: FactKey, to result: Result<any Sendable, any Error>) {
    values[key] = result
  }

  /// Takes over all of another set of answers; they win over what was known.
  package mutating func merge(_ other: Answers) { values.merge(other.values) { $1 } }
}

/// Why a fact is not known.
public enum FactError: Error, CustomStringConvertible {
  /// The host's answer has nothing about this fact.
  case notAnswered(String, String)
  /// The host can't say; the text tells why.
  case hidden(String)
  /// The host's answer can't be understood.
  case malformed(String, String)

  public var description: String {
    switch self {
    case .notAnswered(let kind, let fact): "the host said nothing about the \(kind) \(fact)"
    case .hidden(let why): why
    case .malformed(let kind, let text): "the host's answer about the \(kind) makes no sense: \(text)"
    }
  }
}

/// The bytes that a probe printed.
public struct ProbeOutput: Sendable {
  /// The bytes as they came; a host is not trusted to send UTF-8.
  public let bytes: [UInt8]

  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  public init(_ text: String) { bytes = Array(text.utf8) }

  /// The output as text; what is not UTF-8 shows as U+FFFD.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The lines, without their line breaks; empty lines stay, but for the one after the last line break.
  ///
  /// They are cut by bytes: for Swift a carriage return and the line break after it are one character, and so are a
  /// line break and an accent.
  public var lines: [Substring] { byteLines.map { Substring(String(decoding: $0, as: UTF8.self)) } }

  /// The lines as they came, likewise.
  public var byteLines: [ArraySlice<UInt8>] {
    var lines = bytes.split(separator: 0x0a, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    return lines
  }
}
