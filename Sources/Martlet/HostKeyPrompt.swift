internal import Dispatch
package import MartletTransports
internal import Synchronization

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// Asks on the terminal about the keys of all unknown hosts, once, as one table.
package struct HostKeyPrompt: HostKeyQuestions {
  /// Where questions go, whatever standard input and output are.
  private static let path = "/dev/tty"
  /// How often a question is put that is answered with something else.
  private static let attempts = 5

  private let whileAsking: @Sendable (_ isAsking: Bool) -> Void

  /// The prompt, if this program has a terminal and may read from it; nil in a job of cron or CI, and in the
  /// background.
  ///
  /// - Parameter whileAsking: Called with true before a question and with false after the answer.
  package static func onTerminal(
    whileAsking: @escaping @Sendable (_ isAsking: Bool) -> Void = { _ in }
  ) -> HostKeyPrompt? {
    let terminal = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY)
    guard terminal >= 0 else { return nil }
    defer { close(terminal) }
    // Reading in the background would stop the program (SIGTTIN).
    return tcgetpgrp(terminal) == getpgrp() ? HostKeyPrompt(whileAsking: whileAsking) : nil
  }

  package func accept(_ table: [UnknownHostKey]) async -> Set<UnknownHostKey> {
    let terminal = open(Self.path, O_RDWR | O_CLOEXEC | O_NOCTTY)
    guard terminal >= 0 else { return [] }
    defer { close(terminal) }
    whileAsking(true)
    defer { whileAsking(false) }
    Self.show(Self.text(of: table), on: terminal)
    for _ in 0..<Self.attempts {
      Self.show(Self.question(table), on: terminal)
      guard let line = await Self.line(from: terminal) else { break }
      if let answer = Self.read(line, for: table) { return answer }
      Self.show("Please answer yes, no, or with numbers of the first column, such as 1,3-5.\n", on: terminal)
    }
    Self.show("\n", on: terminal)
    return []
  }

  /// The table, with a line for each key.
  static func text(of table: [UnknownHostKey]) -> String {
    var rows = [["#", "host", "address", "type", "fingerprint"]]
    var first: [String: Int] = [:]
    for (index, key) in table.enumerated() {
      let address = key.address.contains(":") ? "[\(key.address)]" : key.address
      var fingerprint = key.fingerprint
      if let other = first[key.type + key.fingerprint] {
        fingerprint += "  same key as \(other)"
      } else {
        first[key.type + key.fingerprint] = index + 1
      }
      rows.append([
        "\(index + 1)", key.hosts.joined(separator: ","), "\(address):\(key.port)", key.type, fingerprint,
      ])
    }
    let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    let lines = rows.map { row in
      var line = ""
      for (cell, width) in zip(row, widths) {
        line += "  " + cell + String(repeating: " ", count: max(0, width - cell.count))
      }
      while line.hasSuffix(" ") { line.removeLast() }
      return line + "\n"
    }
    let subject =
      table.count == 1 ? "This host is not known yet" : "These \(table.count) hosts are not known yet"
    return "\(subject). Their keys, as they show them:\n\n\(lines.joined())\n"
      + "On a host, this tells its own: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub\n"
  }

  static func question(_ table: [UnknownHostKey]) -> String {
    table.count == 1
      ? "Trust this key? (yes/no) " : "Trust these \(table.count) keys? (yes/no/numbers such as 1,3-5) "
  }

  /// What an answer means: all, none, those of the numbers, or those of a fingerprint; nil if it means nothing.
  static func read(_ answer: String, for table: [UnknownHostKey]) -> Set<UnknownHostKey>? {
    let words = answer.lowercased().split { $0 == "," || $0.isWhitespace }.map(String.init)
    switch words {
    case ["yes"]: return Set(table)
    case ["no"]: return []
    case []: return nil
    default: break
    }
    let named = table.filter { key in answer.split { $0.isWhitespace }.contains { $0 == key.fingerprint } }
    if !named.isEmpty { return Set(named) }
    var chosen: Set<UnknownHostKey> = []
    for word in words {
      let ends = word.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
      guard (1...2).contains(ends.count), let low = ends.first ?? nil, let high = ends.last ?? nil, low >= 1,
        low <= high, high <= table.count
      else { return nil }
      chosen.formUnion(table[(low - 1)..<high])
    }
    return chosen
  }

  private static func show(_ text: String, on terminal: Int32) {
    let bytes = Array(text.utf8)
    var sent = 0
    while sent < bytes.count {
      let count = bytes[sent...].withUnsafeBytes { write(terminal, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return }
      sent += count
    }
  }

  /// The next line; nil at the end of the input, or when the task is cancelled.
  private static func line(from terminal: Int32) async -> String? {
    let isCancelled = Flag()
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        // A person takes any time, and reading blocks: not on a thread that others need.
        DispatchQueue(label: "martlet.hostkeys").async {
          continuation.resume(returning: readLine(terminal, unless: isCancelled))
        }
      }
    } onCancel: {
      isCancelled.value.store(true, ordering: .relaxed)
    }
  }

  private final class Flag: Sendable {
    let value = Atomic(false)
  }

  private static func readLine(_ terminal: Int32, unless isCancelled: Flag) -> String? {
    var bytes: [UInt8] = []
    while bytes.count < 4096 {
      if isCancelled.value.load(ordering: .relaxed) { return nil }
      var wait = pollfd(fd: terminal, events: Int16(POLLIN), revents: 0)
      guard poll(&wait, 1, 100) > 0 else { continue }
      var byte: UInt8 = 0
      let count = systemRead(terminal, &byte, 1)
      if count < 0, errno == EINTR { continue }
      guard count == 1 else { return nil }
      if byte == 10 { return String(decoding: bytes, as: UTF8.self) }
      bytes.append(byte)
    }
    return ""
  }
}

/// read(2), whose name the prompt has for reading an answer.
private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawPointer, _ count: Int) -> Int {
  read(descriptor, bytes, count)
}
