import Foundation
import MartletCore
import MartletFacts
import MartletLab
import MartletTasks
import MartletTesting
import TestSupport
import Testing

extension ServerTests {
  /// What makes a Django site look well that isn't, or loses what visitors have made.
  @Suite struct DjangoSiteTests {
    private static let one: RemotePath = "/srv/one"

    /// As startproject writes them, without comments.
    private static let asStarted = """
      from pathlib import Path
      BASE_DIR = Path(__file__).resolve().parent.parent
      SECRET_KEY = "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz0123456789"
      DEBUG = True
      ALLOWED_HOSTS = []
      INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.staticfiles", "one"]
      MIDDLEWARE = ["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"]
      ROOT_URLCONF = "one.urls"
      TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
      WSGI_APPLICATION = "one.wsgi.application"
      DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}
      STATIC_URL = "static/"
      DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

      """

    /// What has to be changed of them.
    private static let forServers = """
      import os
      SECRET_KEY = os.environ["SECRET_KEY"]
      DEBUG = False
      ALLOWED_HOSTS = os.environ["ALLOWED_HOSTS"].split(",")
      DATABASES["default"]["NAME"] = os.environ["DATABASE_FILE"]
      STATIC_ROOT = os.environ["STATIC_ROOT"]

      """

    private static let urls = """
      from django.http import HttpResponse
      from django.urls import path
      urlpatterns = [path("", lambda request: HttpResponse("page"))]

      """

    /// Real code of a real project, with a place for each case's own.
    private func makeSource(
      settings: String = asStarted + forServers, manage: String = "", wsgi: String = ""
    ) throws -> TemporaryFolder {
      let folder = try TemporaryFolder()
      let choose = #"os.environ.setdefault("DJANGO_SETTINGS_MODULE", "one.settings")"#
      try folder.write(
        "manage.py",
        """
        import os, sys
        \(choose)
        \(manage)
        from django.core.management import execute_from_command_line
        execute_from_command_line(sys.argv)

        """)
      try folder.write("requirements.txt", "django>=5.2,<5.3\ngunicorn\n")
      try folder.write("one/__init__.py", "")
      try folder.write("one/settings.py", settings)
      try folder.write("one/urls.py", Self.urls)
      try folder.write("one/static/one.css", "p { color: red }\n")
      try folder.write(
        "one/wsgi.py",
        "import os\n\(wsgi)\nfrom django.core.wsgi import get_wsgi_application\n\(choose)\n"
          + "application = get_wsgi_application()\n")
      return folder
    }

    private static func app(
      _ source: TemporaryFolder, named name: String = "one", address: String, domains: [String] = [],
      secrets: [String: Secret] = [:], change: (inout DjangoApp.Options) -> Void = { _ in }
    ) -> DjangoApp {
      var options = DjangoApp.Options()
      options.workers = 2
      change(&options)
      return DjangoApp(
        name, from: source.path, wsgi: "one.wsgi", domains: domains,
        environment: [
          "ALLOWED_HOSTS": address, "STATIC_ROOT": "/srv/one/static",
          "DATABASE_FILE": "/srv/one/data/db.sqlite3",
        ], secrets: secrets, options: options)
    }

    @Test func settingsAsStartprojectWritesThemAreRefused() async throws {
      let server = try await Server.fresh()
      let address = try Server.lab.host(server.number).address
      let started = try makeSource(settings: Self.asStarted)
      let refused = try await server.run { Self.app(started, address: address) }
      #expect(refused.code == 1)
      for word in [
        "DEBUG is on", "SECRET_KEY is the one that startproject", "db.sqlite3", "ALLOWED_HOSTS",
        "STATIC_ROOT",
      ] {
        #expect(refused.failure.contains(word), "\(word): \(refused.failure)")
      }
      // Nothing was started or migrated.
      #expect(
        try await server.ask(
          "sh", "-c", "ls /etc/supervisor/conf.d /srv/one/data /srv/one/app/*.sqlite3 2>/dev/null | grep -v :"
        ) == "")

      // As the error says.
      let source = try makeSource()
      let secrets = ["DB_PASSWORD": Secret("$5 \\ \"100%\"")]
      @Sendable func app(_ source: TemporaryFolder, change: (inout DjangoApp.Options) -> Void = { _ in })
        -> DjangoApp
      {
        Self.app(source, address: address, secrets: secrets, change: change)
      }
      let first = try await server.run { app(source) }
      try #require(first.failure == "" && first.code == 0, "\(first.events.plans) \(first.events.problems)")
      try await server.setMark()
      let second = try await server.run { app(source) }
      #expect(second.failure == "" && second.recap.changed == 0, "\(second.events.plans)")
      #expect(second.recap.exchanges == 1)
      #expect(try await server.filesChangedSinceMark() == "")
      // An unchanged host says in a line what a changed one was told.
      #expect(second.events.warnings.count == 1, "\(second.events.warnings)")
      #expect(first.events.warnings.count > 1)

      #expect(try await server.ask("curl", "-s", "http://\(address)/") == "page")
      let environment = try await server.ask(
        "sh", "-c", "tr '\\0' '\\1' </proc/$(pgrep -o -u one gunicorn)/environ | base64 -w0")
      let variables = String(decoding: Data(base64Encoded: environment) ?? Data(), as: UTF8.self).split(
        separator: "\u{1}")
      #expect(variables.contains { $0 == "DB_PASSWORD=$5 \\ \"100%\"" })
      // Row 45: who asked.
      #expect(
        try await server.ask("sh", "-c", "grep 'GET / HTTP' /var/log/supervisor/one.log | tail -n 1")
          .hasPrefix(address + " "))

      try await refusals(on: server, address: address, app: app)
      try await aProcessThatDies(on: server, address: address, source: source, app: app)
      try await whatVisitorsMade(on: server, source: source, app: app)
      try await aSecondSite(on: server, address: address, source: source)
      try await aProjectWithItsOwnWays(on: server)
    }

    /// Row 25: django-configurations, and applications in a folder that manage.py puts on the path.
    private func aProjectWithItsOwnWays(on server: Server) async throws {
      let project = DjangoProject("/srv/conf", virtualenv: "/srv/one/venv")
      let run = try await server.run {
        PipInstall("django-configurations", into: project.virtualenv)
        Directory(project.path)
        for folder in ["conf", "apps", "apps/pages"] { Directory(project.path / folder) }
        File(
          project.path / "manage.py",
          content: """
            import os, sys
            sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "apps"))
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "conf.settings")
            os.environ.setdefault("DJANGO_CONFIGURATION", "Production")
            from configurations.management import execute_from_command_line
            execute_from_command_line(sys.argv)

            """)
        for name in ["conf/__init__.py", "apps/pages/__init__.py"] { File(project.path / name, content: "") }
        File(
          project.path / "conf/settings.py",
          content: """
            from configurations import Configuration
            class Production(Configuration):
                SECRET_KEY = "0123456789" * 5
                INSTALLED_APPS = ["django.contrib.contenttypes", "pages"]
                DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "/srv/conf-database"}}
                DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

            """)
        DjangoCheck(project, deploy: false)
        Migrate(project)
      }
      #expect(run.failure == "" && run.code == 0, "\(run.events.problems)")
      #expect(try await server.ask("sh", "-c", "ls /srv/conf-database") == "/srv/conf-database")
    }

    /// Each refused before anything is restarted.
    private func refusals(
      on server: Server, address: String,
      app: @escaping @Sendable (TemporaryFolder, (inout DjangoApp.Options) -> Void) -> DjangoApp
    ) async throws {
      let pid = try await server.ask("supervisorctl", "pid", "one")
      let cases: [(settings: String, wsgi: String, said: String)] = [
        ("DEBUG = True\n", "", "options.allowsDebug"),
        ("STATIC_ROOT = BASE_DIR / 'collected'\n", "", "takes static files from /srv/one/static"),
        ("SECURE_SSL_REDIRECT = True\n", "", "tls: .none"),
        ("MEDIA_ROOT = BASE_DIR / 'media'\n", "", "MEDIA_ROOT is /srv/one/app/media"),
        ("SECRET_KEY = 'x' * 50 + 'from the code'\n", "", "options.generated = []"),
        ("", "os.environ['DJANGO_SETTINGS_MODULE'] = 'one.production'", "one.production"),
      ]
      for (settings, wsgi, said) in cases {
        let source = try makeSource(settings: Self.asStarted + Self.forServers + settings, wsgi: wsgi)
        let run = try await server.run { app(source) { _ in } }
        #expect(run.code == 1 && run.failure.contains(said), "\(said): \(run.failure)")
      }
      #expect(try await server.ask("supervisorctl", "pid", "one") == pid)
      #expect(try await server.ask("curl", "-s", "http://\(address)/") == "page")
    }

    /// The code on the disk is broken; what is live goes on, whoever dies.
    private func aProcessThatDies(
      on server: Server, address: String, source: TemporaryFolder,
      app: @escaping @Sendable (TemporaryFolder, (inout DjangoApp.Options) -> Void) -> DjangoApp
    ) async throws {
      let broken = try makeSource()
      try broken.write("one/urls.py", "raise RuntimeError('not today')\n")
      let run = try await server.run { app(broken) { _ in } }
      #expect(run.code == 1 && run.failure.contains("RuntimeError: not today"), "\(run.failure)")
      let answers = try await server.ask(
        "sh", "-c",
        """
        p=$(supervisorctl pid one); w=$(pgrep -P $p); kill -9 $w
        n=0; until [ "$(pgrep -P $p | grep -c -v -x -F "$w")" = 2 ] || [ $n = 100 ]; do n=$((n + 1)); sleep 0.1; done
        for i in 1 2 3 4 5 6 7 8 9 10; do curl -s http://\(address)/; done
        """)
      #expect(answers == String(repeating: "page", count: 10))

      // A migration that fails: what was wrong, and where in one's own code.
      let failing = try makeSource()
      try failing.write("one/migrations/__init__.py", "")
      try failing.write(
        "one/migrations/0001_initial.py",
        """
        from django.db import migrations

        def fill(apps, editor):
            raise ValueError("no price")

        class Migration(migrations.Migration):
            operations = [migrations.RunPython(fill)]

        """)
      let migrated = try await server.run { app(failing) { _ in } }
      let output = try #require(migrated.events.failures.first?.output)
      #expect(output.first == "ValueError: no price", "\(output)")
      #expect(output.contains { $0.contains("0001_initial.py\", line 4, in fill") })
      #expect(!output.contains { $0.contains("site-packages") })
      let mended = try await server.run { app(source) { _ in } }
      #expect(mended.failure == "")
    }

    /// Uploads, and a database, in the folder of the code: by settings that are live, or by hand.
    private func whatVisitorsMade(
      on server: Server, source: TemporaryFolder,
      app: @escaping @Sendable (TemporaryFolder, (inout DjangoApp.Options) -> Void) -> DjangoApp
    ) async throws {
      _ = try await server.ask(
        "sh", "-c",
        """
        cd /srv/one/app; echo 'MEDIA_ROOT = BASE_DIR / "media"' >>one/settings.py
        mkdir media; echo cat >media/cat.jpg; echo dog >media/dog.jpg; chown one media/dog.jpg
        """)
      let stopped = try await server.run { app(source) { _ in } }
      #expect(
        stopped.code == 1 && stopped.failure.contains("cp -a /srv/one/app/media/. /srv/one/media/"),
        "\(stopped.failure)")
      #expect(try await server.ask("sh", "-c", "cat /srv/one/app/media/*") == "cat\ndog")
      // Django can't be asked: what isn't root's stays all the same, and that is said.
      _ = try await server.ask(
        "sh", "-c", "echo 1/0 >>/srv/one/app/one/settings.py; rm /srv/one/app/media/cat.jpg")
      let run = try await server.run { app(source) { _ in } }
      #expect(run.failure == "")
      #expect(run.events.warnings.contains { $0.contains("media/dog.jpg") }, "\(run.events.warnings)")
      #expect(try await server.ask("cat", "/srv/one/app/media/dog.jpg") == "dog")
      _ = try await server.ask("rm", "-r", "/srv/one/app/media")
    }

    private func aSecondSite(on server: Server, address: String, source: TemporaryFolder) async throws {
      let second = try await server.run { Self.app(source, named: "two", address: address) }
      #expect(
        second.code == 1 && second.failure.contains("/etc/nginx/sites-enabled/one"), "\(second.failure)")
      #expect(second.recap.changed == 0)
      #expect(try await server.ask("sh", "-c", "ls -d /srv/two 2>&1 | grep -c 'No such'") == "1")
    }
  }
}

extension RecordedEvents {
  /// What hosts' tasks wanted to be known.
  fileprivate var warnings: [String] {
    all.compactMap { if case .warning(_, let message) = $0 { message } else { nil } }
  }
}
