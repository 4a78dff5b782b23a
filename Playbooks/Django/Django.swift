import Martlet

/// Deploys the guest book in `app` to every server of the group `web`.
@main struct Django: Playbook {
  struct Vars: HostVars {
    var domain = "localhost"
    /// Who hears of certificates that are about to expire; without an address the site is plain HTTP.
    var email = ""
    var workers = 3
  }

  var plays: Plays {
    Play("Guest book", on: "web", vars: Vars.self, become: true) { host in guestbook(host.vars) }
  }

  func guestbook(_ vars: Vars) -> DjangoApp {
    var options = DjangoApp.Options()
    options.workers = vars.workers
    options.healthPath = "/healthz"
    return DjangoApp(
      "guestbook", from: "Playbooks/Django/app", wsgi: "guestbook.wsgi", settings: "guestbook.settings",
      domains: [vars.domain],
      environment: [
        "ALLOWED_HOSTS": vars.domain, "HTTPS": vars.email.isEmpty ? "off" : "on",
        "DATABASE": "/srv/guestbook/data/db.sqlite3", "STATIC_ROOT": "/srv/guestbook/static",
      ], tls: vars.email.isEmpty ? .none : .letsEncrypt(email: vars.email), options: options)
  }
}
