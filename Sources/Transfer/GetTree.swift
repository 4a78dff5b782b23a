internal import MartletCore

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension FileTransfer {
  func getTree(
    _ source: RemoteStatus, to target: LocalTarget, _ nonce: String, _ conversation: Conversation
  ) async throws -> TransferSummary {
    let existing = try target.existing()
    if let existing, !existing.isFolder {
      throw TransferError("it is a folder, and \(shown(target.path)) on this machine is none")
    }
    // Inside of a folder that is there: it may be the root of another file system, where no rename leads to.
    let parent = try LocalFolder(opening: existing == nil ? target.folder : target.path)
    let sink = try TreeSink(
      in: parent, Name(temporaryName(for: target.name, nonce).utf8), kind: source.kind,
      preserves: options.preserves, meter: meter)
    conversation.receive { try sink.take($0) }
    conversation.say("go")
    conversation.endInput()
    let answers = try await conversation.rest()
    var warnings: [String] = []
    let complaints = conversation.errorText
    switch answers.last(where: { $0.verb == "status" })?.rest {
    case "0": break
    case "1" where Self.isAboutChanges(complaints):
      warnings.append("the tree was changed while it was read: \(shown(complaints.trimmed))")
    default:
      let text = complaints.trimmed
      throw TransferError("tar on the host: " + (text.isEmpty ? "it did not come to its end" : shown(text)))
    }
    let sum = answers.last { $0.verb == "sum" }?.words.last.map(String.init)
    let done = try sink.finish(target, sum: sum, isThere: existing != nil)
    return TransferSummary(
      bytes: done.bytes, files: done.files, verification: source.kind.verification,
      warnings: warnings + done.warnings)
  }

  /// Whether tar's complaints are only that files were written to meanwhile, as logs are.
  private static func isAboutChanges(_ text: String) -> Bool {
    text.split(separator: "\n").allSatisfy { line in
      line.contains("changed as we read it") || line.contains("removed before we read it")
        || line.contains("socket ignored")
    }
  }

  /// Sends the folder `$p` as an archive, with a sum of it where the host can make a pipe with a name.
  static var sendTree: String {
    #"""
    has tar || die "there is no tar on the host, which folders need; files can be fetched one by one"
    e=$( { cd "$p" && ls . >/dev/null; } 2>&1) || die "$e"
    cd "$p" || exit 1
    pick 99999999
    d=${TMPDIR:-/tmp}/martlet-$n
    trap 'rm -rf "$d"' EXIT
    case $tool in
    cksum | none) tool=none ;;
    *) ( umask 077; mkdir "$d" && mkfifo "$d/f" ) 2>/dev/null || tool=none ;;
    esac
    say "tree $st $tool"
    IFS=' ' read -r w || exit 1
    [ "$w" = go ] || exit 1
    if [ "$tool" = none ]; then
      tar -cf - .
      printf '\n%s status %s\n' "$n" "$?" >&2
    else
      { v=$(sum <"$d/f") && printf '\n%s sum %s\n' "$n" "$v" >&2; } >/dev/null &
      { tar -cf - .; printf '\n%s status %s\n' "$n" "$?" >&2; } | tee "$d/f"
      wait
    fi
    """#
  }
}
