internal import MartletCore

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension FileTransfer {
  /// Copies a file or a folder of this machine to a host.
  ///
  /// A folder that is there already is merged into file by file: what it has besides stays.
  ///
  /// - Parameters:
  ///   - source: A file or a folder.
  ///   - target: What it is to be called there, or with a slash at its end the folder to put it into.
  /// - Throws: ``TransferError``; the engine's `TransportError` if the host is lost.
  public func put(_ source: String, to target: HostPath) async throws -> TransferSummary {
    try refuseTerminals()
    // A pipe that nobody writes to must not block the opening.
    let file = try Descriptor(opening: source, O_RDONLY | O_NONBLOCK)
    let status = try file.status(source)
    let name = source.split(separator: "/").last.map(String.init)
    var target = target
    if target.isFolder {
      guard let name, name != ".", name != ".." else {
        throw TransferError("\(shown(source)) has no name that it could have in \(shown(target.description))")
      }
      target = try target.appending(name)
    }
    if status.isFolder {
      guard !options.resumes else {
        throw TransferError("\(shown(source)) is a folder: only files can be resumed")
      }
      return try await putTree(file, source, status, to: target)
    }
    guard status.isFile else { throw TransferError("\(shown(source)) is neither a file nor a folder") }
    return try await putFile(file, source, status, to: target)
  }

  private func putFile(
    _ file: Descriptor, _ source: String, _ status: stat, to target: HostPath
  ) async throws -> TransferSummary {
    let size = Int(status.st_size)
    let nonce = HostScript.newNonce()
    guard let name = target.name else { throw TransferError("\(shown(target.description)) names no file") }
    let places = """
      p=\(target.word)
      d=\(target.folderWord)
      f=\(Shell.quote(name))
      part=\(Shell.quote(partName(for: name)))

      """ + PutStage.functions
    let stage = PutStage.Known()
    meter.expect(size)
    let receiving = script(places + Self.receiveFile(size: size, resumes: options.resumes), nonce)
    do {
      return try await Conversation.run(receiving, on: session, options: options) {
        try await send(file, source, status, stage, $0)
      }
    } catch {
      if let entering = stage.entering { await tidy(places + entering + " ''; drop") }
      throw error
    }
  }

  /// The time of change as `touch -t` takes it, `-` where it is not kept.
  private func time(of status: stat) -> String { options.preserves ? touchTime(status.modified) : "-" }

  private func send(
    _ file: Descriptor, _ source: String, _ status: stat, _ stage: PutStage.Known,
    _ conversation: Conversation
  ) async throws -> TransferSummary {
    let size = Int(status.st_size)
    // The host may have to sum what it has from an earlier transfer.
    conversation.allowSumming(size)
    let ready = try await conversation.record("ready").words
    stage.set(ready.last, in: "d")
    guard ready.count == 6, let mask = UInt16(ready[0], radix: 8), let have = Int(ready[2]) else {
      throw TransferError("the host's answer is not understood")
    }
    let kind = RunningSum.Kind(tool: ready[1])
    var sum = RunningSum(kind)
    var offset = 0
    if have > 0, have <= size {
      try addPrefix(of: file, source, have, to: &sum)
      if sum.text == ready[4] {
        offset = have
      } else {
        sum = RunningSum(kind)
        try file.rewind(source)
      }
    }
    meter.begin(at: offset)
    let reader = FileSource(file, path: source, count: size - offset, sum: sum, meter: meter)
    let mode = String(newMode(status.permissions, umask: mask, preserves: options.preserves), radix: 8)
    conversation.say("go \(offset) \(mode) \(time(of: status))")
    conversation.send {
      if let bytes = try await reader.next() { return bytes }
      conversation.allowSumming(size)
      return nil
    }
    // Where there is more to say, the host counts what it takes.
    if kind == .none { conversation.endInput() }
    let received = try await conversation.record("received").words
    guard received.count == 3 else { throw TransferError("the host's answer is not understood") }
    guard received[0] == "\(size)", received[2] == reader.sum else {
      throw TransferError("what the host has is not what was sent: its sum differs")
    }
    // What has to be compared first is put in its place afterwards; the rest the host has done by itself.
    if kind != .none {
      conversation.say("place")
      conversation.endInput()
    }
    _ = try await conversation.record("done")
    return TransferSummary(bytes: size - offset, resumedAt: offset, verification: kind.verification)
  }

  /// Adds the first bytes of a file to a sum; the file stands behind them afterwards.
  private func addPrefix(of file: Descriptor, _ path: String, _ count: Int, to sum: inout RunningSum) throws {
    var left = count
    while left > 0 {
      let bytes = try readPiece(file, min(left, FileSource.pieceSize), path)
      guard !bytes.isEmpty else {
        throw TransferError("\(shown(path)) on this machine: it has become shorter while it was read")
      }
      sum.add(bytes)
      left -= bytes.count
    }
  }

  /// Takes a file into `$t`. A part that is there is only trusted if nobody else could have written it: where others can
  /// write to the folder, it is worked on by another name of its own in the stage.
  private static func receiveFile(size: Int, resumes: Bool) -> String {
    commit + #"""
      u=$(umask); umask 077
      size=\#(size)
      [ -d "$p" ] && [ ! -h "$p" ] && die "there is a folder of that name: with a / at its end, the file goes into it"
      if [ -e "$p" ] && [ ! -f "$p" ] && [ ! -h "$p" ]; then die "what is there is not a regular file"; fi
      [ -d "$d/" ] || { e=$(ls -ld "$d/" 2>&1) && e="Not a directory"; die "$e"; }
      approach "$d"
      pick "$size"
      have='0 none 0'
      t=./$f q=../$f links=1 _n=-
      trap 'exit 1' HUP INT TERM PIPE
      if \#(resumes ? #"[ "$_g" = 0 ]"# : "false"); then
        t=./$part q=./$f
      else
        stage
      fi
      if \#(resumes ? "true" : "false") && [ "$_n" != - ]; then
        if [ -e "../$part" ] || [ -h "../$part" ]; then
          links=2
          ln -- "../$part" "$t" 2>/dev/null || die "the part of an earlier transfer is not your own file: remove $part"
        else
          : >"$t" && ln -- "$t" "../$part" 2>/dev/null
          links=0
        fi
      fi
      if \#(resumes ? #"[ "$links" != 0 ] && { [ -e "$t" ] || [ -h "$t" ]; }"# : "false"); then
        [ -n "$(find "$t" -prune -type f -user "$(id -u)" -links "$links" 2>/dev/null)" ] ||
          die "the part of an earlier transfer is not your own file: remove $part"
        s=$(size "$t"); [ "$s" -gt 0 ] && [ "$s" -le "$size" ] && have="$s $(sum <"$t")"
      else
        e=$( { : >"$t"; } 2>&1 ) || die "$e"
      fi
      say "ready $u $tool $have $_n"
      IFS=' ' read -r w a mode time || exit 1
      [ "$w" = go ] || exit 1
      if [ "$a" = 0 ]; then : >"$t"; fi
      # Up to the end of the input, or as much as is missing: some `head` reads on, but before its answer nothing comes.
      receive() {
        if [ "$tool" = none ]; then cat
        elif [ "$(echo x | head -c 1 2>&1)" = x ]; then head -c "$((size - a))"
        else dd ibs=1 obs=65536 count="$((size - a))"
        fi
      }
      e=$( { receive >>"$t"; } 2>&1 ) || die "$e"
      s=$(size "$t")
      [ "$s" = "$size" ] || exit 1
      v=$(sum <"$t") || die "the sum can't be made"
      say "received $s $v"
      if [ "$tool" != none ]; then
        IFS=' ' read -r w || exit 1
        [ "$w" = place ] || exit 1
      fi
      put_in_place "$mode" "$time"
      say done
      """#
  }

  /// `put_in_place MODE TIME` moves `$t` to where it belongs. Root keeps the owner that the file had before.
  private static let commit = #"""
    put_in_place() {
      [ -d "$q" ] && [ ! -h "$q" ] && die "there is a folder of that name"
      e=$( {
        if [ -f "$q" ] && [ ! -h "$q" ] && [ "$_uid" = 0 ]; then
          owner=$(set -f; set -- $(ls -lnd "$q"); echo "$3:$4")
          chown "$owner" "$t"
        fi &&
        chmod "$1" "$t" &&
        if [ "$2" != - ]; then TZ=UTC0 touch -m -t "$2" "$t"; fi &&
        if [ "$_n" = - ]; then mv -f -- "$t" "$q"; else mv -f -- "$t" ../; fi
      } 2>&1 ) || die "$e"
      [ "$_n" = - ] || { [ "$links" = 1 ] || rm -f "../$part"; _unstage; }
    }

    """#
}

/// A time as POSIX's `touch -t` takes it, in UTC; `-` for one that it can't.
private func touchTime(_ seconds: Int) -> String {
  var time = time_t(seconds)
  var parts = tm()
  guard gmtime_r(&time, &parts) != nil, (-68...8099).contains(parts.tm_year) else { return "-" }
  func two(_ number: Int32) -> String { (number < 10 ? "0" : "") + String(number) }
  let year = String(Int(parts.tm_year) + 1900)
  let date = two(parts.tm_mon + 1) + two(parts.tm_mday) + two(parts.tm_hour) + two(parts.tm_min)
  return "\(year)\(date).\(two(parts.tm_sec))"
}
