import Glibc

/// Adds keys to known_hosts files, in a way that keeps them valid whatever happens meanwhile.
///
/// Lines are only ever appended, all of one batch by a single write in append mode: the line of another
/// process is never torn, and a process that dies leaves at most its own last line unfinished, which readers
/// pass over and the next writer ends. Writers of this program wait for each other (flock(2)) and look again
/// before they write, so that two runs that meet the same new host write it once. The file is on the disk
/// (fsync(2)) before the key is believed.
actor KnownHostsWriter {
  /// A key that is to be learned.
  struct Request: Sendable {
    var key: HostKey
    var name: KnownHosts.Name
    var policy: KnownHostsPolicy
  }

  typealias Answer = Result<KnownHosts.Verdict, KnownHostsStore.Failure>

  private static let shared = KnownHostsWriter()
  private var waiting: [(request: Request, continuation: CheckedContinuation<Answer, Never>)] = []
  private var isWriting = false

  /// Trusts the key that an unknown host has shown, and answers with what the files make of it then: another
  /// run may have learned a different key at the same time.
  static func learn(_ request: Request) async throws(KnownHostsStore.Failure) -> KnownHosts.Verdict {
    try await withCheckedContinuation { continuation in
      Task { await shared.add(request, continuation) }
    }.get()
  }

  private func add(_ request: Request, _ continuation: CheckedContinuation<Answer, Never>) async {
    waiting.append((request, continuation))
    guard !isWriting else { return }
    isWriting = true
    // Those that come while the disk is written to are the next batch.
    while !waiting.isEmpty {
      let batch = waiting
      waiting = []
      let answers = await Task.detached { KnownHostsWriter.write(batch.map(\.request)) }.value
      for (entry, answer) in zip(batch, answers) { entry.continuation.resume(returning: answer) }
    }
    isWriting = false
  }

  /// Writes what isn't known yet, each file once. Blocks.
  static func write(_ requests: [Request]) -> [Answer] {
    var answers = [Answer](repeating: .success(.unknown), count: requests.count)
    for (file, indices) in Dictionary(grouping: requests.indices, by: { requests[$0].policy.files.first }) {
      guard let file else {
        let failure = KnownHostsStore.Failure(
          message: "no known_hosts file is set to which the host's key could be added")
        for index in indices { answers[index] = .failure(failure) }
        continue
      }
      do throws(KnownHostsStore.Failure) {
        let own = try write(indices.map { requests[$0] }, to: file)
        for (index, answer) in zip(indices, own) { answers[index] = answer }
      } catch {
        for index in indices { answers[index] = .failure(error) }
      }
    }
    return answers
  }

  private static func write(
    _ requests: [Request], to path: String
  ) throws(KnownHostsStore.Failure) -> [Answer] {
    let file = try OpenFile(path)
    var text = ""
    var learned: [(name: KnownHosts.Name, key: HostKey)] = []
    var answers: [Answer] = []
    for request in requests {
      do throws(KnownHostsStore.Failure) {
        var verdict = try KnownHostsStore.load(request.policy.allFiles).keys(of: request.name)
          .check(request.key.blob)
        if verdict == .unknown || isNew(verdict, request.policy) {
          guard request.name.isWritable else {
            throw KnownHostsStore.Failure(message: "the host's name can't be written to a known_hosts file")
          }
          let earlier = learned.filter { $0.name == request.name }
          if earlier.isEmpty {
            text += KnownHosts.line(request.key, for: request.name, isHashed: request.policy.hashesNames)
            learned.append((request.name, request.key))
          }
          let others = earlier.filter { $0.key != request.key }
          verdict =
            others.isEmpty
            ? .trusted
            : .changed(others.map { .init(file: path, line: 0, type: $0.key.type, blob: $0.key.blob) })
        }
        answers.append(.success(verdict))
      } catch {
        answers.append(.failure(error))
      }
    }
    if !text.isEmpty { try file.append(text) }
    return answers
  }

  private static func isNew(_ verdict: KnownHosts.Verdict, _ policy: KnownHostsPolicy) -> Bool {
    if case .certificateNeeded = verdict { return policy.mode == .off }
    return false
  }
}

/// A known_hosts file that is open for appending, and locked for as long as it is.
private final class OpenFile {
  private let path: String
  private let descriptor: Int32
  private let isNew: Bool
  /// False for `/dev/null`, which takes everything and keeps nothing.
  private let isRegular: Bool

  init(_ path: String) throws(KnownHostsStore.Failure) {
    self.path = path
    if let folder = OpenFile.folder(of: path) { mkdir(folder, 0o700) }
    // A file that was replaced while the lock was waited for (ssh-keygen -R does that) is not the one any more.
    for _ in 0..<10 {
      let isNew = LocalFile.stamp(path) == nil
      let descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0o600)
      guard descriptor >= 0 else { throw OpenFile.failure(path, errno) }
      var info = stat()
      let kind = fstat(descriptor, &info) == 0 ? info.st_mode & S_IFMT : 0
      guard kind == S_IFREG || kind == S_IFCHR else {
        close(descriptor)
        throw OpenFile.failure(path, EINVAL)
      }
      if kind == S_IFREG { OpenFile.lock(descriptor) }
      let current = LocalFile.stamp(path)
      if kind == S_IFCHR
        || current.map({ $0.inode == UInt(info.st_ino) && $0.device == UInt(info.st_dev) }) ?? false
      {
        (self.descriptor, self.isNew, isRegular) = (descriptor, isNew, kind == S_IFREG)
        return
      }
      close(descriptor)
    }
    throw KnownHostsStore.Failure(
      message: "the host's key can't be added to \(path): other programs keep replacing the file")
  }

  deinit { close(descriptor) }

  private static func folder(of path: String) -> String? {
    path.lastIndex(of: "/").flatMap { $0 == path.startIndex ? nil : String(path[..<$0]) }
  }

  private static func failure(_ path: String, _ code: Int32) -> KnownHostsStore.Failure {
    KnownHostsStore.Failure(message: "the host's key can't be added to \(path): \(errorText(code))")
  }

  /// Waits for other writers, but not for ever: without the lock no line is torn either, one may only be there
  /// twice.
  private static func lock(_ descriptor: Int32) {
    for _ in 0..<200 {
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK { return }
      usleep(5000)
    }
  }

  func append(_ text: String) throws(KnownHostsStore.Failure) {
    guard isRegular else { return }
    var bytes = Array(text.utf8)
    let size = lseek(descriptor, 0, SEEK_END)
    var last: UInt8 = 10
    if size > 0, pread(descriptor, &last, 1, size - 1) == 1, last != 10 { bytes.insert(10, at: 0) }
    let count = Glibc.write(descriptor, bytes, bytes.count)
    guard count == bytes.count else {
      let code = count < 0 ? errno : ENOSPC
      // What a full disk took of the lines is taken back, unless someone else has written after it.
      if count > 0, lseek(descriptor, 0, SEEK_END) == size + count { ftruncate(descriptor, size) }
      throw OpenFile.failure(path, code)
    }
    guard fsync(descriptor) == 0 || errno == EINVAL else { throw OpenFile.failure(path, errno) }
    guard isNew, let folder = OpenFile.folder(of: path) else { return }
    let parent = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard parent >= 0 else { return }
    fsync(parent)
    close(parent)
  }
}
