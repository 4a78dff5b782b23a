import Martlet

@main struct Site: Playbook {
  struct Vars: HostVars {
    var title = "It works"
    var maxUpload = 20
    var timeZone = "Europe/Berlin"
  }

  let reload = Handler("reload nginx", run: "nginx -t -q && systemctl reload nginx")

  var plays: Plays {
    Play("Web servers", on: "web", vars: Vars.self, become: true) { host in
      if host.os.isDebian { AptPackages("nginx") }
      File("/etc/motd", content: "\(host.name): \(host.vars.title)\n").tags("motd")
      Template(
        "/var/www/html/index.html", text: "<h1>{{ title }}</h1>\n", vars: ["title": host.vars.title])
      File("/etc/nginx/conf.d/upload.conf", content: "client_max_body_size \(host.vars.maxUpload)m;\n")
        .notify(reload)
      Service("nginx")
      TimeZone(name: host.vars.timeZone)
    }
  }
}

/// A task of our own: what to look at, and what follows from it.
struct TimeZone: HostTask {
  var name: String
  let link: RemotePath = "/etc/localtime"

  var observes: SymbolicLink { SymbolicLink(link) }

  func decide(given target: String?) -> Decision {
    let zone = "/usr/share/zoneinfo/\(name)"
    if target == zone { return .unchanged }
    let change = Change.modified("\(target ?? "none") → \(zone)")
    return [.run("ln -sfn \(zone) \(link)", changes: [change], touches: [.path(link)])]
  }
}
