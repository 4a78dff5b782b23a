/// One reading of the files for one host: which blocks apply, and what they set.
struct Evaluation {
  let sources: ConfigSources
  let commands: MatchCommands
  let machine: Machine
  /// The name that `Host` lines are compared with: as typed, and in the final pass what it has become.
  let host: String
  let original: String
  let isFinal: Bool

  /// - Parameters:
  ///   - isNever: the file is included by a block that doesn't apply: nothing in it does.
  ///   - isUsers: whether the file is one of the user's.
  func read(
    _ file: ConfigFile, into settings: inout Settings, isNever: Bool = false, isUsers: Bool
  ) async throws(SSHConfigError) {
    var isActive = !isNever
    for block in file.blocks {
      switch block.condition {
      case .inherited: break
      case .host(let patterns): isActive = isNever ? false : try applies(patterns, at: block.origin)
      case .match(let line):
        let applies = try await applies(line, &settings, isNever: isNever, at: block.origin)
        isActive = applies && !isNever
      }
      if isActive {
        for statement in block.statements {
          try await take(statement, into: &settings, isActive: true, isUsers: isUsers)
        }
      } else {
        for index in block.unconditional {
          try await take(block.statements[index], into: &settings, isActive: false, isUsers: isUsers)
        }
      }
    }
  }

  private func take(
    _ statement: Statement, into settings: inout Settings, isActive: Bool, isUsers: Bool
  ) async throws(SSHConfigError) {
    if case .include(let files) = statement.kind {
      for file in files { try await read(file, into: &settings, isNever: !isActive, isUsers: isUsers) }
    } else {
      try settings.apply(statement, isActive: isActive, isUsers: isUsers)
    }
  }

  /// ssh_config(5), "Host": "A pattern entry may be negated by prefixing it with an exclamation mark (‘!’). If a
  /// negated entry is matched, then the Host entry is ignored, regardless of whether any other patterns on the line
  /// match."
  private func applies(_ patterns: [String], at origin: ConfigOrigin) throws(SSHConfigError) -> Bool {
    var isActive = false
    for pattern in patterns {
      guard !pattern.isEmpty else { throw SSHConfigError("Host has an empty pattern", at: origin) }
      let isNegated = pattern.utf8.first == UInt8(ascii: "!")
      if Patterns.matches(host, isNegated ? String(pattern.dropFirst()) : pattern) {
        if isNegated { return false }
        isActive = true
      }
    }
    return isActive
  }

  private func applies(
    _ line: MatchLine, _ settings: inout Settings, isNever: Bool, at origin: ConfigOrigin
  ) async throws(SSHConfigError) -> Bool {
    let user = settings.texts[.user] ?? sources.userName
    let target = try target(settings, at: origin)
    var result = true
    for condition in line.conditions {
      let holds: Bool
      switch condition.criterion {
      case .all: holds = true
      case .final:
        settings.wantsFinalPass = true
        holds = isFinal
      case .canonical: holds = isFinal
      case .host(let list): holds = Patterns.matchesHost(target, list)
      case .originalHost(let list): holds = Patterns.matchesHost(original, list)
      case .user(let list): holds = Patterns.matchesList(user, list) == .positive
      case .localUser(let list): holds = Patterns.matchesList(sources.userName, list) == .positive
      case .tagged(let list):
        let tag = settings.texts[.tag] ?? ""
        holds = tag.isEmpty ? list.isEmpty : Patterns.matchesList(tag, list) == .positive
      case .undecidable(let name):
        guard result, !isNever else { continue }
        throw SSHConfigError(
          "Match \(name) can't be decided by martlet: use other criteria for this host, such as host or exec",
          at: origin)
      case .exec(let command):
        let expanded = try expand(command, settings, target: target, user: user, at: origin)
        guard result, !isNever else { continue }
        holds = try await commands.succeeds(expanded, at: origin)
      }
      if holds == condition.isNegated { result = false }
    }
    return result
  }

  /// What `Match host` is compared with: ssh_config(5): "matched against the target hostname, after any substitution
  /// by the Hostname or CanonicalizeHostname options".
  private func target(_ settings: Settings, at origin: ConfigOrigin) throws(SSHConfigError) -> String {
    guard let name = settings.texts[.hostName] else { return host }
    if isFinal { return name }
    do {
      return try Tokens(values: [UInt8(ascii: "h"): host]).expand(name)
    } catch {
      throw SSHConfigError("HostName \(name): \(error.message)", at: settings.origin(of: .hostName) ?? origin)
    }
  }

  /// The tokens of a command of `Match exec`: ssh_config(5), "TOKENS".
  private func expand(
    _ command: String, _ settings: Settings, target: String, user: String, at origin: ConfigOrigin
  ) throws(SSHConfigError) -> String {
    let port = settings.numbers[.port] ?? Machine.defaultPort
    let tokens = machine.tokens(
      host: target, original: original, port: port, user: user,
      keyAlias: settings.texts[.hostKeyAlias] ?? target, jump: settings.jump?.hops.last?.host ?? "", sources)
    do {
      return try tokens.expand(command)
    } catch {
      throw SSHConfigError("Match exec \"\(command)\": \(error.message)", at: origin)
    }
  }
}
