import Foundation
import MartletCore
import MartletTransports
import TestSupport

/// A container of the tests' own, in a storage of its own, that podman runs; docker's client, where it is there, talks
/// to podman too.
///
/// It holds BusyBox and this machine's /tmp.
final class ContainerBench: Sendable {
  static let shared = Result { try ContainerBench() }

  /// Why there can be none here; nil if there is one.
  static var obstacle: String? {
    if case .failure(let error) = shared { return "\(error)" }
    return nil
  }

  let container: String
  /// Each client that is there, with the options that lead to the container.
  let clients: [ContainerEngine: [String]]
  private let podman: [String]
  private let folder: String
  private let service: Int32

  private init() throws {
    for program in ["podman", "runc", "busybox"] { try Self.needs(program) }
    // podman wants a short one.
    let folder = "/tmp/martlet-box-\(getpid())"
    self.folder = folder
    try shell("mkdir \(folder)")
    container = "martlet-test"
    podman = [
      "podman", "--root", "\(folder)/root", "--runroot", "\(folder)/run", "--storage-driver", "vfs",
      "--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "runc",
    ]
    var clients = [ContainerEngine.podman: podman]
    if Self.has("docker") { clients[.docker] = ["docker", "--host", "unix://\(folder)/service"] }
    self.clients = clients
    let command = podman.joined(separator: " ")
    // A user that isn't root, and whatever shared libraries this BusyBox needs.
    try Self.prepare(
      """
      exec 2>&1
      mkdir -p tree/bin tree/tmp tree/root tree/etc
      cp "$(command -v busybox)" tree/bin/busybox
      for name in $(busybox --list); do ln -sf busybox tree/bin/$name; done
      for file in $(ldd tree/bin/busybox | grep -o '/[^ ]*'); do
        mkdir -p "tree$(dirname "$file")"
        cp -L "$file" "tree$file"
      done
      printf 'root:x:0:0:root:/root:/bin/sh\\nguest:x:1000:1000::/tmp:/bin/sh\\n' >tree/etc/passwd
      printf 'root:x:0:\\nguest:x:1000:\\n' >tree/etc/group
      tar -C tree -cf tree.tar .
      \(command) import tree.tar martlet/test
      \(command) run -d --name \(container) --network none --security-opt seccomp=unconfined \\
        --ulimit nofile=1024:"$(ulimit -Hn)" --ulimit nproc=1024:1024 -v /tmp:/tmp martlet/test sleep 3600
      \(command) exec \(container) true
      """, in: folder)
    service = try spawn(
      ["/bin/sh", "-c", "exec \(command) system service --time 3600 unix://\(folder)/service"],
      output: "\(folder)/service.log")
    for _ in 0..<200 where access("\(folder)/service", F_OK) != 0 { usleep(20_000) }
    atexit { if case .success(let bench) = ContainerBench.shared { bench.remove() } }
  }

  /// Runs a script; the error is the last that it said.
  private static func prepare(_ script: String, in folder: String) throws {
    do {
      try shell(script, in: folder)
    } catch {
      let last = "\(error)".split(separator: "\n").last.map(String.init) ?? ""
      _ = try? shell("rm -rf '\(folder)'")
      throw TestFailure("podman runs no container here: \(last)")
    }
  }

  private static func has(_ program: String) -> Bool { (try? shell("command -v \(program)")) != nil }

  private static func needs(_ program: String) throws {
    guard has(program) else { throw TestFailure("there is no \(program) here") }
  }

  private func remove() {
    kill(service, SIGTERM)
    _ = try? shell("\(podman.joined(separator: " ")) rm -f --time 0 \(container) >/dev/null 2>&1")
    _ = try? shell("rm -rf '\(folder)'")
  }

  /// Starts another container.
  ///
  /// - Parameter isKept: Whether it is still there when it has ended.
  func start(_ name: String, isKept: Bool = false) throws {
    try shell(
      "\(podman.joined(separator: " ")) run -d \(isKept ? "" : "--rm") --name \(name) --network none "
        + "--security-opt seccomp=unconfined --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "
        + "martlet/test sleep 600")
  }

  /// Ends a container at once, with all that runs in it.
  func stop(_ name: String) throws { try shell("\(podman.joined(separator: " ")) kill \(name)") }
}
