public import MartletCore
public import MartletFacts

/// A file of environment variables that `sh`, systemd and python-dotenv read alike.
///
///     EnvironmentFile(
///       "/srv/shop/env", ["DJANGO_SETTINGS_MODULE": "shop.settings"],
///       secrets: ["DATABASE_URL": .environment("DATABASE_URL")], generated: ["SECRET_KEY"], group: "shop")
///
/// Every value comes back as it was given, whatever is in it but NUL: line breaks (a PEM key), quotes, `$`. What one of
/// the readers has no way to write is refused, unless the playbook says that it doesn't read the file. Plans name
/// variables, never values.
public struct EnvironmentFile: HostTask {
  let path: RemotePath
  let variables: [String: String]
  let secrets: [String: Secret]
  let generated: [String]
  let owner: String
  let group: String
  let mode: FileMode?
  let isReadByDotenv: Bool
  let isReadBySystemd: Bool

  /// - Parameters:
  ///   - path: The file. Its folder must be there.
  ///   - variables: Names and values.
  ///   - secrets: Names, and values that must not be seen.
  ///   - generated: Names whose value the host makes up once, from 50 random letters and digits, and keeps. A value is kept
  ///     only if nobody but root, the run's user and the `owner` can have written it.
  ///   - owner: A user's name.
  ///   - group: A group's name: the one of the program that reads the file.
  ///   - mode: The permission bits. Nil makes a new file 0640, and takes from an existing one what others may do beyond that.
  ///   - isReadByDotenv: Whether python-dotenv must read the same values too. It has no way to write `${`, nor
  ///     some mixtures of quotes with `$`, nor a backslash at the end or a carriage return: they are refused unless this is false.
  ///   - isReadBySystemd: Whether systemd (`EnvironmentFile=`) must read the same values too. It takes no control
  ///     characters but tabs and line breaks: others are refused unless this is false.
  public init(
    _ path: RemotePath, _ variables: [String: String] = [:], secrets: [String: Secret] = [:],
    generated: [String] = [], owner: String = "root", group: String = "root", mode: FileMode? = nil,
    isReadByDotenv: Bool = true, isReadBySystemd: Bool = true
  ) {
    self.path = path
    self.variables = variables
    self.secrets = secrets
    self.generated = generated
    self.owner = owner
    self.group = group
    self.mode = mode
    self.isReadByDotenv = isReadByDotenv
    self.isReadBySystemd = isReadBySystemd
  }

  public var label: String { "environment file \(path)" }

  public var observes: EnvironmentFileState { EnvironmentFileState(path, apartFrom: generated.sorted()) }

  public func decide(given status: EnvironmentFileStatus) -> Decision {
    let text = contents
    let wanted = Set(variables.keys).union(secrets.keys).union(generated)
    let names: [String]
    var changes: [Change] = []
    var mode = mode ?? 0o640
    switch status {
    case .notAFile:
      return .failed("\(path) is there and is not a regular file: move it away, or name another path")
    case .absent:
      names = []
    case .file(let file):
      names = file.names
      if self.mode == nil { mode = FileMode(file.mode.bits & 0o640) }
      let removed = Set(names).subtracting(wanted).sorted()
      let hasAllGenerated = Set(generated).isSubset(of: names)
      changes += removed.map { .removed($0) }
      if file.sum != SHA256.hex(text.bytes), removed.isEmpty, wanted.isSubset(of: names) {
        changes.append(.modified("values"))
      }
      changes +=
        [
          Change.attribute("mode", from: file.mode, to: mode),
          Change.attribute("owner", from: file.owner, to: owner),
          Change.attribute("group", from: file.group, to: group),
        ].compactMap { $0 }
      if changes.isEmpty, hasAllGenerated, file.sum == SHA256.hex(text.bytes) { return .unchanged }
    }
    changes.insert(contentsOf: wanted.subtracting(names).sorted().map { .added($0) }, at: 0)
    if changes.isEmpty { changes = [.modified("values")] }
    return [write(text, mode: mode, changes: changes)]
  }

  public func validate() throws {
    let names = Array(variables.keys) + secrets.keys + generated
    for name in names { try EnvironmentName.check(name) }
    if let twice = Dictionary(grouping: names, by: { $0 }).first(where: { $0.value.count > 1 })?.key {
      throw InvalidTask("the environment variable \(twice) is given twice")
    }
    for (name, value) in variables.merging(secrets.mapValues { $0.reveal() }, uniquingKeysWith: { $1 }) {
      let written = EnvironmentValue(value)
      if value.utf8.contains(0) {
        throw InvalidTask("the value of \(name) has a NUL in it, which no variable can hold")
      }
      if isReadBySystemd, !written.isSameForSystemd {
        throw InvalidTask(
          "the value of \(name) has a control character in it that systemd doesn't take. If no unit of systemd reads "
            + "\(path), say isReadBySystemd: false")
      }
      if isReadByDotenv, !written.isSameForDotenv {
        throw InvalidTask(
          "the value of \(name) can't be written so that python-dotenv reads it as sh does: it mixes $ with { or with "
            + "quotes, or has a carriage return in it or a backslash at its end. If no program reads \(path) by python-dotenv, say "
            + "isReadByDotenv: false")
      }
    }
    if owner.isEmpty || group.isEmpty { throw InvalidTask("\(path) has no owner or no group") }
  }

  /// All but the generated variables, in the order of their names.
  private var contents: Contents {
    var contents = Contents("")
    for name in (Array(variables.keys) + secrets.keys).sorted() {
      if let secret = secrets[name] {
        let quoted = EnvironmentValue(secret.reveal()).quoted
        contents = contents + "\(name)=\(Secret(quoted))\n"
      } else {
        contents = contents + "\(name)=\(EnvironmentValue(variables[name] ?? "").quoted)\n"
      }
    }
    return contents
  }

  /// A generated value is carried over on the host, if the file that was there can be believed.
  private func write(_ contents: Contents, mode: FileMode, changes: [Change]) -> Action {
    let write = FileWrite(
      contents: Contents(bytes: contents.bytes, secrets: contents.secrets + secrets.values), path: path,
      mode: mode, owner: owner, group: group, generated: generated.sorted())
    return .write(write, changes: changes)
  }
}

/// The rules for names of environment variables that every shell can set (POSIX.1-2017, 8.1).
enum EnvironmentName {
  /// - Throws: ``InvalidTask`` that says what is wrong with the name.
  static func check(_ name: String) throws {
    let isLetter = { (byte: UInt8) in
      byte == 0x5f || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
    }
    let isName =
      name.utf8.first.map(isLetter) == true
      && name.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) }
    if !isName {
      throw InvalidTask(
        "\(name.debugDescription) can't be the name of an environment variable: letters, digits and _ only, no digit "
          + "first")
    }
  }
}

/// A value as it stands in a file of environment variables.
///
/// Single quotes are literal to `sh` (POSIX.1-2017, 2.2.2) and to systemd (systemd.exec(5), `EnvironmentFile=`),
/// between double quotes a backslash escapes `"`, `\`, `` ` `` and `$` for both; between both, line breaks are part of
/// the value. python-dotenv knows `\'` and `\\` between single quotes and doesn't know `\$` between double ones; it
/// expands `${NAME}` everywhere, and reads all kinds of line breaks as one.
///
/// All goes by code points: to Swift, a quote with an accent after it is another character than a quote.
struct EnvironmentValue {
  let value: String

  init(_ value: String) { self.value = value }

  private var isPlain: Bool {
    !value.isEmpty
      && value.unicodeScalars.allSatisfy {
        ("A"..."Z").contains($0) || ("a"..."z").contains($0) || ("0"..."9").contains($0)
          || "_./:@%+,-=".unicodeScalars.contains($0)
      }
  }

  private var needsDoubleQuotes: Bool {
    has("'") || value.utf8.last == UInt8(ascii: "\\")
      || zip(value.utf8, value.utf8.dropFirst()).contains { $0 == 0x5c && $1 == 0x5c }
  }

  private func has(_ scalar: Unicode.Scalar) -> Bool { value.unicodeScalars.contains(scalar) }

  var quoted: String {
    if isPlain { return value }
    if !needsDoubleQuotes { return "'\(value)'" }
    var result = String.UnicodeScalarView()
    for scalar in value.unicodeScalars {
      if "\"\\$`".unicodeScalars.contains(scalar) { result.append("\\") }
      result.append(scalar)
    }
    return "\"\(String(result))\""
  }

  var isSameForDotenv: Bool {
    if has("\r") || zip(value.utf8, value.utf8.dropFirst()).contains(where: { $0 == 0x24 && $1 == 0x7b }) {
      return false
    }
    // A backslash before the closing quote hides it from python-dotenv, also one that is itself escaped.
    if value.utf8.last == UInt8(ascii: "\\") { return false }
    return !needsDoubleQuotes || !(has("$") || has("`"))
  }

  /// Nor does it take code points that are no characters (its `utf8_is_valid`).
  var isSameForSystemd: Bool {
    !value.unicodeScalars.contains {
      $0.value < 0x20 && $0 != "\t" && $0 != "\n" || $0.value == 0x7f || (0xfdd0...0xfdef).contains($0.value)
        || $0.value & 0xfffe == 0xfffe
    }
  }
}
