internal import MartletCore

/// The program that carries out actions, in order, up to the first that fails.
///
/// Records: `begin N`, then `done N changed`, `done N same`, `skipped N` or `failed N STATUS`, the last with the
/// tail of the output; `output N` before them where all output is wanted, `head N` before either where the middle is left
/// out, `space N KIND PLACE` before a failure, `late N` where an action took too long; `waiting N` with the reason,
/// every three seconds while something else on the host is in an action's way; and those of ``HostLock``.
struct ActProgram {
  /// An action with what the playbook says about its task.
  struct Item {
    var action: Action
    /// What the task is called, for others who wait for it; the action's summary if nil.
    var label: String?
    var user: String?
    /// Markers of the handlers to be notified, with their names.
    var notifies: [(marker: String, name: String)] = []
    /// The marker of the handler that this is the last or only action of, and which runs only if it is due.
    var handler: String?
    var endsHandler = false
  }

  /// How much is sent of what an action waits for.
  static let reasonLimit = 300
  /// The exit status of an action that something else on the host holds up (sysexits.h, EX_TEMPFAIL).
  static let heldUp = 75

  let program: Program
  /// What must be on the host before the program: the actions' large inputs, one after the other.
  let staged: [UInt8]

  /// - Parameters:
  ///   - items: The actions.
  ///   - marker: A nonce.
  ///   - folder: The folder that ``HostShell`` made for them; nil if nothing was staged.
  ///   - verbose: Whether successful actions' output is reported.
  ///   - lock: What the program says of itself to others who come.
  init(
    _ items: [Item], marker: String, folder: String?, verbose: Bool,
    lock: HostLock = HostLock(holder: "", generation: nil, patience: .seconds(1800))
  ) {
    var inputs = StagedInputs()
    let id = Program.nonce()
    var code = Self.prologue(folder: folder, lock: lock, id: id)
    if items.contains(where: \.action.writesSafely) { code += Self.safeWrites }
    for (index, item) in items.enumerated() {
      code += Self.code(for: item, index: index, id: id, verbose: verbose, inputs: &inputs)
    }
    program = Program(marker: marker, body: code)
    staged = inputs.bytes
  }

  private static func prologue(folder: String?, lock: HostLock, id: String) -> String {
    """
    \(UserSwitch.function.text)
    \(HostProcesses.functions)
    \(HostOutput.functions)
    \(HostLock.functions)
    _notify() {
      (umask 077; mkdir -p "$_S/handlers") && printf '%s\\n' "$2" >"$_S/handlers/$1"
    }
    _bye() {
      [ -z "$_watcher" ] || kill "$_watcher" 2>/dev/null
      [ -z "$_acting" ] || printf '%s\\n' "$_A" >"$_L/generation"
      [ -z "$_link" ] || rm -f "$_L/link"
      # Stages (SafeWrites), of which an action that was ended may have left one.
      [ ! -f "$_N" ] || _tidy "$_N"
      [ -z "$MARTLET_TMP" ] || rm -rf "$MARTLET_TMP" ${_N:+"$_N"}
    }
    MARTLET_TMP=\(folder.map(Shell.quote) ?? ""); export MARTLET_TMP
    \(lock.settings(id: id))
    _watcher= _N=; trap _bye EXIT
    _boot=; { read -r _boot; } 2>/dev/null </proc/sys/kernel/random/boot_id
    _stat $$; _mainbegan=$_began
    _lock
    if [ -z "$MARTLET_TMP" ]; then
      _t=/var/tmp; [ -w "$_t" ] || _t=/tmp
      _m=$(umask 077; mktemp -d "$_t/martlet.XXXXXX" 2>&1) || { _space 0 "$_t"; _record broken "$_m"; _record end; exit 0; }
      MARTLET_TMP=$_m
    fi
    : >"$MARTLET_TMP/now"
    # Where there is no /proc, only the controller keeps deadlines.
    [ -z "$_mainbegan" ] || { ( exec 9>&-; _watch ) </dev/null >/dev/null 2>&1 & _watcher=$!; }
    # What a program that was killed has left behind, secrets perhaps among it.
    find "${MARTLET_TMP%/*}" -maxdepth 1 -name 'martlet.*' -user "$_me" -mtime +1 -exec rm -rf {} + 2>/dev/null

    """
  }

  private static func code(
    for item: Item, index: Int, id: String, verbose: Bool, inputs: inout StagedInputs
  ) -> String {
    let action = item.action
    var body: String
    var user = action.user
    switch action.effect {
    case .run(let command):
      body = command.text
      user = user ?? item.user
    default:
      body = Self.code(for: action.effect, inputs: &inputs)
      // A file is written by the one whom the program runs as, and given away before it appears.
      if case .write = action.effect {} else { user = user ?? item.user }
    }
    // Another user's shell knows no functions of this one's.
    if user != nil, action.writesSafely { body = SafeWrites.forAnotherShell + body }
    if let folder = action.folder { body = "cd \(Shell.quote(folder.string)) || exit 1\n" + body }
    let exports = action.environment.sorted { $0.key < $1.key }
      .map { "export \($0.key)=\(Shell.quote($0.value))\n" }.joined()
    body = exports + body
    let source = action.input.map { inputs.source(of: $0.bytes) }
    var run = source.map { "\($0) | (\n\(body)\n)" } ?? body
    if let user { run = UserSwitch.run(marked(body, id: id, index: index), as: user, input: source) }
    let seconds = max(1, (action.timeout / .seconds(1)).rounded(.up))
    let begin =
      "_begin \(index) \(Int(min(seconds, 1e9))) \(Shell.quote(user ?? "")) \(Shell.quote(HostLock.line(item.label ?? action.summary)))"
    // Output goes to a file, and the channel is closed for children: one that stays behind in the background
    // can neither hold the session open nor be killed by its end. The file is this action's own: what another user's
    // child still has open must not be where root's next action prints. It is appended to, so that it can be cut.
    let out = "\"$MARTLET_TMP/out.\(index)\""
    let places = Set(action.touches.flatMap(\.places)).sorted().prefix(6).map(Shell.quote).joined(
      separator: " ")
    let fail = "_fail \(index) $_r \(places)"

    var code = "_record begin \(index)\n"
    for handler in item.notifies {
      code += "_e\(handler.marker)=; [ -e \"$_S/handlers/\(handler.marker)\" ] && _e\(handler.marker)=1\n"
      code +=
        "_notify \(handler.marker) \(Shell.quote(handler.name)) >\(out) 2>&1 || { _r=$?; _fail \(index) $_r \"$_S\"; }\n"
    }
    let attempt = "(\n\(begin)\n\(run)\n) >>\(out) 2>&1 3>&- 9>&-\n_r=$?; _ended\n"
    if let limit = action.waitsUpTo {
      // A record in every round: if nobody hears it any more, the program ends here.
      code += """
        _w=$(date +%s)
        while :; do
        \(attempt)
        [ $_r = \(Self.heldUp) ] && [ $(($(date +%s) - _w)) -lt \(limit.components.seconds) ] || break
        _record waiting \(index); tail -n 1 \(out) | tail -c \(reasonLimit) >&3; sleep 3 3>&- 9>&-; : >\(out)
        done

        """
    } else {
      code += attempt
    }
    code += "_late \(index) && _r=124; [ $_r = 0 ] || \(fail)\n"
    if verbose { code += "_show \(index) \(HostOutput.verboseLimit) \"output \(index)\"\n" }
    let forget = item.notifies.map {
      "[ -n \"$_e\($0.marker)\" ] || rm -f \"$_S/handlers/\($0.marker)\"\n"
    }.joined()
    switch action.changedWhen {
    case .always: code += "_record done \(index) changed\n"
    case .never: code += "\(forget)_record done \(index) same\n"
    // Of an output that was cut nobody knows what stood in the middle: it counts as a change.
    case .outputContains(let text):
      code +=
        "if [ -e \(out).head ] || grep -qF -e \(Shell.quote(text)) \(out); then _record done \(index) changed\n"
      code += "else\n\(forget)_record done \(index) same; fi\n"
    case .outputLacks(let text):
      code += "if grep -qsF -e \(Shell.quote(text)) \(out)*; then\n\(forget)_record done \(index) same\n"
      code += "else _record done \(index) changed; fi\n"
    }
    if let handler = item.handler {
      if item.endsHandler { code += "rm -f \"$_S/handlers/\(handler)\"\n" }
      code = "if [ -e \"$_S/handlers/\(handler)\" ]; then\n\(code)else _record skipped \(index); fi\n"
    }
    if let unless = action.unless {
      let test =
        user.map { UserSwitch.run(marked(unless.text, id: id, index: index), as: $0) }
        ?? "(\n\(unless.text)\n)"
      code =
        "(\n\(begin)\n\(test)\n) >/dev/null 2>&1 3>&- 9>&-\n"
        + "_r=$?; _ended; _late \(index) && _fail \(index) 124\n"
        + "if [ $_r = 0 ]; then _record skipped \(index)\nelse\n\(code)fi\n"
    }
    return code
  }

  /// Code that bears its action's mark also where sudo has thrown the environment away.
  private static func marked(_ code: String, id: String, index: Int) -> String {
    "MARTLET_ACTION=\(id).\(index); export MARTLET_ACTION\n\(code)"
  }
}

extension Resource {
  /// The folders whose disk may be why a change of it failed.
  fileprivate var places: [String] {
    switch self {
    case .path(let path): [path.parent.string]
    case .tree(let path): [path.string, path.parent.string]
    default: []
    }
  }
}

/// Brings bytes to where a program can read them: inside its text if they are few, staged beforehand if many.
struct StagedInputs {
  private(set) var bytes: [UInt8] = []

  /// Above this, bytes are staged: shells read long quoted texts slowly (bash, worse than linearly).
  static let inlineLimit = 64 << 10

  /// A command that prints the bytes.
  mutating func source(of content: [UInt8]) -> String {
    guard content.count <= Self.inlineLimit else {
      let offset = bytes.count + 1
      bytes += content
      return "tail -c +\(offset) \"$MARTLET_TMP/staged\" | head -c \(content.count)"
    }
    if let text = String(validating: content, as: UTF8.self), !content.contains(0) {
      return "printf %s \(Shell.quote(text))"
    }
    // Octal escapes need no program on the host, and printf knows them everywhere (POSIX.1-2017, printf).
    return "printf '"
      + content.map { byte in
        let digits = String(byte, radix: 8)
        return "\\" + String(repeating: "0", count: 3 - digits.count) + digits
      }.joined() + "'"
  }
}
