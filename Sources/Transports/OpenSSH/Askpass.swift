internal import MartletCore
internal import MartletEngine
internal import MartletSSH
internal import Subprocess
internal import Synchronization

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif
#if canImport(Darwin)
  internal import Darwin
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Glibc
#endif

/// An answer that comes some time.
private final class Answer: Sendable {
  private let state = Mutex<SSHSecret??>(nil)

  var isThere: Bool { state.withLock { $0 != nil } }
  var value: SSHSecret? { state.withLock { $0 ?? nil } }

  func set(_ secret: SSHSecret?) { state.withLock { $0 = .some(secret) } }
}

/// Answers what `ssh` asks while it logs in: by the password that is known, or by asking the user.
///
/// `ssh` has a program ask for it (ssh(1), SSH_ASKPASS). Here that is a script that leaves the question in the control
/// folder, which only this user can enter, and reads the answer from a pipe beside it: no answer is ever in a file, an
/// argument or a variable.
struct Askpass: Sendable {
  private let folder: ControlFolder
  private let source: AnswerSource

  private static let pause = Duration.milliseconds(50)
  /// How long the script may take to open its pipe.
  private static let patience = Duration.seconds(5)

  /// - Parameters:
  ///   - questions: Who is asked; nil: nobody.
  ///   - password: The user's on the host.
  ///   - names: What `ssh` may call the host, which tells its password from that of a jump host.
  init(folder: ControlFolder, questions: (any SSHQuestions)?, password: Secret?, names: [String]) throws {
    self.folder = folder
    source = AnswerSource(questions: questions, password: password, names: names)
    let path = folder.path + "/askpass"
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o700)
    let bytes = Array(Self.script(folder.path, owner: getpid()).utf8)
    guard descriptor >= 0, write(descriptor, bytes, bytes.count) == bytes.count, close(descriptor) == 0 else {
      throw TransportError("\(path) can't be written: \(String(cString: strerror(errno)))")
    }
  }

  /// The variables that `ssh` is started with.
  var environment: [Environment.Key: String?] {
    // Before 8.4 it asks by a program only where there seem to be windows.
    let display = ProcessInfo.processInfo.environment["DISPLAY"] ?? ":0"
    return ["SSH_ASKPASS": folder.path + "/askpass", "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": display]
  }

  /// The script waits for as long as its question lies there, and this process lives.
  private static func script(_ folder: String, owner: Int32) -> String {
    let folder = Shell.quote(folder)
    return """
      #!/bin/sh
      cd \(folder) || exit 1
      if [ "$SSH_ASKPASS_PROMPT" != none ]; then (umask 077; mkfifo "answer.$$") || exit 1; fi
      printf '%s\\n%s' "$SSH_ASKPASS_PROMPT" "$1" >"new.$$" && mv "new.$$" "asks.$$" || exit 1
      while [ -e "asks.$$" ]; do kill -0 \(owner) 2>/dev/null || exit 1; sleep 0.1; done
      [ -p "answer.$$" ] || exit 1
      IFS= read -r answer <"answer.$$" || exit 1
      printf '%s\\n' "$answer"
      """
  }

  /// Answers until that time is over, in which the time doesn't count that the user takes.
  func serve(for limit: Duration) async throws {
    var deadline = ContinuousClock.now + limit
    // What each question was answered with last.
    var given: [String: SSHSecret] = [:]
    while ContinuousClock.now < deadline {
      for (number, kind, text) in waiting() {
        if kind == "none" {
          // Whom it tells to touch a key answers there. `ssh` doesn't wait for the script.
          Task { [source] in await source.questions?.tell(text) }
          await give(nil, to: number)
          continue
        }
        let refused = given[text]
        let start = ContinuousClock.now
        // Whoever is asked may take any time, and `ssh` may be gone long before.
        let asking = Answer()
        Task { [source] in asking.set(await source.answer(to: text, kind: kind, refused: refused)) }
        while !asking.isThere { try await Task.sleep(for: Self.pause) }
        given[text] = asking.value
        await give(asking.value, to: number)
        deadline += .now - start
      }
      try await Task.sleep(for: Self.pause)
    }
  }

  /// The questions that lie there, by the number of the process that waits.
  private func waiting() -> [(number: String, kind: String, text: String)] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return files.filter { $0.hasPrefix("asks.") }.sorted().compactMap { file in
      guard let data = FileManager.default.contents(atPath: "\(folder.path)/\(file)") else { return nil }
      let parts = String(decoding: data, as: UTF8.self).split(
        separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { return nil }
      return (String(file.dropFirst(5)), String(parts[0]), ControlFolder.harmless(String(parts[1])))
    }
  }

  /// Has the script go on. Without an answer it fails, which ends what `ssh` is trying.
  private func give(_ answer: SSHSecret?, to number: String) async {
    let pipe = "\(folder.path)/answer.\(number)"
    if answer == nil { unlink(pipe) }
    unlink("\(folder.path)/asks.\(number)")
    guard let answer else { return }
    let end = ContinuousClock.now + Self.patience
    repeat {
      let descriptor = open(pipe, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
      if descriptor >= 0 {
        let bytes = answer.bytes + [10]
        _ = write(descriptor, bytes, bytes.count)
        close(descriptor)
        return
      }
      try? await Task.sleep(for: .milliseconds(10))
    } while ContinuousClock.now < end && !Task.isCancelled
  }
}

/// Where answers come from.
struct AnswerSource: Sendable {
  let questions: (any SSHQuestions)?
  /// The user's on the host.
  let password: Secret?
  /// What `ssh` may call the host.
  let names: [String]

  func answer(to text: String, kind: String, refused: SSHSecret?) async -> SSHSecret? {
    switch Question(text) {
    case .password(let user, let host):
      if refused == nil, let password, names.contains(where: { $0.lowercased() == host.lowercased() }) {
        return SSHSecret(password.reveal())
      }
      return await questions?.password(user: user, host: host, refused: refused)
    case .passphrase(let path):
      return await questions?.passphrase(forKey: path, wasWrong: refused != nil)
    case .other:
      let isEchoed = kind == "confirm" || text.contains("(yes/no")
      return await questions?.answers(
        to: SSHPrompts(user: "", host: "", prompts: [.init(text: text, isEchoed: isEchoed)])
      )?.first
    }
  }

  /// What `ssh` asks in its own words (sshconnect2.c; they aren't translated).
  ///
  /// Before a server's own words it sets the place in parentheses: only the first of these is believed, or a jump host
  /// could ask for the password of the host behind it.
  enum Question: Equatable {
    case password(user: String, host: String)
    case passphrase(path: String)
    case other

    init(_ text: String) {
      if let match = text.wholeMatch(of: /\(([^)]+)@([^@)]+)\) [Pp]assword: ?/) {
        self = .password(user: String(match.1), host: String(match.2))
      } else if text.hasPrefix("(") {
        self = .other
      } else if let match = text.wholeMatch(of: /(.+)@([^@]+)'s password: ?/) {
        self = .password(user: String(match.1), host: String(match.2))
      } else if let match = text.wholeMatch(of: /Enter passphrase for key '(.+)': ?/) {
        self = .passphrase(path: String(match.1))
      } else {
        self = .other
      }
    }
  }
}
