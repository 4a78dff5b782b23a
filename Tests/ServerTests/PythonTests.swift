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
      // systemd and python-dotenv read the same, but for the mixture that dotenv has no way to write.
      let systemd = try await server.ask(
        "systemd-run", "--quiet", "--pipe", "--wait", "-p", "EnvironmentFile=/srv/shop/env", "sh", "-c",
        "printf '%s|%s|%s' \"$A\" \"$B\" \"$C\"")
      #expect(systemd == "it's $5 \\ x|a 'b\"c|s3cret value $x")
      _ = try await server.run {
        PipInstall("python-dotenv", into: venv)
        EnvironmentFile(
          "/srv/shop/dotenv", ["A": "it's \\ x", "B": "a 'b\"c", "C": "v $x `y` #z \"q\"", "D": "a\\b\\\\c"])
      }
      #expect(
        try await server.ask(
          "/srv/shop/venv/bin/python", "-c",
          "import dotenv; v = dotenv.dotenv_values('/srv/shop/dotenv'); print(*(v[k] for k in 'ABCD'), sep='|')"
        )
          == "it's \\ x|a 'b\"c|v $x `y` #z \"q\"|a\\b\\\\c")
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
      #expect(
        missing.failure.hasPrefix("the package index has no martlet-has-no-such-package==1 for this host"))
      // Row 43.
      let newer = try await server.run { PipInstall("Django>=6.1", into: venv) }
      #expect(newer.failure.hasPrefix("this environment has Python 3.11."), "\(newer.failure)")
      #expect(newer.failure.contains("and django 6.1") && newer.failure.count < 2000, "\(newer.failure)")
      try await requirementsInEveryForm(server, venv)
    }

    /// Rows 10, 21 and 22: what pip takes is taken, and what it left is right.
    private func requirementsInEveryForm(_ server: Server, _ venv: RemotePath) async throws {
      _ = try await server.ask(
        "sh", "-c",
        """
        set -e; mkdir -p /srv/r/pkg /srv/r/wheels; cd /srv/r
        printf 'from setuptools import setup\\nsetup(name="martlet-local", version="0.1", py_modules=["m"])\\n' >pkg/setup.py
        echo >pkg/m.py
        printf '\\357\\273\\277docopt==0.6.2\\r\\n-r "base req.txt"\\r\\n' >form.txt
        printf 'sqlparse>=0.5 \\\\\\n# which one does not matter\\nasgiref ; python_version > "3"\\n' >'base req.txt'
        printf 'sqlparse<9\\n-c limits.txt\\n./wheels/wheeled-1.0-py3-none-any.whl\\n' >limited.txt
        printf 'never-asked-for==1\\n' >limits.txt
        printf 'docopt==0.6.2\\n' >local.txt
        /srv/shop/venv/bin/python - <<'END'
        import zipfile
        z = zipfile.ZipFile("/srv/r/wheels/wheeled-1.0-py3-none-any.whl", "w")
        i = "wheeled-1.0.dist-info/"
        z.writestr("wheeled.py", "")
        z.writestr(i + "METADATA", "Metadata-Version: 2.1\\nName: wheeled\\nVersion: 1.0\\n")
        z.writestr(i + "WHEEL", "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        z.writestr(i + "RECORD", "wheeled.py,,\\n" + "".join(i + n + ",,\\n" for n in ("METADATA", "WHEEL", "RECORD")))
        z.close()
        END
        """)
      for file in ["form.txt", "limited.txt"] {
        try await prove(on: server) { PipInstall(requirements: RemotePath("/srv/r/\(file)"), into: venv) }
      }
      // A copy of an environment is another one, though its programs name the first.
      _ = try await server.ask(
        "sh", "-c",
        "cp -a /srv/shop/venv /srv/shop/copy && /srv/shop/copy/bin/python -m pip uninstall -q -y wheeled")
      try await prove(on: server) {
        PipInstall("/srv/r/wheels/wheeled-1.0-py3-none-any.whl", into: "/srv/shop/copy")
      }
      #expect(
        try await server.ask("/srv/shop/copy/bin/python", "-c", "import wheeled; print(wheeled.__file__)")
          .hasPrefix("/srv/shop/copy/"))
      let local = PipInstall(requirements: "/srv/r/local.txt", into: venv)
      #expect(try await server.run { local }.recap.changed == 0)
      _ = try await server.ask("sh", "-c", "echo '--editable ./pkg' >>/srv/r/local.txt")
      try await prove(on: server) { PipInstall(requirements: "/srv/r/local.txt", into: venv) }
      #expect(
        try await server.ask(
          "/srv/shop/venv/bin/python", "-c", "import m, wheeled, docopt; print(m.__file__)")
          == "/srv/r/pkg/m.py")
      _ = try await server.ask("/srv/shop/venv/bin/pip", "uninstall", "-q", "-y", "martlet-local")
      #expect(
        try await server.run { PipInstall(requirements: "/srv/r/local.txt", into: venv) }.recap.changed == 1)
    }
  }
}
