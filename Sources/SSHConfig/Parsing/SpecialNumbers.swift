/// Values that are kept as numbers but written in ways of their own.
enum SpecialNumbers {
  /// In OpenSSH's order; the first of equals is printed.
  static let logLevels: [(name: String, value: Int)] = [
    ("SILENT", 0), ("QUIET", 0), ("FATAL", 1), ("ERROR", 2), ("INFO", 3), ("VERBOSE", 4), ("DEBUG", 5),
    ("DEBUG1", 5), ("DEBUG2", 6), ("DEBUG3", 7),
  ]
  static let facilities = [
    "DAEMON", "USER", "AUTH", "AUTHPRIV", "LOCAL0", "LOCAL1", "LOCAL2", "LOCAL3", "LOCAL4", "LOCAL5",
    "LOCAL6",
    "LOCAL7",
  ]
  static let hashes = ["MD5", "SHA1", "SHA256", "SHA384", "SHA512"]
  static let noEscape = -2
  /// Any tunnel device.
  static let anyDevice = 0x7fff_ffff

  /// Classes of service: ssh_config(5), "IPQoS".
  private static let services: [(name: String, value: Int)] = [
    ("none", Int(Int32.max)), ("af11", 0x28), ("af12", 0x30), ("af13", 0x38), ("af21", 0x48), ("af22", 0x50),
    ("af23", 0x58), ("af31", 0x68), ("af32", 0x70), ("af33", 0x78), ("af41", 0x88), ("af42", 0x90),
    ("af43", 0x98), ("cs0", 0), ("cs1", 0x20), ("cs2", 0x40), ("cs3", 0x60), ("cs4", 0x80), ("cs5", 0xa0),
    ("cs6", 0xc0), ("cs7", 0xe0), ("ef", 0xb8), ("le", 0x04), ("lowdelay", 0x10), ("throughput", 0x08),
    ("reliability", 0x04),
  ]
  static let lowDelay = 0x10
  static let throughput = 0x08

  static func serviceName(_ value: Int) -> String {
    if let name = services.first(where: { $0.value == value })?.name { return name }
    let digits = String(value, radix: 16)
    return "0x" + (digits.utf8.count < 2 ? "0" : "") + digits
  }

  static func value(_ line: ValueParser.Line) throws(SSHConfigError) -> Int {
    let word = try line.first()
    switch line.keyword {
    case .logLevel:
      let upper = word.uppercased()
      if let level = logLevels.first(where: { $0.name == upper }) { return level.value }
      throw line.error("can't be “\(word)”: it is one of \(logLevels.map(\.name).joined(separator: ", "))")
    case .syslogFacility: return try index(of: word, in: facilities, line)
    case .fingerprintHash: return try index(of: word, in: hashes, line)
    case .escapeChar: return try escapeCharacter(word, line)
    default:
      // A mask in octal; OpenSSH doesn't mind what follows the digits.
      let number = Numbers.prefix(Array(word.utf8)[...], base: 8)?.value
      guard let number, (0...0o777).contains(number) else {
        throw line.error("can't be “\(word)”: it is a mask in octal, like 0177")
      }
      return number
    }
  }

  private static func index(
    of word: String, in names: [String], _ line: ValueParser.Line
  ) throws(SSHConfigError) -> Int {
    let upper = word.uppercased()
    guard let index = names.firstIndex(of: upper) else {
      throw line.error("can't be “\(word)”: it is one of \(names.joined(separator: ", "))")
    }
    return index
  }

  private static func escapeCharacter(
    _ word: String, _ line: ValueParser.Line
  ) throws(SSHConfigError) -> Int {
    let bytes = Array(word.utf8)
    if word == "none" { return noEscape }
    if bytes.count == 1 { return Int(bytes[0]) }
    if bytes.count == 2, bytes[0] == UInt8(ascii: "^"), (64..<128).contains(bytes[1]) {
      return Int(bytes[1] & 31)
    }
    throw line.error("can't be “\(word)”: it is one character, ^ and a letter, or none")
  }

  /// Two numbers that are set together, and how many words they take.
  static func values(_ line: ValueParser.Line) throws(SSHConfigError) -> ([Int], Int) {
    switch line.keyword {
    case .ipQoS:
      let first = try service(line.words.first, line)
      return ([first, line.words.count > 1 ? try service(line.words[1], line) : first], 2)
    case .tunnelDevice:
      let word = try line.first()
      let parts = word.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let local = try device(parts[0], line)
      return ([local, parts.count > 1 ? try device(parts[1], line) : anyDevice], 1)
    case .controlPersist:
      let word = try line.first()
      if word == "no" || word == "false" { return ([0, 0], 1) }
      if word == "yes" || word == "true" { return ([1, 0], 1) }
      guard let seconds = Numbers.time(word) else {
        throw line.error("can't be “\(word)”: it is yes, no or a time")
      }
      return ([1, seconds], 1)
    default: return (try addKeys(line), 2)
    }
  }

  private static func service(_ word: String?, _ line: ValueParser.Line) throws(SSHConfigError) -> Int {
    let word = word ?? ""
    let lower = word.asciiLowercased
    if let value = services.first(where: { $0.name == lower })?.value { return value }
    let bytes = Array(word.utf8)
    guard let (value, end) = Numbers.prefix(bytes[...], base: 0), end == bytes.count,
      (0...255).contains(value)
    else { throw line.error("can't be “\(word)”: it is a class such as af21, cs1, ef, or a number") }
    return value
  }

  private static func device(_ word: String, _ line: ValueParser.Line) throws(SSHConfigError) -> Int {
    if word.isWord("any") { return anyDevice }
    guard let number = Numbers.whole(word, in: 0...(anyDevice - 2)) else {
      throw line.error("can't be “\(word)”: it is any or a number")
    }
    return number
  }

  /// ssh_config(5), "AddKeysToAgent": yes, no, ask, confirm, `confirm` and a time, or a time.
  private static func addKeys(_ line: ValueParser.Line) throws(SSHConfigError) -> [Int] {
    let word = try line.first()
    let state = States.confirm.value(of: word)
    if line.words.count == 1 {
      if let state { return [state, 0] }
      if let seconds = Numbers.time(word) { return [1, seconds] }
    } else if state == 3, let seconds = Numbers.time(line.words[1]) {
      return [3, seconds]
    }
    throw line.error(
      "can't be “\(line.words.joined(separator: " "))”: it is \(States.confirm.names), or a time")
  }
}
