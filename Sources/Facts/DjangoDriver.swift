/// The Python program that answers all questions about one project in one process.
///
/// Starting Django takes a good part of a second, and `manage.py` starts it for each command. It only reads: a
/// SQLite database that isn't there yet is not opened, which would create it; no byte code is written (`-B`).
/// Written for every Django from 2.2 on.
enum DjangoDriver {
  static let source = #"""
    import filecmp, json, os, re, sys
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path.insert(0, os.getcwd())

    def say(**answer):
        out.write("martlet " + json.dumps(answer) + "\n")
        out.flush()

    def explain(error):
        import traceback
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith(os.getcwd())]
        where = " (%s, line %s)" % (os.path.relpath(frames[-1].filename), frames[-1].lineno) if frames else ""
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

    def main():
        settings, queries = sys.argv[1], json.loads(sys.argv[2])
        try:
            if settings:
                os.environ["DJANGO_SETTINGS_MODULE"] = settings
            elif not os.environ.get("DJANGO_SETTINGS_MODULE"):
                named = re.search(r"""DJANGO_SETTINGS_MODULE['"]\s*,\s*['"]([\w.]+)""", open("manage.py").read())
                if named:
                    os.environ["DJANGO_SETTINGS_MODULE"] = named.group(1)
            import django
            django.setup()
        except BaseException as error:
            for index in range(len(queries)):
                say(index=index, error=explain(error))
            return
        for index, query in enumerate(queries):
            try:
                answer = {"check": check, "migrations": migrations, "static": static}[query["ask"]](query)
                say(index=index, **answer)
            except BaseException as error:
                say(index=index, error=explain(error))

    main()
    """#
}
