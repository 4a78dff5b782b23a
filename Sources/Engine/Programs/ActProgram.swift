internal import MartletCore

/// The program that carries out actions, in order, up to the first that fails.
///
/// Records: `begin N`, then `done N changed`, `done N same`, `skipped N` or `failed N STATUS`, the last with the
/// tail of the output; `output N` before them where all output is wanted.
struct ActProgram {
  /// An action with what the playbook says about its task.
  struct Item {
    var action: Action
    var user: String?
    /// Markers of the handlers to be notified, with their names.
    var notifies: [(marker: String, name: String)] = []
    /// The marker of the handler that this is the last or only action of, and which runs only if it is due.
    var handler: String?
    var endsHandler = false
  }

  /// How much of an action's output is sent, from its end: of a failed one, and of any where all is wanted.
  static let failureLimit = 16 << 10
  static let outputLimit = 64 << 10

  let program: Program
  /// What must be on the host before the program: the actions' large inputs, one after the other.
  let staged: [UInt8]

  /// - Parameters:
  ///   - items: The actions.
  ///   - marker: A nonce.
  ///   - folder: The folder that ``HostShell`` made for them; nil if nothing was staged.
  ///   - verbose: Whether successful actions' output is reported.
  init(_ items: [Item], marker: String, folder: String?, verbose: Bool) {
    var inputs = StagedInputs()
    var code = Self.prologue(folder: folder)
    for (index, item) in items.enumerated() {
      code += Self.code(for: item, index: index, verbose: verbose, inputs: &inputs)
    }
    program = Program(marker: marker, body: code)
    staged = inputs.bytes
  }

  /// The text of an output that was sent with one of the limits. Where something was cut off, so may a secret have
  /// been, and its rest would not be recognised: the line that the cut is in is left out.
  static func text(of output: [UInt8], limit: Int) -> String {
    guard output.count >= limit else { return String(decoding: output, as: UTF8.self) }
    let end = output.firstIndex(of: UInt8(ascii: "\n")) ?? min(4096, output.count - 1)
    return "…\n" + String(decoding: output[(end + 1)...], as: UTF8.self)
  }

  private static func prologue(folder: String?) -> String {
    let makeFolder =
      folder.map { "MARTLET_TMP=\(Shell.quote($0))" }
        ?? """
        _t=/var/tmp; [ -w "$_t" ] || _t=/tmp
        MARTLET_TMP=$(umask 077; mktemp -d "$_t/martlet.XXXXXX") || { _record broken; exit 1; }
        """
    return """
      \(makeFolder)
      export MARTLET_TMP
      trap 'rm -rf "$MARTLET_TMP"' EXIT
      _uid=$(id -u); _me=$(id -un)
      # What a program that was killed has left behind, secrets perhaps among it.
      find "${MARTLET_TMP%/*}" -maxdepth 1 -name 'martlet.*' -user "$_me" -mtime +1 -exec rm -rf {} + 2>/dev/null
      # As another user. The code is the first line of the input, escaped: neither ps nor sudo's log shows it.
      _as() {
        _c='IFS= read -r _l && eval "$(printf %b "$_l")"'
        if [ "$1" = "$_me" ]; then /bin/sh -c "$_c"
        elif [ "$_uid" = 0 ]; then su -s /bin/sh -c "$_c" "$1"
        elif command -v sudo >/dev/null; then sudo -n -H -u "$1" -- /bin/sh -c "$_c"
        else doas -n -u "$1" /bin/sh -c "$_c"; fi
      }
      _notify() {
        (umask 077; mkdir -p "$_S/handlers") && printf '%s\\n' "$2" >"$_S/handlers/$1"
      }
      _fail() {
        _record failed "$1" "$2"; tail -c \(failureLimit) "$MARTLET_TMP/out" >&3; _record end; exit 0
      }

      """
  }

  private static func code(for item: Item, index: Int, verbose: Bool, inputs: inout StagedInputs) -> String {
    let action = item.action
    var body: String
    var user = action.user
    switch action.effect {
    case .run(let command):
      body = command.text
      user = user ?? item.user
    case .write(let write):
      // Written by the one whom the program runs as, and given away before it appears.
      body = fileCode(write, inputs: &inputs)
    }
    if let folder = action.folder { body = "cd \(Shell.quote(folder.string)) || exit 1\n" + body }
    let exports = action.environment.sorted { $0.key < $1.key }
      .map { "export \($0.key)=\(Shell.quote($0.value))\n" }.joined()
    body = exports + body
    let source = action.input.map { inputs.source(of: $0.bytes) }
    var run = (source.map { $0 + " | " } ?? "") + "(\n\(body)\n)"
    if let user { run = Self.run(body, as: user, input: source) }
    // Output goes to a file, and the channel is closed for children: one that stays behind in the background
    // can neither hold the session open nor be killed by its end.
    run = "\(run) >\"$MARTLET_TMP/out\" 2>&1 3>&-"

    var code = "_record begin \(index)\n"
    for handler in item.notifies {
      code += "_e\(handler.marker)=; [ -e \"$_S/handlers/\(handler.marker)\" ] && _e\(handler.marker)=1\n"
      code +=
        "_notify \(handler.marker) \(Shell.quote(handler.name)) >\"$MARTLET_TMP/out\" 2>&1 || _fail \(index) $?\n"
    }
    code += "\(run)\n_r=$?; [ $_r = 0 ] || _fail \(index) $_r\n"
    if verbose { code += "_record output \(index); tail -c \(outputLimit) \"$MARTLET_TMP/out\" >&3\n" }
    let forget = item.notifies.map {
      "[ -n \"$_e\($0.marker)\" ] || rm -f \"$_S/handlers/\($0.marker)\"\n"
    }.joined()
    switch action.changedWhen {
    case .always: code += "_record done \(index) changed\n"
    case .never: code += "\(forget)_record done \(index) same\n"
    case .outputContains(let text):
      code += "if grep -qF -e \(Shell.quote(text)) \"$MARTLET_TMP/out\"; then _record done \(index) changed\n"
      code += "else\n\(forget)_record done \(index) same; fi\n"
    case .outputLacks(let text):
      code +=
        "if grep -qF -e \(Shell.quote(text)) \"$MARTLET_TMP/out\"; then\n\(forget)_record done \(index) same\n"
      code += "else _record done \(index) changed; fi\n"
    }
    if let handler = item.handler {
      if item.endsHandler { code += "rm -f \"$_S/handlers/\(handler)\"\n" }
      code = "if [ -e \"$_S/handlers/\(handler)\" ]; then\n\(code)else _record skipped \(index); fi\n"
    }
    if let unless = action.unless {
      let test = user.map { Self.run(unless.text, as: $0, input: nil) }
      code =
        "if \(test ?? "(\n\(unless.text)\n)") >/dev/null 2>&1 3>&-; then _record skipped \(index)\nelse\n\(code)fi\n"
    }
    return code
  }

  /// Code as another user, for `_as`: a line that `printf %b` turns back into it, and then what it reads itself.
  private static func run(_ code: String, as user: String, input: String?) -> String {
    let line = code.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    return "{ printf '%s\\n' \(Shell.quote(line)); \(input ?? ":"); } | _as \(Shell.quote(user))"
  }

  /// Writes beside the file and renames, so that it appears whole, with its final owner and mode, or not at all.
  private static func fileCode(_ write: FileWrite, inputs: inout StagedInputs) -> String {
    let path = Shell.quote(write.path.string)
    let owner = (write.owner ?? "") + (write.group.map { ":" + $0 } ?? "")
    let chown = owner.isEmpty ? "" : "chown -- \(Shell.quote(owner)) \"$_f\" && "
    let validate = write.validate.map { "/bin/sh -c \(Shell.quote($0.text)) sh \"$_f\" && " } ?? ""
    return """
      if [ -d \(path) ]; then echo \(Shell.quote(write.path.string + " is a directory")); exit 1; fi
      _f=$(mktemp \(Shell.quote((write.path.parent / ".martlet.XXXXXX").string))) || exit 1
      trap 'rm -f "$_f"' EXIT
      \(inputs.source(of: write.contents.bytes)) >"$_f" &&
      { [ "$(wc -c <"$_f")" -eq \(write.contents.bytes.count) ] || { echo 'the file came out short'; false; }; } &&
      \(chown)chmod \(write.mode) "$_f" && \(validate)mv -f -- "$_f" \(path)
      """
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
