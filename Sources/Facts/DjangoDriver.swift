/// The Python program that answers all questions about one project in one process.
///
/// Starting Django takes a good part of a second, and `manage.py` starts it for each command. So the project's own
/// `manage.py` is run, which may put folders on the path or choose settings in its own way (django-configurations),
/// and where it would carry out its command, the questions are answered instead. It only reads: a
/// SQLite database that isn't there yet is not opened, which would create it; no byte code is written (`-B`).
/// Written for every Django from 2.2 on.
enum DjangoDriver {
  static let source = #"""
    import filecmp, json, os, runpy, sys
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    here = os.getcwd()
    sys.path[0] = here

    def clean(value):
        if isinstance(value, str):
            return value.encode("utf-8", "replace").decode("utf-8")
        if isinstance(value, dict):
            return {clean(k): clean(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [clean(v) for v in value]
        return value

    def say(**answer):
        # On a line of its own, whatever the project has printed before.
        out.write("\nmartlet " + json.dumps(clean(answer)) + "\n")
        out.flush()

    def explain(error):
        import traceback
        frames = [f for f in traceback.extract_tb(error.__traceback__)
                  if f.filename[:1] != "<" and os.path.abspath(f.filename).startswith(here + os.sep)]
        where = " (%s, line %s)" % (os.path.relpath(frames[-1].filename, here), frames[-1].lineno) if frames else ""
        return "%s: %s%s" % (type(error).__name__, error, where)

    def check(query):
        from django.core import checks
        found = checks.run_checks(include_deployment_checks=query["deploy"])
        return {"messages": [
            {"level": m.level, "id": m.id or "", "text": str(m.msg), "hint": str(m.hint or ""),
             "object": "" if m.obj is None else str(m.obj)}
            for m in found if not m.is_silenced()]}

    def migrations(query):
        from django.db import connections
        from django.db.migrations.executor import MigrationExecutor
        connection = connections[query["database"]]
        name = str(connection.settings_dict["NAME"])
        engine = connection.settings_dict["ENGINE"]
        if engine == "django.db.backends.dummy":
            return {"migrations": []}
        is_new = "sqlite" in engine and ":memory:" not in name and "mode=memory" not in name \
            and not os.path.exists(name.split("?")[0].replace("file:", ""))
        executor = MigrationExecutor(None if is_new else connection)
        conflicts = executor.loader.detect_conflicts()
        if conflicts:
            raise RuntimeError("conflicting migrations, merge them with makemigrations --merge: " + "; ".join(
                "%s in %s" % (", ".join(names), app) for app, names in sorted(conflicts.items())))
        if not is_new:
            executor.loader.check_consistent_history(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        return {"migrations": ["%s.%s" % (m.app_label, m.name) for m, backwards in plan]}

    def static(query):
        from django.core.management import get_commands, load_command_class
        commands = get_commands()
        if "collectstatic" not in commands:
            raise RuntimeError("there is no collectstatic: django.contrib.staticfiles is not in INSTALLED_APPS")
        command = load_command_class(commands["collectstatic"], "collectstatic")
        command.set_options(
            interactive=False, verbosity=0, link=False, clear=False, dry_run=True, ignore_patterns=[],
            use_default_ignore_patterns=True, post_process=True)
        planned = command.collect()
        from django.contrib.staticfiles.finders import get_finders
        from django.contrib.staticfiles.storage import staticfiles_storage as target
        copied, unmodified = list(planned["modified"]), set(planned["unmodified"])
        answer = {"copied": copied, "unmodified": len(unmodified), "root": "", "stale": [], "extra": [],
                  "manifest": True}
        try:
            root = target.path("")
        except NotImplementedError:
            return answer
        answer["root"] = root
        sources = {}
        for finder in get_finders():
            for path, storage in finder.list(command.ignore_patterns):
                name = os.path.join(storage.prefix, path) if getattr(storage, "prefix", None) else path
                sources.setdefault(name, (storage, path))
        # collectstatic goes by modification times: it overlooks a file that was replaced by an older one.
        for name in sorted(unmodified):
            storage, path = sources.get(name, (None, None))
            try:
                if storage and not filecmp.cmp(storage.path(path), target.path(name), shallow=False):
                    answer["stale"].append(name)
            except (OSError, NotImplementedError):
                pass
        expected = set(sources)
        if hasattr(target, "read_manifest"):
            manifest = target.hashed_files if target.read_manifest() else None
            answer["manifest"] = bool(manifest is not None and all(
                os.path.exists(target.path(name)) for name in manifest.values()))
            expected.update((manifest or {}).values())
            expected.add(getattr(target, "manifest_name", "staticfiles.json"))
        if query["prune"] and os.path.isdir(root):
            for folder, _, names in os.walk(root):
                for name in names:
                    path = os.path.relpath(os.path.join(folder, name), root)
                    base = path[:-3] if path.endswith((".gz", ".br")) else path
                    if base not in expected and path not in expected:
                        answer["extra"].append(path)
        return answer

    def is_inside(path):
        path, code = os.path.realpath(path), os.path.realpath(here)
        return path == code or path.startswith(code + os.sep)

    def has_file(path):
        return os.path.isfile(path) or any(names for _, _, names in os.walk(path))

    def written_into_code():
        """What visitors' requests write that lies in the code's folder, which an upload makes like the local one."""
        from django.apps import apps
        from django.conf import settings
        from django.core.files.storage import FileSystemStorage
        from django.db import connections, models
        found, seen = [], set()
        def add(name, path, is_shared=False):
            path = os.path.abspath(str(path))
            if path not in seen and is_inside(path):
                seen.add(path)
                found.append({"name": name, "path": path, "holds": path != here and has_file(path)})
        for alias in connections:
            try:
                is_sqlite = connections[alias].vendor == "sqlite"
            except Exception:
                continue  # its driver isn't installed: whoever asks that database says so
            name = str(connections[alias].settings_dict["NAME"])
            if is_sqlite and ":memory:" not in name and "mode=memory" not in name:
                path = name[5:].split("?")[0] if name.startswith("file:") else name
                # One that is only read comes and goes with the code.
                if not os.path.exists(path) or os.access(path, os.W_OK):
                    add("DATABASES[%r]['NAME']" % alias, path)
        if settings.MEDIA_ROOT:
            add("MEDIA_ROOT", settings.MEDIA_ROOT)
        for model in apps.get_models():
            for field in model._meta.local_fields:
                if isinstance(field, models.FileField):
                    try:
                        if isinstance(field.storage, FileSystemStorage):
                            add("the storage of " + str(field), field.storage.location)
                    except Exception:
                        pass  # a storage that can't be made yet: whoever writes to it says so
        return found

    def written(query):
        return {"written": written_into_code()}

    def own_address():
        """The address that others reach this host by. Nothing is sent: connecting a UDP socket chooses a route."""
        import socket
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.connect(("192.0.2.1", 9))
                return probe.getsockname()[0]
        except OSError:
            return "127.0.0.1"

    def settings_of(module):
        """The settings module and configuration that a WSGI module chooses, as gunicorn will run it."""
        end, begin = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                os.dup2(2, 1)
                class Reached(BaseException):
                    pass
                def reached(*_, **__):
                    raise Reached
                import django.core.wsgi
                django.core.wsgi.get_wsgi_application = reached
                try:
                    __import__(module)
                except Reached:
                    pass
                names = [os.environ.get(name, "") for name in ("DJANGO_SETTINGS_MODULE", "DJANGO_CONFIGURATION")]
                os.write(begin, json.dumps(names).encode())
            finally:
                os._exit(0)
        os.close(begin)
        with os.fdopen(end) as answer:
            text = answer.read()
        os.waitpid(child, 0)
        return json.loads(text) if text else None

    def settings(query):
        from django.apps import apps
        from django.conf import settings
        from django.core.files.storage import FileSystemStorage
        from django.http.request import validate_host
        hosts = list(settings.ALLOWED_HOSTS)
        if settings.DEBUG and not hosts:
            hosts = [".localhost", "127.0.0.1", "[::1]"]
        names = query["names"] or [own_address()]
        static_root, static_storage = str(settings.STATIC_ROOT or ""), ""
        if apps.is_installed("django.contrib.staticfiles"):
            from django.contrib.staticfiles.storage import staticfiles_storage
            try:
                if not isinstance(staticfiles_storage, FileSystemStorage):
                    static_storage = type(staticfiles_storage._wrapped).__name__
            except Exception:
                pass
        else:
            static_storage = "none"
        def is_place(path, place):
            return bool(path) and os.path.realpath(str(path)) == os.path.realpath(place)
        header = settings.SECURE_PROXY_SSL_HEADER
        return {"settings": {
            "module": os.environ.get("DJANGO_SETTINGS_MODULE", ""),
            "configuration": os.environ.get("DJANGO_CONFIGURATION", ""),
            "wsgi": wsgi_settings,
            "debug": bool(settings.DEBUG),
            "allowedHosts": [str(host) for host in hosts],
            "refusedHosts": [name for name in names if not validate_host(name.lower(), hosts)],
            "staticStorage": static_storage,
            "staticRoot": static_root,
            "isStaticPlace": is_place(static_root, query["static"]),
            "staticURL": str(settings.STATIC_URL or ""),
            "mediaRoot": str(settings.MEDIA_ROOT or ""),
            "isMediaPlace": is_place(settings.MEDIA_ROOT, query["media"]),
            "mediaURL": str(settings.MEDIA_URL or ""),
            "whiteNoise": any("whitenoise" in name.lower() for name in settings.MIDDLEWARE or []),
            "redirectsToHTTPS": bool(settings.SECURE_SSL_REDIRECT),
            "secureCookies": [name for name in ("SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE") if getattr(settings, name)],
            # The key itself stays here: what is told is which variables have it.
            "keyVariables": sorted(name for name, value in os.environ.items() if value == settings.SECRET_KEY),
            "isInsecureKey": str(settings.SECRET_KEY).startswith("django-insecure-"),
            "written": written_into_code(),
        }}

    ASK = {"check": check, "migrations": migrations, "static": static, "settings": settings, "written": written}

    def main():
        global wsgi_settings
        chosen, queries = sys.argv[1], json.loads(sys.argv[2])
        wsgi_settings = None
        if chosen:
            os.environ["DJANGO_SETTINGS_MODULE"] = chosen
        said = []

        def fail(why):
            said.append(why)
            for index in range(len(queries)):
                say(index=index, error=why)

        def answer(*_, **__):
            if said:
                return
            try:
                import django
                django.setup()
            except BaseException as error:
                return fail(explain(error))
            said.append("")
            for index, query in enumerate(queries):
                try:
                    say(index=index, **ASK[query["ask"]](query))
                except BaseException as error:
                    say(index=index, error=explain(error))

        try:
            import django.core.management as management
            for query in queries:
                if query.get("wsgi"):
                    wsgi_settings = settings_of(query["wsgi"])
            # Whatever manage.py does to find its settings happens; then it is asked in place of its command.
            management.execute_from_command_line = answer
            management.ManagementUtility.execute = answer
            sys.argv = ["manage.py", "check"]
            runpy.run_path("manage.py", run_name="__main__")
        except BaseException as error:
            if not said:
                fail(explain(error))
        if not said:
            fail("manage.py ran no command of Django: it has to call execute_from_command_line(sys.argv)")

    main()
    """#
}
