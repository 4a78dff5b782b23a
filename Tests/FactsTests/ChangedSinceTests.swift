import MartletCore
import MartletFacts
import TestSupport
import Testing

@Suite struct ChangedSinceTests {
  /// Changes to an application's folder after its stamp, and what is found.
  @Test(arguments: [
    ("true", []), ("echo 2 >app/a.py", ["app/a.py"]), ("touch -d 2001-01-01 app/a.py", ["app/a.py"]),
    ("echo 1 >app/sub/new", ["app/sub/new", "app/sub"]), ("rm app/sub/b.py", ["app/sub"]),
    ("rm -r app/sub", ["app"]), ("mkdir app/sub/__pycache__; echo 1 >app/sub/__pycache__/b.pyc", []),
    ("mkdir app/.git/x; rm app/.git/HEAD", []),
  ])
  func `What was written or removed since is found, byte code is not`(change: String, found: [String])
    async throws
  {
    // BusyBox's find compares whole seconds, and knows modification times only.
    for shell in [LocalShell.dash, .bash] {
      let folder = try TemporaryFolder()
      try folder.write("app/a.py", "1")
      try folder.write("app/sub/b.py", "1")
      try folder.write("app/.git/HEAD", "1")
      // The times of files go in steps of the kernel's clock.
      _ = try await shell.run("cd \(folder.path) && sleep 0.05 && touch stamp && sleep 0.05")
      _ = try await shell.run("cd \(folder.path) && \(raw: change)")
      let fact = ChangedSince(
        stamp: folder.remote("stamp"), or: "/none", watching: [.tree(folder.remote("app"))])
      #expect(try await shell.ask([fact])[fact] == .some(found.map { folder.remote($0).string }), "\(shell)")
    }
  }
}
