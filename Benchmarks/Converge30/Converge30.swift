import Martlet

/// Thirty ordinary tasks, the same that `run-peers` measures Ansible and pyinfra with. Nothing in them needs the
/// network once the packages are there, so a second run measures the tool alone.
@main struct Converge30: Playbook {
  static let app = "shop"
  static let root: RemotePath = "/srv/shop"
  static let names: [String: any TemplateVariable] = ["app": app, "root": root.string]

  var plays: Plays {
    Play("converge30", on: "all") {
      account()
      folders()
      configuration()
      systemFiles()
      links()
      software()
    }
  }

  @StepsBuilder func account() -> Steps {
    Group(Self.app, system: true)
    User(Self.app, system: true, group: Self.app, home: Self.root, createHome: false, shell: "/bin/bash")
  }

  @StepsBuilder func folders() -> Steps {
    Directory(Self.root, owner: Self.app, group: Self.app)
    for name in ["releases", "shared"] { Directory(Self.root / name, owner: Self.app) }
    Directory(Self.root / "shared/media", mode: 0o775, owner: Self.app)
    Directory(Self.root / "shared/static", owner: Self.app)
    Directory(Self.root / "logs", mode: 0o750, owner: Self.app)
    Directory(Self.root / "bin", owner: Self.app)
    Directory("/etc/shop", owner: "root")
  }

  @StepsBuilder func configuration() -> Steps {
    Template(
      "/etc/shop/env", source: "files/env.stencil", vars: Self.names, mode: 0o640, owner: "root",
      group: Self.app)
    for name in ["gunicorn.conf.py", "nginx.conf", "supervisor.conf"] {
      Template(RemotePath("/etc/shop/\(name)"), source: "files/\(name).stencil", vars: Self.names)
    }
    File("/etc/motd", source: "files/motd")
    File(Self.root / "bin/backup.sh", source: "files/backup.sh", mode: 0o755, owner: Self.app)
  }

  @StepsBuilder func systemFiles() -> Steps {
    for line in ["PasswordAuthentication no", "X11Forwarding no", "MaxAuthTries 4"] {
      LineInFile(
        "/etc/ssh/sshd_config", Contents(line), replacing: "^#?\(line.prefix { $0 != " " })")
    }
    LineInFile(
      "/etc/security/limits.conf", "shop soft nofile 65536", replacing: "^shop soft nofile")
  }

  @StepsBuilder func links() -> Steps {
    Symlink(Self.root / "current", to: Self.root / "releases")
    Symlink(Self.root / "media", to: Self.root / "shared/media")
    Command("touch /srv/shop/.provisioned", creates: "/srv/shop/.provisioned")
    Command("cp /etc/hostname /srv/shop/.host", creates: "/srv/shop/.host")
    Command("mkdir -p /srv/shop/shared/cache", creates: "/srv/shop/shared/cache")
    Directory(Self.root / ".ssh", mode: 0o700, owner: Self.app)
    File(
      Self.root / ".ssh/authorized_keys", source: "files/authorized_keys", mode: 0o600, owner: Self.app)
  }

  @StepsBuilder func software() -> Steps {
    AptPackages("python3", "python3-venv", "curl", "ca-certificates")
    Command("python3 -m venv /srv/shop/venv", creates: "/srv/shop/venv/bin/python")
    Absent("/etc/shop/old.conf")
  }
}
