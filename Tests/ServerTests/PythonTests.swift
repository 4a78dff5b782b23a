import MartletCore
import MartletFacts
import MartletTasks
import Testing

extension ServerTests {
  @Suite struct PythonTests {
    @Test func virtualEnvironmentsAndPackages() async throws {
      let server = try await Server.fresh()
      let venv: RemotePath = "/srv/shop/venv"
      try await prove(on: server) {
        InstallPython()
        Directory("/srv/shop")
        EnvironmentFile(
          "/srv/shop/env", ["A": "it's $5 \\ x", "B": "a 'b\"c"], secrets: ["C": Secret("s3cret value $x")],
          generated: ["SECRET_KEY"], isReadByDotenv: false)
        Virtualenv(venv)
        PipInstall("django>=4.2,<5", "gunicorn", into: venv)
        PipInstall("asgiref[tests]", into: venv)
      }
      #expect(
        try await server.ask(
          "sh", "-c", ". /srv/shop/env; printf '%s|%s|%s|%s' \"$A\" \"$B\" \"$C\" ${#SECRET_KEY}")
          == "it's $5 \\ x|a 'b\"c|s3cret value $x|50")
      let key = try await server.ask("sh", "-c", ". /srv/shop/env; echo $SECRET_KEY")

      // The interpreter's end: the environment is built anew, and its packages come back in the same run.
      _ = try await server.ask("ln", "-sfn", "/usr/bin/python3.5", "/srv/shop/venv/bin/python3")
      let rebuilt = try await server.run {
        Virtualenv(venv)
        PipInstall("django>=4.2,<5", "gunicorn", into: venv)
        EnvironmentFile("/srv/shop/env", ["A": "other"], generated: ["SECRET_KEY"])
      }
      #expect(rebuilt.failure == "")
      #expect(rebuilt.recap.changed == 3)
      #expect(try await server.ask("/srv/shop/venv/bin/gunicorn", "--version").hasPrefix("gunicorn"))
      #expect(try await server.ask("sh", "-c", ". /srv/shop/env; echo $SECRET_KEY") == key)

      let missing = try await server.run { PipInstall("martlet-has-no-such-package==1", into: venv) }
      #expect(missing.code == 1)
      #expect(missing.failure.contains("No matching distribution found for martlet-has-no-such-package"))
    }
  }
}
