internal import MartletCore
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

extension FileTransfer {
  /// Copies a file or a folder of a host to this machine.
  ///
  /// A folder that is there already is merged into file by file: what it has besides stays. Nothing that the host
  /// sends can lead out of the target.
  ///
  /// - Parameters:
  ///   - source: A file or a folder.
  ///   - target: What it is to be called here, or with a slash or a dot at its end the folder to put it into.
  /// - Throws: ``TransferError``; the engine's `TransportError` if the host is lost.
  public func get(_ source: HostPath, to target: String) async throws -> TransferSummary {
    try refuseTerminals()
    let target = try LocalTarget(target, sourceName: source.name)
    let nonce = HostScript.newNonce()
    let sending = script("p=\(source.word)\n" + Self.sendFile + Self.sendTree, nonce)
    return try await Conversation.run(
      sending, on: session, options: options, expectsBulk: true
    ) { conversation in
      let found = try await conversation.record()
      guard found.verb == "file" || found.verb == "tree", let source = RemoteStatus(found.words) else {
        throw TransferError("the host's answer is not understood")
      }
      if found.verb == "tree" {
        guard !options.resumes else { throw TransferError("it is a folder: only files can be resumed") }
        return try await getTree(source, to: target, nonce, conversation)
      }
      return try await getFile(source, to: target, nonce, conversation)
    }
  }

  private func getFile(
    _ source: RemoteStatus, to target: LocalTarget, _ nonce: String, _ conversation: Conversation
  ) async throws -> TransferSummary {
    if let existing = try target.existing() {
      if existing.isFolder {
        throw TransferError(
          "\(shown(target.path)) on this machine is a folder: with a / at its end, the file goes into it")
      }
      guard existing.isFile || existing.isLink else {
        throw TransferError("\(shown(target.path)) on this machine is not a regular file")
      }
    }
    if options.preserves, source.modified == nil {
      throw TransferError("the host has no stat that tells times of change: leave -p out")
    }
    let temporary = options.resumes ? target.part : target.temporary(nonce)
    let sink = try FileSink(temporary, target: target, source: source, meter: meter, resumes: options.resumes)
    defer { sink.removeUnlessKept() }
    meter.expect(source.size)
    if options.resumes {
      let blocks = min(try sink.count(), source.size) / FileSink.block
      if blocks > 0 {
        conversation.allowSumming(source.size)
        conversation.say("prefix \(blocks)")
        let answer = try await conversation.record("prefix").words
        try sink.resume(blocks: blocks, ifSumIs: answer.last ?? "")
      } else {
        try sink.restart()
      }
    }
    let offset = sink.offset
    meter.begin(at: offset)
    conversation.receive { bytes in
      if try sink.take(bytes) { conversation.allowSumming(source.size) }
    }
    let blocks = (source.size - offset + FileSink.block - 1) / FileSink.block
    conversation.say("go \(offset / FileSink.block) \(blocks)")
    conversation.endInput()
    let answers = try await conversation.rest()
    guard answers.contains(where: { $0.verb == "status" && $0.rest == "0" }) else {
      throw TransferError(reason(in: readingError(conversation.errorText)))
    }
    guard let sum = answers.last(where: { $0.verb == "sum" })?.words.last else {
      throw TransferError("the host has not made a sum of what it sent")
    }
    try sink.finish(sum: String(sum), preserves: options.preserves)
    return TransferSummary(
      bytes: source.size - offset, resumedAt: offset,
      verification: source.kind.verification)
  }

  /// What `dd` said of its failure: it counts records on standard error too.
  private func readingError(_ text: String) -> String {
    let lines = text.split(separator: "\n").filter { !$0.contains("records ") && !$0.contains("bytes") }
    return lines.isEmpty ? "the host could not read it to its end" : lines.joined(separator: "; ")
  }

  /// Sends `$p` if it is a file. A log that grows meanwhile is sent as long as it was at the start.
  private static var sendFile: String {
    #"""
    trap 'exit 1' HUP INT TERM PIPE
    [ -e "$p" ] || { e=$(ls -ld "$p" 2>&1) && e="it is a symbolic link to nothing"; die "$e"; }
    st=$(stat -L -c '%a %s %Y' "$p" 2>/dev/null) || st=$(stat -L -f '%Lp %z %m' "$p" 2>/dev/null) ||
      st=$(set -f; set -- $(ls -lndL "$p"); echo "$1 $5 -")
    if [ ! -d "$p" ]; then
      [ -f "$p" ] || die "it is neither a file nor a folder"
      [ -r "$p" ] || die "Permission denied"
      s=${st#* }; s=${s%% *}
      pick "$s"
      say "file $st $tool"
      while :; do
        IFS=' ' read -r w a b || exit 1
        case $w in
        prefix) say "prefix $(dd if="$p" bs=1048576 count="$a" 2>/dev/null | sum)" ;;
        go) break ;;
        *) exit 1 ;;
        esac
      done
      { v=$(sum <"$p") && printf '\n%s sum %s\n' "$n" "$v" >&2; } >/dev/null &
      dd if="$p" bs=1048576 skip="$a" count="$b"
      r=$?
      wait
      if [ "$(size "$p")" != "$s" ]; then
        v=$(head -c "$s" <"$p" | sum) && printf '\n%s sum %s\n' "$n" "$v" >&2
      fi
      printf '\n%s status %s\n' "$n" "$r" >&2
      exit
    fi

    """#
  }
}

/// What a host says of a file or a folder.
struct RemoteStatus: Sendable {
  let mode: UInt16
  let size: Int
  /// Seconds since 1970; nil where the host can't tell.
  let modified: Int?
  /// How it makes its sum.
  let kind: RunningSum.Kind

  /// - Parameter words: Mode in octal or as `ls` writes it, size, time of change, program.
  init?(_ words: [Substring]) {
    guard words.count == 4, let size = Int(words[1]), size >= 0, let mode = Self.mode(words[0]) else {
      return nil
    }
    self.mode = mode
    self.size = size
    modified = Int(words[2])
    kind = RunningSum.Kind(tool: words[3])
  }

  private static func mode(_ word: Substring) -> UInt16? {
    if let mode = UInt16(word, radix: 8) { return mode & 0o7777 }
    let letters = Array(word.utf8.dropFirst().prefix(9))
    guard letters.count == 9 else { return nil }
    // An `s` or `t` in place of an x stands for both; the capitals for the bit without it.
    return letters.reduce(0) { mode, letter in
      mode << 1 | (letter == 0x2d || letter == 0x53 || letter == 0x54 ? 0 : 1)
    }
  }
}

/// A file of this machine that comes into being beside its place.
final class FileSink: Sendable {
  private struct State: ~Copyable {
    var sum: RunningSum
    /// How many bytes are still to come.
    var left: Int
    var isDone = false
  }

  /// Files are resumed in steps of this, so that the host's dd can seek.
  static let block = 1 << 20

  private let path: String
  private let target: LocalTarget
  private let source: RemoteStatus
  private let meter: TransferMeter
  private let resumes: Bool
  private let file: Descriptor
  private let kind: RunningSum.Kind
  private let state: Mutex<State>

  init(
    _ path: String, target: LocalTarget, source: RemoteStatus, meter: TransferMeter, resumes: Bool
  ) throws {
    self.path = path
    self.target = target
    self.source = source
    self.meter = meter
    self.resumes = resumes
    kind = source.kind
    state = Mutex(State(sum: RunningSum(kind), left: source.size))
    file = try Descriptor(
      opening: path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | (resumes ? 0 : O_EXCL))
    if resumes {
      let status = try file.status(path)
      guard status.isFile, status.st_uid == geteuid(), status.st_nlink == 1 else {
        throw TransferError(
          "\(shown(path)), the part of an earlier transfer, is not your own file: remove it")
      }
    }
  }

  func count() throws -> Int { Int(try file.status(path).st_size) }

  /// How many bytes are there already.
  var offset: Int { source.size - state.withLock { $0.left } }

  /// Keeps the first blocks of what is there, if they are what the host has.
  func resume(blocks: Int, ifSumIs theirs: some StringProtocol) throws {
    try file.rewind(path)
    let wanted = blocks * Self.block
    let isRight = try state.withLock { state in
      var left = wanted
      while left > 0 {
        let bytes = try readPiece(file, min(left, FileSource.pieceSize), path)
        guard !bytes.isEmpty else { throw TransferError("\(shown(path)) has become shorter") }
        state.sum.add(bytes)
        left -= bytes.count
      }
      guard state.sum.text == theirs else {
        state.sum = RunningSum(kind)
        return false
      }
      state.left -= wanted
      return true
    }
    guard isRight else { return try restart() }
    guard ftruncate(file.number, off_t(wanted)) == 0 else { throw localError(path) }
  }

  func restart() throws {
    guard ftruncate(file.number, 0) == 0 else { throw localError(path) }
    try file.rewind(path)
  }

  /// Writes what came; what the source has grown by since is left out.
  ///
  /// - Returns: Whether this was the last of it.
  func take(_ bytes: [UInt8]) throws -> Bool {
    let count = state.withLock { min($0.left, bytes.count) }
    guard count > 0 else { return false }
    try bytes.withUnsafeBytes { all in
      let part = UnsafeRawBufferPointer(rebasing: all[..<count])
      try writeAll(part, to: file, path)
      state.withLock { $0.sum.add(part) }
    }
    meter.add(count)
    return state.withLock { state in
      state.left -= count
      return state.left == 0
    }
  }

  /// Compares it with what the host says and puts it in its place.
  func finish(sum theirs: String, preserves: Bool) throws {
    let (left, ours) = state.withLock { ($0.left, $0.sum.text) }
    guard left == 0 else {
      throw TransferError("\(left) bytes are missing: it has become shorter while the host read it")
    }
    guard ours == theirs else {
      // A part that is wrong must not be taken up again.
      unlink(path)
      throw TransferError("what came is not what the host has: it has changed, or the connection is at fault")
    }
    guard fchmod(file.number, mode_t(newMode(source.mode, umask: ownUmask, preserves: preserves))) == 0 else {
      throw localError(path)
    }
    if preserves, let modified = source.modified { setModified(file.number, modified) }
    guard rename(path, target.path) == 0 else { throw localError(target.path) }
    state.withLock { $0.isDone = true }
  }

  /// Takes away what has not become the target; a part stays, if there is something in it.
  func removeUnlessKept() {
    let isDone = state.withLock { $0.isDone }
    if !isDone, !resumes || (try? count()) == 0 { unlink(path) }
  }
}

extension Descriptor {
  func rewind(_ path: String) throws {
    guard lseek(number, 0, SEEK_SET) == 0 else { throw localError(path) }
  }
}
