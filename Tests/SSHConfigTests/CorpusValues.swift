/// What the random configurations choose from: every keyword of OpenSSH 9.2, with values that it takes.
struct CorpusValues {
  let keyword: String
  let values: [String]
  /// The rest of the line is the value: quotes and comments are part of it.
  var isRaw = false

  static let all: [CorpusValues] = flags + lists + texts + commands + frequent + frequent + frequent

  private static let flags: [CorpusValues] =
    [
      "BatchMode", "CanonicalizeFallbackLocal", "CheckHostIP", "ClearAllForwardings",
      "EnableEscapeCommandline",
      "EnableSSHKeysign", "ExitOnForwardFailure", "ForwardX11", "ForwardX11Trusted", "GatewayPorts",
      "GSSAPIAuthentication", "GSSAPIDelegateCredentials", "GSSAPIKeyExchange", "GSSAPIRenewalForcesRekey",
      "GSSAPITrustDNS", "HashKnownHosts", "HostbasedAuthentication", "IdentitiesOnly",
      "KbdInteractiveAuthentication", "ChallengeResponseAuthentication", "NoHostAuthenticationForLocalhost",
      "PasswordAuthentication", "PermitLocalCommand", "ProxyUseFdpass", "StdinNull", "StreamLocalBindUnlink",
      "TCPKeepAlive", "KeepAlive", "VisualHostKey",
    ].map { CorpusValues(keyword: $0, values: ["yes", "no", "true", "false", "YES", "No"]) } + [
      CorpusValues(keyword: "AddressFamily", values: ["any", "inet", "inet6", "INET"]),
      CorpusValues(keyword: "Compression", values: ["yes", "no"]),
      CorpusValues(keyword: "ControlMaster", values: ["yes", "no", "auto", "ask", "autoask", "true"]),
      CorpusValues(keyword: "PubkeyAuthentication", values: ["yes", "no", "unbound", "host-bound"]),
      CorpusValues(keyword: "DSAAuthentication", values: ["yes", "no"]),
      CorpusValues(keyword: "RequestTTY", values: ["yes", "no", "force", "auto"]),
      CorpusValues(keyword: "SessionType", values: ["none", "subsystem", "default"]),
      CorpusValues(keyword: "Tunnel", values: ["yes", "no", "ethernet", "point-to-point"]),
      CorpusValues(keyword: "UpdateHostKeys", values: ["yes", "no", "ask"]),
      CorpusValues(keyword: "VerifyHostKeyDNS", values: ["yes", "no", "ask"]),
      CorpusValues(keyword: "FingerprintHash", values: ["md5", "SHA256", "sha512", "SHA1"]),
      CorpusValues(
        keyword: "LogLevel", values: ["QUIET", "silent", "INFO", "verbose", "DEBUG1", "Debug3", "FATAL"]),
      CorpusValues(keyword: "SyslogFacility", values: ["USER", "daemon", "LOCAL3", "AUTHPRIV"]),
      CorpusValues(keyword: "CanonicalizeHostname", values: ["no", "false", "yes", "always"]),
    ]

  private static let lists: [CorpusValues] = [
    CorpusValues(
      keyword: "Ciphers",
      values: [
        "aes256-ctr", "aes128-ctr,aes256-gcm@openssh.com", "+3des-cbc", "+aes256-cbc,aes128-cbc", "-aes*",
        "^aes256-gcm@openssh.com", "-chacha20-poly1305@openssh.com,bogus", "aes128-ctr,,bogus", "-*",
        "+aes128-ctr",
      ]),
    CorpusValues(
      keyword: "MACs",
      values: ["hmac-sha2-512", "+hmac-md5", "-umac*", "^hmac-sha2-256,hmac-sha1-96", "-*sha1*"]),
    CorpusValues(
      keyword: "KexAlgorithms",
      values: [
        "curve25519-sha256", "+diffie-hellman-group1-sha1", "-ecdh*,sntrup*", "^curve25519-sha256@libssh.org",
        "diffie-hellman-group14-sha1,gss-gex-sha1-xyz",
      ]),
    CorpusValues(
      keyword: "HostKeyAlgorithms", values: ["ssh-ed25519,rsa-sha2-512", "+ssh-rsa", "-*cert*", "^ssh-dss"]),
    CorpusValues(
      keyword: "PubkeyAcceptedAlgorithms",
      values: ["+ssh-rsa", "ssh-*", "-ssh-ed25519*", "^rsa-sha2-256", "*ed25519*"]),
    CorpusValues(keyword: "PubkeyAcceptedKeyTypes", values: ["+ssh-rsa", "ecdsa-*"]),
    CorpusValues(keyword: "HostbasedAcceptedAlgorithms", values: ["+ssh-dss", "rsa-*", "-sk*"]),
    CorpusValues(keyword: "CASignatureAlgorithms", values: ["+ssh-rsa", "ssh-ed25519", "-rsa*"]),
    CorpusValues(
      keyword: "GSSAPIKexAlgorithms", values: ["gss-gex-sha1-", "gss-group14-sha256-,gss-group16-sha512-"]),
    CorpusValues(
      keyword: "UserKnownHostsFile",
      values: [
        "~/.ssh/known_hosts", "~/.ssh/known_hosts.d/%k", "/tmp/kh-%h-%p /tmp/kh2", "none",
        "\"~/with space\" ~nobody/x",
        "${PLACE}/kh_%C", "~", "~/", "/dev/null",
      ]),
    CorpusValues(
      keyword: "GlobalKnownHostsFile", values: ["/etc/kh", "/etc/kh /etc/kh2", "none", "~/kh", "%h"]),
    CorpusValues(
      keyword: "SendEnv", values: ["LANG", "LC_* TERM", "-LC_*", "-LANG -*", "A B -A", "-L*", "FOO_?"]),
    CorpusValues(keyword: "SetEnv", values: ["A=1", "A=1 A=2 B=3", "\"A=with space\"", "B=", "X=a=b", "=x"]),
    CorpusValues(
      keyword: "CanonicalDomains", values: ["none"]),
    CorpusValues(keyword: "CanonicalizePermittedCNAMEs", values: ["none"]),
    CorpusValues(keyword: "LogVerbose", values: ["*:*:*", "kex.c:*:1000,* packet.c", "none"]),
    CorpusValues(
      keyword: "PermitRemoteOpen",
      values: ["any", "none", "localhost:80", "[::1]:22 a:*", "10.0.0.1:http", "NONE"]),
    CorpusValues(
      keyword: "PreferredAuthentications",
      values: ["publickey,password", "gssapi-with-mic", "keyboard-interactive"]),
  ]

  private static let texts: [CorpusValues] = [
    CorpusValues(
      keyword: "AddKeysToAgent", values: ["yes", "no", "ask", "confirm", "confirm 5m", "1h", "90"]),
    CorpusValues(keyword: "BindAddress", values: ["10.0.0.1", "::1", "*"]),
    CorpusValues(keyword: "BindInterface", values: ["eth0", "lo"]),
    CorpusValues(keyword: "CanonicalizeMaxDots", values: ["0", "1", "5"]),
    CorpusValues(keyword: "ConnectionAttempts", values: ["1", "3", "10"]),
    CorpusValues(keyword: "ControlPersist", values: ["yes", "no", "10m", "0", "1h30m", "true"]),
    CorpusValues(
      keyword: "EscapeChar", values: ["~", "none", "^A", "x", "^]", "\\\\", "^[", "\"#\"", "\" \"", "^^"]),
    CorpusValues(
      keyword: "ForwardX11Timeout", values: ["0", "20m", "none", "1w2d3h4m5s", "5S", "1H"]),
    CorpusValues(keyword: "GSSAPIClientIdentity", values: ["me@REALM"]),
    CorpusValues(keyword: "GSSAPIServerIdentity", values: ["host.realm"]),
    CorpusValues(keyword: "IgnoreUnknown", values: ["UseKeychain,Foo*", "*", "none", "foo"]),
    CorpusValues(
      keyword: "IPQoS",
      values: ["af21 cs1", "ef", "lowdelay throughput", "0x10", "none", "010 8", "le CS0", "255 AF43"]),
    CorpusValues(keyword: "KbdInteractiveDevices", values: ["pam", "bsdauth,skey"]),
    CorpusValues(keyword: "NumberOfPasswordPrompts", values: ["0", "1", "3"]),
    CorpusValues(keyword: "PKCS11Provider", values: ["/usr/lib/opensc.so", "none"]),
    CorpusValues(keyword: "SmartcardDevice", values: ["/usr/lib/x.so"]),
    CorpusValues(
      keyword: "RekeyLimit",
      values: ["1G", "512M 1h", "default none", "default 1h", "0", "1.5k", "16", "2g 30", "1024"]),
    CorpusValues(keyword: "RequiredRSASize", values: ["2048", "0", "4096"]),
    CorpusValues(keyword: "RevokedHostKeys", values: ["~/.ssh/revoked", "none", "/etc/ssh/revoked"]),
    CorpusValues(
      keyword: "SecurityKeyProvider", values: ["internal", "none", "$SSH_SK_PROVIDER", "/lib/sk.so"]),
    CorpusValues(keyword: "StreamLocalBindMask", values: ["0177", "0", "777", "0177x"]),
    CorpusValues(keyword: "TunnelDevice", values: ["any", "0:any", "3", "1:2", "ANY:4"]),
    CorpusValues(keyword: "XAuthLocation", values: ["/usr/X11/bin/xauth"]),
    CorpusValues(keyword: "UseKeychain", values: ["yes"]),
    CorpusValues(keyword: "Protocol", values: ["2", "2,1"]),
    CorpusValues(keyword: "UsePrivilegedPort", values: ["yes"]),
    CorpusValues(keyword: "CompressionLevel", values: ["6"]),
    CorpusValues(keyword: "SetupTimeOut", values: ["30"]),
    CorpusValues(keyword: "ProtocolKeepAlives", values: ["60"]),
  ]

  private static let commands: [CorpusValues] = [
    CorpusValues(
      keyword: "KnownHostsCommand", values: ["/usr/bin/keys %H %t", "none", "/bin/x \"a b\""], isRaw: true),
    CorpusValues(
      keyword: "LocalCommand", values: ["echo %T %h", "none", "true # not a comment"], isRaw: true),
    CorpusValues(
      keyword: "RemoteCommand", values: ["echo %h '%n' %%", "none", "tmux new -A -s %r"], isRaw: true),
    CorpusValues(
      keyword: "ProxyCommand",
      values: ["nc -X connect %h %p", "none", "ssh -W '[%h]:%p' \"b c\"", "/bin/x # y", "NONE", "=x %r"],
      isRaw: true),
  ]

  private static let frequent: [CorpusValues] = [
    CorpusValues(
      keyword: "HostName",
      values: [
        "real.example.com", "%h.example.com", "10.1.2.3", "%%h", "%h", "Real.Example.COM", "010.1", "::1",
        "\"quoted.example.com\"",
      ]),
    CorpusValues(keyword: "Port", values: ["22", "2222", "65535", "http", "+80"]),
    CorpusValues(keyword: "User", values: ["root", "deploy", "admin", "\"with space\"", "o'hara'", "a\\ b"]),
    CorpusValues(
      keyword: "IdentityFile",
      values: [
        "~/.ssh/id_%r", "~/.ssh/id_ed25519", "/keys/%n", "none", "\"~/my key\"", "~/.ssh/id_ed25519",
        "${PLACE}/key",
        "%d/x", "'single quoted'",
      ]),
    CorpusValues(keyword: "CertificateFile", values: ["~/.ssh/id-cert.pub", "/c/%h", "none"]),
    CorpusValues(
      keyword: "IdentityAgent",
      values: [
        "none", "SSH_AUTH_SOCK", "$AGENT", "~/.agent.sock", "${PLACE}/agent-%u", "/run/%i/%L", "${PLACE}",
      ]),
    CorpusValues(
      keyword: "ForwardAgent", values: ["yes", "no", "$SSH_AUTH_SOCK", "/run/agent-%h", "${PLACE}", "~/a"]),
    CorpusValues(
      keyword: "ProxyJump",
      values: [
        "bastion", "user@bastion:2222", "none", "a,b,c", "a,user@b:22,[::1]:2022", "ssh://me@bastion:99",
        "10.0.0.1",
        "bastion # comment", "NONE", "u@[10.0.0.1]", "ssh://b.example.com/", "web1", "a@b@c",
      ], isRaw: true),
    CorpusValues(
      keyword: "ControlPath",
      values: ["~/.ssh/cm-%r@%h:%p", "none", "/tmp/%C", "${PLACE}/%n-%l", "\"/tmp/a b\"", "~nobody/%k"]),
    CorpusValues(keyword: "HostKeyAlias", values: ["alias.example.com", "MixedCase", "%h"]),
    CorpusValues(
      keyword: "StrictHostKeyChecking",
      values: ["yes", "no", "ask", "off", "accept-new", "ACCEPT-NEW", "true"]),
    CorpusValues(keyword: "ConnectTimeout", values: ["5", "none", "1m", "1h30m", "0"]),
    CorpusValues(keyword: "ServerAliveInterval", values: ["15", "1m", "none", "0"]),
    CorpusValues(keyword: "ServerAliveCountMax", values: ["2", "0", "10"]),
    CorpusValues(
      keyword: "LocalForward",
      values: [
        "8080 localhost:80", "127.0.0.1:8080 [::1]:80", "/tmp/%h.sock /tmp/b", "[::1]:99 /tmp/x",
        "*:1 a:http",
        "8080 /tmp/sock", "${PLACE}/s localhost:5", "9000:localhost:9000 x:1",
      ].map { $0.contains("9000:localhost") ? "9000 localhost:9000" : $0 }),
    CorpusValues(
      keyword: "RemoteForward",
      values: [
        "8080 localhost:80", "0 localhost:1", "1080", "/tmp/r localhost:22", "host:5 /tmp/%C", "[::]:9 [a]:9",
      ]),
    CorpusValues(keyword: "DynamicForward", values: ["1080", "localhost:1081", "[::1]:1082", "/tmp/dyn"]),
  ]
}
