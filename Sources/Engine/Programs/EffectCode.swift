package import MartletCore

/// The shell code of what actions do besides commands: calls of the functions of ``SafeWrites``.
extension ActProgram {
  /// Defines the functions, and takes away the stages of programs of this user that were killed: each lists its own in
  /// the state folder, under the kernel's boot and its process number.
  static let safeWrites =
    SafeWrites.stage + SafeWrites.effects + """
      _boot=; { read -r _boot </proc/sys/kernel/random/boot_id; } 2>/dev/null
      [ -d "$_S/stages" ] || (umask 077; mkdir -p "$_S/stages")
      _N=$_S/stages/${_boot%%-*}.$$
      for _list in "$_S"/stages/*; do
      [ -f "$_list" ] || continue
      case $_list in
      "$_N") ;;
      */"${_boot%%-*}".*) kill -0 "${_list##*.}" 2>/dev/null && continue ;;
      esac
      _tidy "$_list"
      rm -f "$_list"
      done

      """

  /// The body of an action that is no command.
  static func code(for effect: Action.Effect, inputs: inout StagedInputs) -> String {
    switch effect {
    case .run(let command): command.text
    case .write(let write): code(for: write, inputs: &inputs)
    case .makeFolder(let folder):
      at(folder.path)
        + call(
          "_folder", folder.path.string, owner(folder.owner, folder.group), folder.mode.map(digits),
          "\(folder.defaultMode)")
    case .setAttributes(let change): code(for: change)
    case .link(let path, let target): at(path) + call("_link", path.parent.string, path.name, target)
    case .remove(let path): at(path) + call("_remove", path.parent.string, path.name)
    }
  }

  private static func code(for write: FileWrite, inputs: inout StagedInputs) -> String {
    let bytes = write.contents.bytes
    var code = at(write.path) + "_source() {\n\(inputs.source(of: bytes))\n}\n"
    if !write.generated.isEmpty {
      code += "_more() { \(call("_generate", write.owner, write.generated.joined(separator: " "))); }\n"
    }
    // The shells' own printf tells when it can't write.
    let size = bytes.count > StagedInputs.inlineLimit ? String(bytes.count) : nil
    return code
      + call(
        "_put", write.path.parent.string, write.path.name, owner(write.owner, write.group), "\(write.mode)",
        write.validate?.text, write.replaceable.joined(separator: " "), size)
  }

  private static func code(for change: AttributeChange) -> String {
    let path = change.path
    let mode = change.mode.map(digits)
    switch change.kind {
    case .file:
      return at(path)
        + call("_set_file", path.parent.string, path.name, change.currentOwner, change.group, mode)
    case .folder, .linkedFolder:
      let follows = change.kind == .linkedFolder
      return at(path)
        + call(
          "_set_folder", follows ? path.string : path.parent.string, follows ? nil : path.name,
          change.currentOwner, owner(change.owner, change.group), mode)
    }
  }

  private static func at(_ path: RemotePath) -> String { "_P=\(Shell.quote(path.string))\n" }

  private static func call(_ function: String, _ arguments: String?...) -> String {
    ([function] + arguments.map { Shell.quote($0 ?? "") }).joined(separator: " ")
  }

  /// As chown(1) takes it; empty where nothing is to be changed.
  private static func owner(_ owner: String?, _ group: String?) -> String {
    (owner ?? "") + (group.map { ":" + $0 } ?? "")
  }

  /// Five digits: from four, GNU chmod(1) leaves the set-group-ID bit of a folder as it is.
  private static func digits(_ mode: FileMode) -> String { "0\(mode)" }
}

extension Action {
  /// Whether the program needs ``SafeWrites`` for it.
  var writesSafely: Bool {
    if case .run = effect { return usesSafeWrites }
    return true
  }
}

extension SafeWrites {
  /// An action's command, or what it does besides, as code that stands for itself: for tests of tasks.
  ///
  /// - Returns: The code, and what it finds in the file `staged` of the folder `MARTLET_TMP`.
  package static func script(for action: Action) -> (code: String, staged: [UInt8]) {
    var inputs = StagedInputs()
    let code = ActProgram.code(for: action.effect, inputs: &inputs)
    return ((action.writesSafely ? forAnotherShell : "") + code, inputs.bytes)
  }

  /// All functions, for a shell that doesn't have them from its program.
  static let forAnotherShell = "unset _uid _N\n" + stage + effects
}
