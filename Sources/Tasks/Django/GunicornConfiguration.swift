import MartletCore

/// What gunicorn reads when it starts, beside its arguments.
enum GunicornConfiguration {
  /// The file's text.
  ///
  /// - Parameter preloads: Whether the application is loaded once, before its processes are forked. One that
  ///   dies is then replaced from memory, by the code that is live, and not by what a deployment that failed has
  ///   left on the disk. `get_wsgi_application` leaves views and templates to the first request, so they are
  ///   loaded too; connections that were opened meanwhile can't be shared by processes, so they are closed.
  static func text(preloads: Bool) -> Contents {
    Contents(header + (preloads ? preloading : ""))
  }

  /// nginx sets `X-Real-IP` itself: behind a socket there is no other address of a visitor.
  private static let header = #"""
    # Written by Martlet. Changes made here are overwritten; those of a gunicorn.conf.py beside manage.py are kept.
    import os
    if os.path.exists("gunicorn.conf.py"):
        with open("gunicorn.conf.py") as theirs:
            exec(compile(theirs.read(), "gunicorn.conf.py", "exec"), globals())
    access_log_format = globals().get(
        "access_log_format", '%({x-real-ip}i)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"')

    """#

  private static let preloading = #"""
    preload_app = globals().get("preload_app", True)
    _when_ready = globals().get("when_ready")


    def when_ready(server):
        if server.cfg.preload_app:
            _load(server.log)
        if _when_ready:
            _when_ready(server)


    def _load(log):
        try:
            from django.db import connections
            from django.template import engines
            from django.urls import get_resolver
            _load_urls(get_resolver())
            for engine in engines.all():
                for name in _templates(engine):
                    try:
                        engine.get_template(name)
                    except Exception:
                        pass  # as for the visitor who asks for it
            connections.close_all()
        except Exception:
            log.exception("the application's pages could not be loaded before its processes")


    def _load_urls(resolver):
        for pattern in resolver.url_patterns:
            if hasattr(pattern, "url_patterns"):
                _load_urls(pattern)


    def _templates(engine):
        found = 0
        for top in getattr(engine, "template_dirs", ()):
            for folder, _, names in os.walk(top):
                for name in names:
                    found += 1
                    if found > 2000:
                        return
                    yield os.path.relpath(os.path.join(folder, name), top)

    """#
}
