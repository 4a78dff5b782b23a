/// The criteria of a `Match` line.
///
/// ssh_config(5): "Restricts the following declarations (up to the next Host or Match keyword) to be used only when
/// the conditions following the Match keyword are satisfied. Match conditions are specified using one or more
/// criteria or the single token all which always matches. The available criteria keywords are: canonical, final,
/// exec, host, originalhost, user, and localuser. The all criteria must appear alone or immediately after canonical
/// or final. Other criteria may be combined arbitrarily. […] Criteria may be negated by prepending an exclamation
/// mark (‘!’)."
struct MatchLine: Sendable, Hashable {
  enum Criterion: Sendable, Hashable {
    case all
    /// `final` asks for a second reading of the files; both match in that alone.
    case final, canonical
    case host(String), originalHost(String), user(String), localUser(String), exec(String)
    /// OpenSSH 9.4.
    case tagged(String)
    /// Criteria of later versions whose answer isn't known here; an error where it would decide.
    case undecidable(String)
  }

  struct Condition: Sendable, Hashable {
    var criterion: Criterion
    var isNegated: Bool
  }

  var conditions: [Condition] = []

  /// - Parameters:
  ///   - text: what follows the keyword.
  ///   - wordCount: how many words the other way of splitting the line finds. OpenSSH calls the line's rest garbage
  ///     if neither way has used it up.
  init(_ text: [UInt8], wordCount: Int, at origin: ConfigOrigin) throws(SSHConfigError) {
    var line = Words.Delimited(text)
    var attributes = 0
    let hash = UInt8(ascii: "#")
    reading: while var word = line.next(), !word.isEmpty {
      if word.first == hash {
        line = Words.Delimited([])
        break
      }
      let shown = String(bytes: word)
      let isNegated = word.first == UInt8(ascii: "!")
      if isNegated { word.removeFirst() }
      let name = String(bytes: word.asciiLowercased)
      if name == "all" {
        let next = line.next()
        guard attributes <= 1, next == nil || next?.isEmpty == true || next?.first == hash else {
          throw SSHConfigError("Match \(shown) can't be combined with other criteria", at: origin)
        }
        if next?.first == hash { line = Words.Delimited([]) }
        conditions.append(Condition(criterion: .all, isNegated: isNegated))
        attributes = max(attributes, 1)
        break reading
      }
      attributes += 1
      if name == "final" || name == "canonical" {
        let criterion: Criterion = name == "final" ? .final : .canonical
        conditions.append(Condition(criterion: criterion, isNegated: isNegated))
        continue
      }
      guard let argument = line.next(), argument.first != hash, !argument.isEmpty || name == "tagged" else {
        throw SSHConfigError("Match \(shown) lacks what it is compared with", at: origin)
      }
      let criterion = try Self.criterion(name, String(bytes: argument), at: origin)
      conditions.append(Condition(criterion: criterion, isNegated: isNegated))
    }
    guard attributes > 0 else {
      throw SSHConfigError(
        "Match needs a criterion: all, final, host, originalhost, user, exec …", at: origin)
    }
    guard line.isAtEnd || wordCount == 0 else {
      throw SSHConfigError("Match has more on its line than criteria: are the quotes right?", at: origin)
    }
  }

  private static func criterion(
    _ name: String, _ argument: String, at origin: ConfigOrigin
  ) throws(SSHConfigError) -> Criterion {
    switch name {
    case "host": return .host(argument)
    case "originalhost": return .originalHost(argument)
    case "user": return .user(argument)
    case "localuser": return .localUser(argument)
    case "exec": return .exec(argument)
    case "tagged": return .tagged(argument)
    case "localnetwork", "version", "command", "sessiontype": return .undecidable(name)
    default:
      throw SSHConfigError(
        "Match \(name) is unknown: there are all, canonical, final, exec, host, originalhost, user, localuser",
        at: origin)
    }
  }
}
