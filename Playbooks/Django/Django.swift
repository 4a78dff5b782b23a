import Martlet

/// Deploys the guest book in `app` to every server of the group `web`; run it from the repository's top folder.
@main struct Django: Playbook {
  struct Vars: HostVars {
    /// The site's name: with one it is served by HTTPS, without one by plain HTTP at the host's address.
    var domain = ""
    /// Who hears of certificates that are about to expire.
    var email: String?
    var workers = 3
  }

  var plays: Plays {
    Play("Guest book", on: "web", vars: Vars.self, become: true) { host in
      guestbook(host.vars, address: host.address)
    }
  }

  func guestbook(_ vars: Vars, address: String) -> DjangoApp {
    let isPublic = !vars.domain.isEmpty
    var options = DjangoApp.Options()
    options.workers = vars.workers
    options.healthPath = "/healthz"
    options.isDefaultSite = !isPublic
    return DjangoApp(
      "guestbook", from: "Playbooks/Django/app", wsgi: "guestbook.wsgi", settings: "guestbook.settings",
      domains: [isPublic ? vars.domain : address],
      environment: [
        "ALLOWED_HOSTS": isPublic ? vars.domain : address, "HTTPS": isPublic ? "on" : "off",
        "DATABASE": "/srv/guestbook/data/db.sqlite3", "STATIC_ROOT": "/srv/guestbook/static",
      ], tls: isPublic ? .letsEncrypt(email: vars.email) : .none, options: options)
  }
}
