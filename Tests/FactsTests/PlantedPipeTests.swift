import MartletCore
import MartletFacts
import TestSupport
import Testing

/// Another user of the host may put a named pipe where a look reads: whoever opens it waits for ever, and so does the test,
/// until its time is over.
@Suite(.timeLimit(.minutes(1))) struct PlantedPipeTests {
  @Test(arguments: LocalShell.allCases) func noLookWaitsForAPipe(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    _ = try await shell.run(
      """
      cd \(folder.path) && mkfifo pipe && mkdir -p venv new/lib/python3.11/site-packages/a.egg-info && mkfifo venv/pyvenv.cfg
      cd new && echo 'version = 3.11.2' >pyvenv.cfg && mkfifo .martlet-pip-1
      cd lib/python3.11/site-packages && mkfifo b.egg-link c.egg-info a.egg-info/PKG-INFO
      """)
    let (pipe, venv, new) = (folder.remote("pipe"), folder.remote("venv"), folder.remote("new"))
    func asks<F: ProbedFact>(_ facts: [F]) async throws { _ = try? await shell.ask(facts) }
    try await asks([FileState(pipe)])
    try await asks([FileText(pipe)])
    try await asks([FileSum(pipe)])
    try await asks([SymbolicLink(pipe)])
    try await asks([EnvironmentFileState(pipe)])
    try await asks([TreeManifest(pipe), TreeManifest(RemotePath(folder.path))])
    try await asks([PipPackages(in: venv), PipPackages(in: new)])
    try await asks([PipRequirementsFile(pipe)])
    try await asks([PipLocalProject(pipe), PipLocalProject(new)])
    try await asks([VirtualEnvironment(venv), VirtualEnvironment(new)])
  }
}
