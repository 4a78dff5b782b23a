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
    guard let name = target.name else { throw TransferError("\(shown(target.description)) names no folder") }
    let places = """
      p=\(target.word)
      d=\(target.folderWord)
      f=\(Shell.quote(name))

      """ + PutStage.functions
    let stage = PutStage.Known()
    meter.expect(try TreeSource.measure(root))
    let preserves = options.preserves
    do {
      let sent = try await Conversation.run(
        script(places + Self.commit + Self.receiveTree(preserves: preserves), nonce), on: session,
        options: options
      ) { try await send(root, status, stage, $0) }
      // An archive's end is that of the input: where sums have to be compared first, a script of its own goes on.
      if sent.summary.verification != .none {
        guard let entering = stage.entering else {
          throw TransferError("the host's answer is not understood")
        }
        let commit =
          places + Self.commit
          + "\(entering) \(nonce); commit \(sent.isThere ? "there" : "new") \(sent.mode)"
        try await Conversation.run(
          script(commit, HostScript.newNonce()), on: session, options: options
        ) { conversation in
          conversation.endInput()
          try await Self.hearOfCommit(of: sent.summary, conversation)
        }
      }
      return sent.summary
    } catch {
      if let entering = stage.entering { await tidy(places + entering + " ''; drop") }
      throw error
    }
  }

  private func send(
    _ root: LocalFolder, _ status: stat, _ stage: PutStage.Known, _ conversation: Conversation
  ) async throws -> (summary: TransferSummary, mode: String, isThere: Bool) {
    let ready = try await conversation.record("ready").words
    guard ready.count == 4, let mask = UInt16(ready[0], radix: 8) else {
      throw TransferError("the host's answer is not understood")
    }
    stage.set(ready[3], in: ready[2] == "there" ? "p" : "d")
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

  /// Unpacks into a stage: inside of the target if it is there, so that it is on the same file system.
  private static func receiveTree(preserves: Bool) -> String {
    #"""
    u=$(umask); umask 077
    has tar || die "there is no tar on the host, which folders need; files can be copied one by one"
    if [ -d "$p/" ]; then w=there
    elif [ -e "$p" ] || [ -h "$p" ]; then die "what is there is not a folder"
    else
      [ -d "$d/" ] || { e=$(ls -ld "$d/" 2>&1) && e="Not a directory"; die "$e"; }
      w=new
    fi
    trap 'exit 1' HUP INT TERM PIPE
    if [ "$w" = there ]; then approach "$p"; else approach "$d"; fi
    stage
    : >"./.$n"
    pick 99999999
    case $tool in
    cksum | none) tool=none ;;
    *) mkfifo ./f 2>/dev/null || tool=none ;;
    esac
    say "ready $u $tool $w $_n"
    IFS=' ' read -r go mode || exit 1
    [ "$go" = go ] || exit 1
    # What tar says goes to standard error: the disk may be too full for a file of it. BusyBox's tar takes the umask off in
    # spite of -p, unless it is root's; nobody else can look into the folder.
    unpack() {
      ( umask 0; exec tar -xpo\#(preserves ? "" : "m")f - ) >/dev/null
      r=$?
      cat >/dev/null
      return $r
    }
    if [ "$tool" = none ]; then
      unpack
    else
      { v=$(sum <./f) && say "sum $v"; } &
      tee ./f | unpack
    fi || die tar
    wait
    [ -f ./end ] || exit 1
    say received
    if [ "$tool" = none ]; then commit "$w" "$mode"; else trap - EXIT; fi
    """#
  }

  /// `commit new|there MODE` puts the unpacked tree in its place. The current folder is the stage.
  private static let commit = #"""
    commit() {
      if [ "$1" = there ]; then merge; else place "$2"; fi
      trap - EXIT
      drop
      say done
    }
    place() {
      if [ -e "../$f" ] || [ -h "../$f" ]; then die "it has come into being meanwhile"; fi
      # A closed folder can only be moved by root; others' names can be exchanged by those who write to the folder.
      e=$( {
        mkdir ./new && mv ./tree "./new/$f" && { [ "$_uid" != 0 ] || chmod "$1" "./new/$f"; } && mv -f -- "./new/$f" ../ &&
        { [ "$_uid" = 0 ] || chmod "$1" "../$f"; }
      } 2>&1 ) || die "$e"
    }
    merge() {
    \#(merge)
    }

    """#

  /// Moves a tree into one that is there. Where one has a folder and the other something else nothing is moved at
  /// all; a folder that is new is moved as a whole, a file over what has its name, and what is besides stays.
  private static let merge = #"""
    has find || die "there is no find on the host, which joining folders needs"
    e=$(cd ./tree && find . -exec sh -c '
      p=$1; shift
      for x do
        if [ -d "$x" ] && [ ! -h "$x" ]; then
          if [ "$x" = . ]; then continue; fi
          if [ -h "$p/$x" ] || { [ -e "$p/$x" ] && [ ! -d "$p/$x" ]; }; then echo "${x#./} is a folder here, and none on the host"; fi
        elif [ -d "$p/$x" ] && [ ! -h "$p/$x" ]; then echo "${x#./} is a folder on the host, and none here"
        fi
      done' sh "$p" {} + 2>&1)
    [ -z "$e" ] || die "$e"
    # Seen from other folders the stage is the opened one: those who can write to the tree can give its name to another.
    T=${_D%/}/$_n/tree B=$_D
    if [ "$_g" = 1 ] && [ "$_uid" = 0 ]; then
      exec 5<.
      T=/proc/self/fd/5/tree
      [ -d "$T" ] || die "others may be able to write to $_D, and /proc is not there: put it in as a new folder"
    fi
    # join SUB: the entries of a folder of the tree, into the same folder there.
    join() { (
      if [ "$_g" = 1 ] || [ "$_uid" = 0 ]; then approach "$B$1"; _prove || refused; else cd -P -- "$B$1" || exit 1; fi
      sub=$1
      set --
      for x in "$T$sub"/* "$T$sub"/.[!.]* "$T$sub"/..?*; do
        [ -e "$x" ] || [ -h "$x" ] || continue
        name=${x##*/}
        if [ -d "$x" ] && [ ! -h "$x" ]; then
          if [ -d "./$name" ] && [ ! -h "./$name" ]; then join "$sub/$name" || exit 1
          elif [ -w "$x" ]; then mv -- "$x" ./ || exit 1
          else chmod u+w "$x" && mv -- "$x" ./ && chmod u-w "./$name" || exit 1
          fi
        else
          set -- "$@" "$x"
          if [ $# -ge 200 ]; then mv -f -- "$@" ./ || exit 1; set --; fi
        fi
      done
      [ $# = 0 ] || mv -f -- "$@" ./ || exit 1
    ) }
    e=$(join '' 2>&1) || case $e in *"$n error "*) e=${e##*"$n error "}; die "${e%%"$nl"*}" ;; *) die "$e" ;; esac
    """#
}
