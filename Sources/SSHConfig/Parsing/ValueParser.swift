/// Makes sense of one keyword's value. What OpenSSH 9.2 refuses is an error; what it takes is read as it reads it.
struct ValueParser {
  /// For `${NAME}`, which some values expand when they are read.
  let environment: [String: String]

  struct Line {
    let keyword: Keyword
    /// All that follows the keyword.
    let rest: [UInt8]
    let words: [String]
    let isCommandLine: Bool
    let origin: ConfigOrigin

    func error(_ message: String) -> SSHConfigError {
      SSHConfigError("\(keyword.rawValue) \(message)", at: origin)
    }

    /// The first word, which must be there.
    func first() throws(SSHConfigError) -> String {
      guard let word = words.first, !word.isEmpty else { throw error("has no value") }
      return word
    }

    /// Commands run to the end of the line, quotes and `#` included.
    var command: [UInt8] { Array(rest.drop { Words.isWhitespace($0) || $0 == UInt8(ascii: "=") }) }
  }

  /// - Returns: nil if the line sets nothing, as `ConnectTimeout none` doesn't.
  func assignment(_ line: Line) throws(SSHConfigError) -> Assignment? {
    let (assignment, used) = try value(line)
    guard line.words.count <= used else {
      let more = line.words.dropFirst(used).joined(separator: " ")
      throw line.error("has more on its line than it takes: \(more)")
    }
    return assignment
  }

  /// The value and how many of the words it takes; `all` where it takes any number.
  private func value(_ line: Line) throws(SSHConfigError) -> (Assignment?, Int) {
    let keyword = line.keyword
    let all = Int.max
    if let states = States.of(keyword) {
      let word = try line.first()
      guard let value = states.value(of: word) else {
        throw line.error("can't be “\(word)”: it is one of \(states.names)")
      }
      return (.number(keyword, value), 1)
    }
    switch keyword {
    case .connectTimeout, .forwardX11Timeout, .serverAliveInterval:
      let seconds = try time(line, line.words.first)
      return (seconds.map { .number(keyword, $0) }, 1)
    case .connectionAttempts, .canonicalizeMaxDots, .numberOfPasswordPrompts, .requiredRSASize,
      .serverAliveCountMax:
      guard let number = Numbers.whole(try line.first(), in: 0...Int(Int32.max)) else {
        throw line.error("needs a number, not “\(line.words[0])”")
      }
      return (.number(keyword, number), 1)
    case .port:
      guard let port = Numbers.port(try line.first()), port > 0 else {
        throw line.error("needs a port from 1 to 65535, not “\(line.words[0])”")
      }
      return (.number(keyword, port), 1)
    case .knownHostsCommand, .localCommand, .proxyCommand, .remoteCommand:
      return (.text(keyword, String(bytes: line.command)), all)
    case .proxyJump: return (.jump(try jump(line)), all)
    case .ciphers, .macs, .kexAlgorithms, .hostKeyAlgorithms, .hostbasedAcceptedAlgorithms,
      .pubkeyAcceptedAlgorithms, .caSignatureAlgorithms, .gssapiKexAlgorithms:
      return (.text(keyword, try algorithms(line)), 1)
    case .identityFile, .certificateFile: return (.file(keyword, try line.first()), 1)
    case .identityAgent: return (.text(keyword, try agentPath(line)), 1)
    case .forwardAgent:
      if let value = States.flag.value(of: try line.first()) { return (.number(keyword, value), 1) }
      return (.agentPath(try agentPath(line)), 1)
    case .localForward, .remoteForward, .dynamicForward:
      return (.forward(keyword, try forward(line)), keyword == .dynamicForward ? 1 : 2)
    case .globalKnownHostsFile, .userKnownHostsFile, .logVerbose, .canonicalDomains, .permitRemoteOpen,
      .sendEnv, .setEnv, .canonicalizePermittedCNAMEs, .channelTimeout, .obscureKeystrokeTiming:
      return (try ListParser.assignment(line), all)
    case .logLevel, .syslogFacility, .fingerprintHash, .escapeChar, .streamLocalBindMask:
      return (.number(keyword, try SpecialNumbers.value(line)), 1)
    case .rekeyLimit: return try rekeyLimit(line)
    case .ipQoS, .tunnelDevice, .controlPersist, .addKeysToAgent:
      let (numbers, used) = try SpecialNumbers.values(line)
      return (.numbers(keyword, numbers), used)
    case .refuseConnection: return (.refusal(try line.first()), 1)
    case .versionAddendum: return (.text(keyword, String(bytes: line.rest)), all)
    default: return (.text(keyword, try line.first()), 1)
    }
  }

  /// - Returns: nil for `none`, which leaves the option as if it weren't there.
  private func time(_ line: Line, _ word: String?) throws(SSHConfigError) -> Int? {
    guard let word, !word.isEmpty else { throw line.error("has no time") }
    if word == "none" { return nil }
    guard let seconds = Numbers.time(word) else {
      throw line.error("can't be “\(word)”: a time is like 90, 10m, 1h30m")
    }
    return seconds
  }

  /// ssh_config(5), "RekeyLimit": "the maximum amount of data that may be transmitted or received before the session
  /// key is renegotiated, optionally followed by a maximum amount of time".
  private func rekeyLimit(_ line: Line) throws(SSHConfigError) -> (Assignment, Int) {
    let word = try line.first()
    var bytes = 0
    if word != "default" {
      guard let number = Numbers.scaled(word) else { throw line.error("can't be “\(word)”: like 512M or 1G") }
      guard number == 0 || number >= 16 else { throw line.error("\(word) is too small") }
      bytes = number
    }
    guard line.words.count > 1 else { return (.rekeyLimit(bytes: bytes, seconds: nil), 1) }
    return (.rekeyLimit(bytes: bytes, seconds: try time(line, line.words[1])), 2)
  }

  private func jump(_ line: Line) throws(SSHConfigError) -> Jump {
    let text = line.command
    if String(bytes: text).isWord("none") { return .none }
    guard let jump = Jump(text, isCommandLine: line.isCommandLine) else {
      throw line.error("can't be “\(String(bytes: text))”: it is [user@]host[:port], several with commas")
    }
    return jump
  }

  private func algorithms(_ line: Line) throws(SSHConfigError) -> String {
    let text = try line.first()
    let kind: AlgorithmKind =
      switch line.keyword {
      case .ciphers: .cipher
      case .macs: .mac
      case .kexAlgorithms: .keyExchange
      case .gssapiKexAlgorithms: .gssKeyExchange
      default: .key
      }
    if let unknown = kind.unknownName(in: text) {
      throw line.error(
        unknown.isEmpty ? "names no algorithm" : "has an algorithm that isn't known: \(unknown)")
    }
    return text
  }

  /// ssh_config(5), "IdentityAgent": "If the string "SSH_AUTH_SOCK" is specified, the location of the socket will be
  /// read from the SSH_AUTH_SOCK environment variable. Otherwise if the specified value begins with a ‘$’ character,
  /// then it will be treated as an environment variable containing the location of the socket."
  private func agentPath(_ line: Line) throws(SSHConfigError) -> String {
    let text = try line.first()
    do {
      _ = try Tokens.expandEnvironment(text, environment)
    } catch {
      throw line.error("\(text): \(error.message)")
    }
    if text.hasPrefix("$"), !text.hasPrefix("${") {
      let name = text.dropFirst()
      let isName =
        !name.isEmpty && name.allSatisfy { $0 == "_" || $0.isASCII && ($0.isLetter || $0.isNumber) }
      guard isName else { throw line.error("\(text): that is no name of an environment variable") }
    }
    return text
  }

  private func forward(_ line: Line) throws(SSHConfigError) -> Forward {
    let listen = try line.first()
    var isDynamic = line.keyword == .dynamicForward
    var text = listen
    if !isDynamic {
      if line.words.count > 1, !line.words[1].isEmpty {
        text += ":" + line.words[1]
      } else if line.keyword == .remoteForward {
        isDynamic = true
      } else {
        throw line.error("lacks where connections go: like 8080 localhost:80")
      }
    }
    do {
      // OpenSSH's buffer; a host name isn't that long.
      let expanded = try Tokens.expandEnvironment(String(bytes: text.utf8.prefix(255)), environment)
      if let forward = Forward(
        Array(expanded.utf8), isDynamic: isDynamic, isRemote: line.keyword == .remoteForward)
      {
        return forward
      }
    } catch {
      throw line.error("\(text): \(error.message)")
    }
    throw line.error("can't be “\(text)”: like 8080 localhost:80, with [] around IPv6 addresses")
  }
}
