internal import MartletCore

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension FileTransfer {
  func putTree(
    _ folder: Descriptor, _ source: String, _ status: stat, to target: HostPath
  ) async throws -> TransferSummary {
    let root = LocalFolder(folder, path: source)
    let nonce = HostScript.newNonce()
    let temporary = Shell.quote(temporaryName(for: target.name ?? "", nonce))
    let places = """
      p=\(target.word)
      d=\(target.folderWord)
      inside=${p%/}/\(temporary)
      beside=${d%/}/\(temporary)
      drop() { rm -rf "$1" 2>/dev/null || { chmod -R u+rwx "$1"; rm -rf "$1"; }; }

      """
    meter.expect(try TreeSource.measure(root))
    let preserves = options.preserves
    do {
      let sent = try await Conversation.run(
        script(places + Self.commit + Self.receiveTree(preserves: preserves), nonce), on: session,
        options: options
      ) { try await send(root, status, $0) }
      // An archive's end is that of the input: where sums have to be compared first, a script of its own goes on.
      if sent.summary.verification != .none {
        let commit = places + Self.commit + "commit \(sent.isThere ? "there" : "new") \(sent.mode)"
        try await Conversation.run(
          script(commit, HostScript.newNonce()), on: session, options: options
        ) { conversation in
          conversation.endInput()
          try await Self.hearOfCommit(of: sent.summary, conversation)
        }
      }
      return sent.summary
    } catch {
      await tidy(places + #"drop "$inside"; drop "$beside""#)
      throw error
    }
  }

  private func send(
    _ root: LocalFolder, _ status: stat, _ conversation: Conversation
  ) async throws -> (summary: TransferSummary, mode: String, isThere: Bool) {
    let ready = try await conversation.record("ready").words
    guard ready.count == 3, let mask = UInt16(ready[0], radix: 8) else {
      throw TransferError("the host's answer is not understood")
    }
    let kind = RunningSum.Kind(tool: ready[1])
    let preserves = options.preserves
    let archive = try TreeSource(root, status, kind: kind, meter: meter) { mode in
      newMode(mode, umask: mask, preserves: preserves)
    }
    let mode = String(newMode(status.permissions, umask: mask, preserves: preserves), radix: 8)
    conversation.say("go \(mode)")
    let meter = meter
    conversation.send {
      if let bytes = try await archive.next() { return bytes }
      conversation.allowSumming(meter.done)
      return nil
    }
    conversation.endInput()
    let sum = kind == .none ? nil : try await conversation.record("sum").words.last
    _ = try await conversation.record("received")
    let result = archive.result
    guard kind == .none || sum.map(String.init) == result.sum else {
      throw TransferError("what the host has is not what was sent: the sums differ")
    }
    let summary = TransferSummary(
      bytes: meter.done, files: result.files, verification: kind.verification,
      warnings: result.warnings)
    if kind == .none { try await Self.hearOfCommit(of: summary, conversation) }
    return (summary, mode, ready[2] == "there")
  }

  /// Waits until the host has put a tree in its place: renaming many thousands of files takes its time.
  private static func hearOfCommit(of summary: TransferSummary, _ conversation: Conversation) async throws {
    conversation.allowSumming(summary.files << 18)
    _ = try await conversation.record("done")
  }

  /// Unpacks into a new folder: inside of the target if it is there, so that it is on the same file system.
  private static func receiveTree(preserves: Bool) -> String {
    #"""
    u=$(umask); umask 077
    has tar || die "there is no tar on the host, which folders need; files can be copied one by one"
    if [ -d "$p/" ]; then t=$inside; w=there
    elif [ -e "$p" ] || [ -h "$p" ]; then die "what is there is not a folder"
    else
      [ -d "$d/" ] || { e=$(ls -ld "$d/" 2>&1) && e="Not a directory"; die "$e"; }
      t=$beside; w=new
    fi
    e=$(mkdir "$t" 2>&1) || die "$e"
    trap 'drop "$t"' EXIT
    trap 'exit 1' HUP INT TERM PIPE
    pick 99999999
    case $tool in
    cksum | none) tool=none ;;
    *) mkfifo "$t/f" 2>/dev/null || tool=none ;;
    esac
    say "ready $u $tool $w"
    IFS=' ' read -r go mode || exit 1
    [ "$go" = go ] || exit 1
    # What tar says goes to standard error: the disk may be too full for a file of it. BusyBox's tar takes the umask off in
    # spite of -p, unless it is root's; nobody else can look into the folder.
    unpack() {
      ( umask 0; cd "$t" && exec tar -xpo\#(preserves ? "" : "m")f - ) >/dev/null
      r=$?
      cat >/dev/null
      return $r
    }
    if [ "$tool" = none ]; then
      unpack
    else
      { v=$(sum <"$t/f") && say "sum $v"; } &
      tee "$t/f" | unpack
    fi || die tar
    wait
    [ -f "$t/end" ] || exit 1
    say received
    if [ "$tool" = none ]; then commit "$w" "$mode"; else trap - EXIT; fi
    """#
  }

  /// `commit new|there MODE` puts the unpacked tree in its place.
  private static let commit = #"""
    commit() {
      if [ "$1" = there ]; then merge; else place "$2"; fi
      say done
    }
    place() {
      trap 'drop "$beside"' EXIT
      if [ -e "$p" ] || [ -h "$p" ]; then die "it has come into being meanwhile"; fi
      e=$(mv "$beside/tree" "$p" 2>&1) || die "$e"
      chmod "$1" "$p"
    }
    merge() {
    \#(merge)
    }

    """#

  /// Moves a tree into one that is there. Where one has a folder and the other something else nothing is moved at
  /// all; a folder that is new is moved as a whole, a file over what has its name, and what is besides stays.
  private static let merge = #"""
    trap 'cd /; drop "$inside"' EXIT
    cd "$inside/tree" || die "the new folder is gone"
    has find || die "there is no find on the host, which joining folders needs"
    e=$(find . -exec sh -c '
      p=$1; shift
      for x do
        if [ -d "$x" ] && [ ! -h "$x" ]; then
          if [ "$x" = . ]; then continue; fi
          if [ -h "$p/$x" ] || { [ -e "$p/$x" ] && [ ! -d "$p/$x" ]; }; then echo "${x#./} is a folder here, and none on the host"; fi
        elif [ -d "$p/$x" ] && [ ! -h "$p/$x" ]; then echo "${x#./} is a folder on the host, and none here"
        fi
      done' sh "$p" {} + 2>&1)
    [ -z "$e" ] || die "$e"
    e=$( {
      find . -type d -exec sh -c '
        if [ -d "$1/$2" ]; then exit 1; fi
        if [ -w "$2" ]; then mv "$2" "$1/$2" 2>&3
        else chmod u+w "$2" && mv "$2" "$1/$2" 2>&3 && chmod u-w "$1/$2"
        fi
        exit 0' sh "$p" {} \; -prune
      find . -type d -exec sh -c '
        p=$1; shift
        for x do
          set --
          for f in "$x"/* "$x"/.[!.]* "$x"/..?*; do
            if [ -h "$f" ] || { [ -e "$f" ] && [ ! -d "$f" ]; }; then
              set -- "$@" "$f"
              if [ $# -ge 200 ]; then mv -f "$@" "$p/$x/" 2>&3; set --; fi
            fi
          done
          [ $# = 0 ] || mv -f "$@" "$p/$x/" 2>&3
        done' sh "$p" {} +
    } 3>&1 >/dev/null 2>/dev/null )
    [ -z "$e" ] || die "$e"
    [ -z "$(find . ! -type d)" ] || die "not all could be moved"
    """#
}
