import MartletCore
import Testing

@testable import MartletTasks

/// The outputs are pip's own, of 23.0 and 25.
@Suite struct PipFailureTests {
  @Test(
    arguments: [
      (["/srv/v/bin/python: No module named pip", "Python 3.11.2"], "the environment has no pip"),
      (
        [
          "ERROR: Ignored the following versions that require a different python version: 6.0 Requires-Python >=3.12; 6.0.10 Requires-Python >=3.12; 6.1 Requires-Python >=3.12; 6.2a1 Requires-Python >=3.13",
          "ERROR: Could not find a version that satisfies the requirement Django>=6.1 (from versions: 1.1.3, 5.2)",
          "ERROR: No matching distribution found for Django>=6.1", "Python 3.11.2",
        ],
        "this environment has Python 3.11.2, and django 6.1 needs >=3.12: ask for an older version of it"
      ),
      (
        [
          "ERROR: Ignored the following versions that require a different python version: 6.0 Requires-Python >=3.12",
          "ERROR: Could not find a version that satisfies the requirement Django==99 (from versions: 1.1.3, 5.2)",
        ],
        "the package index has no Django==99: the newest for this host is 5.2"
      ),
      (
        ["ERROR: Could not find a version that satisfies the requirement nosuch (from versions: none)"],
        "the package index has no nosuch for this host: is the name right?"
      ),
      (
        [
          "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('x: Failed to establish a new connection: [Errno -3] Temporary failure in name resolution')': /simple/django/",
          "ERROR: Could not find a version that satisfies the requirement django (from versions: none)",
        ],
        "this host can't reach the package index"
      ),
      (
        [
          "ERROR: Cannot install asgiref==3.6 and django==5.1 because these package versions have conflicting dependencies.",
          "", "The conflict is caused by:", "    The user requested asgiref==3.6",
          "    django 5.1 depends on asgiref<4 and >=3.8.1", "", "To fix this you could try to:",
        ],
        "versions that can't go together: The user requested asgiref==3.6; django 5.1 depends on asgiref<4 and >=3.8.1"
      ),
      (
        [
          "      error: command 'x86_64-linux-gnu-gcc' failed: No such file or directory", "╰─> psycopg2",
        ],
        "the build of psycopg2 needs a compiler, and perhaps libraries: InstallPython(headers: true)"
      ),
      (["Error: pg_config executable not found."], "AptPackages(\"libpq-dev\")"),
      (["src/x.c:3:10: fatal error: ldap.h: No such file or directory"], "fatal error: ldap.h"),
      (
        ["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"],
        "the disk is full"
      ),
      (["error: externally-managed-environment"], "install into a Virtualenv"),
      (
        ["ERROR: Invalid requirement: 'flask=3'", "Hint: = is not a valid operator."],
        "Invalid requirement: 'flask=3'"
      ),
      (["something else"], "-"),
    ] as [([String], String)])
  func failuresAreSaidInALine(output: [String], expected: String) {
    let text = PipFailure.explain(output) ?? "-"
    #expect(text.contains(expected), "\(text)")
    #expect(text.count < 400)
  }
}
