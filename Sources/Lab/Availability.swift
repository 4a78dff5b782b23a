#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif
#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

extension Lab {
  /// Why no lab can be made on this machine, or nil when one can.
  ///
  ///     @Test(.enabled(if: Lab.unavailableReason() == nil))
  ///
  /// It looks for root, Linux and the tools, then tries for real, in namespaces that end at once, whether
  /// the kernel allows what a host needs (about 20 ms).
  ///
  /// - Parameter directory: where the lab would be; its file system must be able to carry an overlay.
  /// - Returns: one sentence or two, with what to do about it.
  public static func unavailableReason(directory: String = Lab.defaultDirectory) -> String? {
    #if os(Linux)
      guard geteuid() == 0 else {
        return "the lab makes namespaces and mounts, which needs root: run it with sudo"
      }
      let missing = Set(Tool.needed.filter { $0.path == nil }.map(\.package)).sorted()
      guard missing.isEmpty else {
        return
          "the lab needs programs that are not installed: apt-get install \(missing.joined(separator: " "))"
      }
      return probe(directory).map {
        "the kernel, or the container this runs in, does not allow what a lab server needs: \($0)"
      }
    #else
      return "the lab is made of Linux namespaces, and this is another system"
    #endif
  }

  /// Why a test that needs a lab is to be skipped, or nil when it is to run.
  ///
  ///     @Test(.disabled(if: Lab.skipReason() != nil, "\(Lab.skipReason() ?? "")"))
  ///
  /// On a CI machine (`CI=true`) it is never skipped: where no lab can be made there, ``up(_:suite:systemd:sshd:)``
  /// throws the reason, and the test fails.
  public static func skipReason() -> String? {
    ProcessInfo.processInfo.environment["CI"] == "true" ? nil : unavailableReason()
  }

  /// What to use where no lab can be made.
  public static let alternative = """
    Any machine with sshd will do instead, such as a virtual machine. Put its address in an inventory file:
      all:
        hosts:
          try1: {ansible_host: 192.0.2.10, ansible_user: root}
    and run: martlet apply PLAYBOOK -i FILE
    """

  #if os(Linux)
    /// The complaint of a mount or an unshare that a host needs, nil when all of them work.
    private static func probe(_ directory: String) -> String? {
      do {
        try FileSystem.makeDirectory(directory)
        var template = Array("\(directory)/probe.XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { return "\(directory): \(lastSystemError())" }
        let folder = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let script = "\(folder)/host.sh"
        try FileSystem.write(Lab.script, to: script)
        return try runProbe(script, folder)
      } catch {
        return "\(error)"
      }
    }

    /// Starts the probe and waits for it. Not through Subprocess: a test's condition is not async.
    private static func runProbe(_ script: String, _ folder: String) throws -> String? {
      let log = "\(folder)/log"
      var files = posix_spawn_file_actions_t()
      posix_spawn_file_actions_init(&files)
      defer { posix_spawn_file_actions_destroy(&files) }
      posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
      posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0)
      posix_spawn_file_actions_addopen(&files, 2, log, O_WRONLY | O_CREAT, 0o600)
      let words: [String] = ["sh", script, "probe", folder]
      var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
      defer { arguments.forEach { free($0) } }
      arguments.append(nil)
      var pid = pid_t()
      let error = posix_spawn(&pid, "/bin/sh", &files, nil, arguments, environ)
      guard error == 0 else { return "cannot start /bin/sh: \(String(cString: strerror(error)))" }

      let deadline = ContinuousClock.now + .seconds(20)
      var status: CInt = 0
      while waitpid(pid, &status, WNOHANG) == 0 {
        guard ContinuousClock.now < deadline else {
          sendSignal(SIGKILL, to: pid)
          waitpid(pid, &status, 0)
          return "trying it took longer than 20 s"
        }
        // A skip reason is asked for where nothing can be awaited; the trial takes some 20 ms.
        usleep(1000)
      }
      guard status != 0 else { return nil }
      let said = (FileSystem.read(log) ?? "").split(separator: "\n").first ?? "status \(status)"
      return String(said)
    }
  #endif
}
