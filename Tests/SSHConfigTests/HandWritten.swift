/// Configurations that are nasty in more than one line.
enum HandWritten {
  static let configurations: [Configuration] =
    texts.map { text in
      Configuration(
        text: text,
        questions: [
          Question(host: "web1"), Question(host: "db.example.com", user: "deploy"),
          Question(host: "10.0.0.5", port: 99),
        ])
    } + includes

  private static let texts = [
    "",
    "\n\n\n",
    "User a",
    "User a\r\nPort 7\r\n\r\nHost web1\r\n  User b\r\n  IdentityFile ~/x\r\n",
    "\u{feff}User a\n",
    "User a\0b\nPort 7\n",
    // The first value wins, from whichever block.
    "Host web*\n User a\nHost *\n User b\n Port 1\nHost web1\n Port 2\n",
    "Host *\n User a\nHost web1\n User b\n",
    // The case of Host matters, that of Match host doesn't.
    "Host WEB1\n User a\nMatch host WEB1\n User b\nMatch host W*\n Port 3\n",
    "Host !web1 *\n User a\nHost * !web1\n Port 5\nHost !web1\n BatchMode yes\n",
    "Host \"web1 db.example.com\"\n User a\nHost 'web1' db.example.com\n Port 4\n",
    "Host=web1\n User=a\nHost = db.example.com\n Port = 4\n",
    // Match host sees HostName, originalhost doesn't.
    "Host web1\n HostName real.example.com\nMatch host real.example.com\n User a\nMatch originalhost web1\n Port 4\n",
    "HostName %h.example.com\nMatch host *.example.com\n User a\nMatch host web1\n User b\n",
    "Match host web1,db* user root,deploy\n Port 1\nMatch !host web1\n Port 2\n",
    "User x\nMatch user x\n Port 1\nMatch localuser root !user x\n Port 2\nMatch localuser root user x\n Port 3\n",
    // The second pass: Host is compared with the new name, what is set stays, SendEnv comes twice.
    "Host web1\n HostName real.example.com\n User a\nHost real.example.com\n Port 7\nMatch final\n SendEnv A\nSendEnv B\n",
    "Match final\n User late\nHost *\n User early\nSendEnv X\nIdentityFile ~/a\nLocalForward 1 a:1\n",
    "Match !final\n User first\nMatch final\n User last\n Port 9\n",
    "Match final host web1\n User a\nMatch canonical\n Port 3\n",
    "Match canonical\n Port 3\n",
    "Host never\n Match final\n  Port 3\nMatch canonical\n User c\n",
    "Host web1\n HostName WEB.Example.COM\nMatch final host web.example.com\n Port 8\n",
    "Match final all\n User f\nMatch final !all\n Port 4\nMatch all\n Port 5\n",
    "Match exec \"true\" exec \"false\"\n User a\nMatch exec \"true\" !exec \"false\"\n Port 2\n",
    "Match exec \"test %h = real\"\n User a\nHostName real\nMatch exec \"test %h = real\"\n Port 6\n",
    "HostKeyAlias Al\nMatch exec \"test %k = Al\"\n Port 6\n",
    "Match exec \"test '%h' = web1 -a \\\"%n\\\" = web1\"\n Port 6\n",
    "Match host web1 exec \"kill -9 $$\"\n Port 1\n",
    "Match host nobody exec \"kill -9 $$\"\n Port 1\n",
    "CanonicalizeHostname yes\nMatch canonical\n User c\nHost db.example.com\n Port 6\n",
    "CanonicalizeHostname always\nCanonicalDomains none\nMatch final\n User c\nSendEnv A\n",
    "CanonicalizeHostname yes\nCanonicalDomains example.com\nCanonicalizeMaxDots 0\nProxyCommand x\nMatch final\n User c\n",
    "CanonicalizeHostname yes\nCanonicalizeFallbackLocal no\n",
    "CanonicalizeHostname yes\nCanonicalDomains example.com\nProxyJump none\n",
    "CanonicalDomains example.com Example.ORG.\nCanonicalizePermittedCNAMEs *.A:*.b,c x:Y * none:z\n ProxyJump j\n",
    // ProxyJump and ProxyCommand: the first wins, and none has its own ways.
    "ProxyJump a\nProxyCommand nc\n",
    "ProxyCommand nc\nProxyJump a\n",
    "ProxyCommand none\nProxyJump a\n",
    "ProxyJump none\nProxyCommand nc\n",
    "ProxyJump none\nProxyJump a\n",
    "ProxyJump web1\n",
    "ProxyJump root@web1:22\nUser root\n",
    "ProxyJump a@web1\n",
    "ProxyJump web1:23\n",
    "Host web1\n HostName db.example.com\nHost *\n ProxyJump db.example.com\n",
    "ProxyUseFdpass yes\nProxyJump j\n",
    "ProxyUseFdpass yes\nProxyCommand -\n",
    // Lists that add up.
    "IdentityFile a\nIdentityFile b\nHost web1\n IdentityFile a\n IdentityFile c\nHost *\n IdentityFile none\n",
    "CertificateFile a\nCertificateFile a\nCertificateFile ~/%n\n",
    "SendEnv A B C*\nHost web1\n SendEnv -C* -?\nHost *\n SendEnv A\n",
    "SetEnv A=1 B=2\nSetEnv C=3\n",
    "UserKnownHostsFile a b\nUserKnownHostsFile c\n",
    "UserKnownHostsFile ~/.ssh/known_hosts\n",
    "UserKnownHostsFile ~/.ssh/known_hosts ~/.ssh/known_hosts2\n",
    "VerifyHostKeyDNS yes\n",
    "UpdateHostKeys ask\nControlPersist yes\nControlPath none\n",
    "UpdateHostKeys ask\nControlPersist yes\nControlPath x\n",
    "UpdateHostKeys ask\nRemoteCommand x\n",
    "UpdateHostKeys ask\nLogLevel error\n",
    "LocalForward 80 a:1\nDynamicForward 80\nLocalForward 80 a:1\nDynamicForward 80\nRemoteForward 80 a:1\nRemoteForward 80\n",
    "LocalForward 80 a:1\nClearAllForwardings yes\nRemoteForward 1 a:2\n",
    "LogVerbose a\nLogVerbose b\n",
    "RekeyLimit 1G\nRekeyLimit 2G 1h\nRekeyLimit 3G 2h\n",
    "ConnectTimeout none\nConnectTimeout 5\nServerAliveInterval none\nServerAliveInterval 7\n",
    "BatchMode yes\n",
    "BatchMode yes\nServerAliveInterval 0\n",
    "ForwardAgent no\nForwardAgent /some/path\n",
    "ForwardAgent /some/path\nForwardAgent no\nForwardAgent /other\n",
    "ForwardAgent /nowhere\nExitOnForwardFailure yes\n",
    "ForwardAgent /tmp\nExitOnForwardFailure yes\n",
    // Set even where the block doesn't apply.
    "Host nobody\n SyslogFacility LOCAL1\n StreamLocalBindMask 0111\n User x\n",
    "StreamLocalBindMask 0111\nHost nobody\n StreamLocalBindMask 0222\n",
    "SyslogFacility USER\nHost nobody\n SyslogFacility LOCAL1\n",
    // Mistakes count where the block doesn't apply, unknown keywords after IgnoreUnknown don't.
    "Host nobody\n Port x\n",
    "Host nobody\n Bogus x\n",
    "IgnoreUnknown Bog*\nHost nobody\n Bogus x\n BOGUS=y z\n",
    "Host nobody\n IgnoreUnknown bogus\nHost *\n bogus x\n",
    "Bogus x\nIgnoreUnknown bogus\n",
    "IgnoreUnknown *,!bogus\nbogus x\n",
    "IgnoreUnknown bogus\nbogus \"x\n",
    "IgnoreUnknown bogus\nbogus\n",
    "Host nobody \"\"\nHost web1\n User x\n",
    "Host web1 \"\"\n User x\n",
    "Host !web1 \"\"\n User x\n",
    "AddressFamily inet6\n",
    "AddressFamily inet6\nHostName 127.1\n",
    "HostName 0x7f.1\n",
    "HostName 1.2.3.4.5\n",
    "HostName ::FFFF:1.2.3.4\n",
    "HostName FE80::1%LO\n",
    "HostName fe80::0:1%lo\n",
    "HostName A.B.C.\n",
    "HostName 127.000.000.001\n",
    "ControlPath %C-%L-%d-%h-%i-%k-%l-%n-%p-%r-%u-%%\nHostKeyAlias ALIAS\nHostName real\nUser u\nPort 3\n",
    "ControlPath %C\nProxyJump j\n",
    "IdentityFile \"~/a b\"\nIdentityFile '~/a b'\nIdentityFile ~/a\\ b\nIdentityFile ~/a\\b\n",
    "User \"a\\\"b\"\nHostName 'x.y'\n",
    "ProxyCommand sh -c \"nc %h %p # not a comment\" # neither\n",
    "LocalCommand it's\n",
    "Host *\n\tUser\ttabbed\t# comment\n\tPort\t=\t5\n",
    "Host web1 # Host db.example.com\n User a\n",
    "HostbasedKeyTypes +ssh-rsa\nPubkeyAcceptedKeyTypes +ssh-dss\nHostKeyAlgorithms ^rsa*\n",
    "Ciphers aes*-ctr\n",
    "Host nobody\n Ciphers -*\nHost web1\n MACs -*\n",
    "KexAlgorithms +curve25519-sha256,diffie-hellman-group1-sha1,diffie-hellman-group1-sha1\n",
    "Ciphers ^aes256-ctr,aes256-ctr\n",
    "HostKeyAlgorithms RSA\nHost nobody\n",
    (1...33).map { "UserKnownHostsFile f\($0)" }.joined(separator: "\n"),
    "UserKnownHostsFile " + (1...33).map { "f\($0)" }.joined(separator: " "),
    "UserKnownHostsFile " + (1...32).map { "f\($0)" }.joined(separator: " "),
    "Host nobody\nUserKnownHostsFile " + (1...33).map { "f\($0)" }.joined(separator: " "),
    (1...100).map { "IdentityFile f\($0)" }.joined(separator: "\n"),
    (1...101).map { "IdentityFile f\($0)" }.joined(separator: "\n"),
    (1...101).map { _ in "IdentityFile f" }.joined(separator: "\n"),
    "LocalForward 80 " + String(repeating: "h", count: 300) + ":1\n",
    "LocalForward 80 " + String(repeating: "h", count: 240) + ":8080\n",
    "LocalForward 80 /" + String(repeating: "p", count: 106) + "\n",
    "LocalForward 80 /" + String(repeating: "p", count: 107) + "\n",
    "Match host " + String(repeating: "a", count: 1022) + ",web1\n User a\n",
    "Match host " + String(repeating: "a", count: 1023) + ",web1\n User a\n",
    "Match host web1,\n User a\nMatch host ,web1\n Port 4\nMatch host !\n BatchMode yes\n",
    "Host " + String(repeating: "*a", count: 12) + "\n User a\n",
    "SendEnv A -B \"C D\"\n",
    "User ${PLACE}\nBindAddress %h\nPort 5\n",
    "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\nIdentitiesOnly yes\n",
    "Host github.com\n  User git\nHost *\n  AddKeysToAgent yes\n  IgnoreUnknown UseKeychain\n  UseKeychain yes\n",
    "Host bastion\n User jump\nHost web* !bastion\n ProxyJump bastion\n User deploy\n IdentityFile ~/.ssh/id_%r_%h\n",
  ]

  private static let includes: [Configuration] = [
    included("Include INCLUDES/a.conf\nUser outer\n", ["a.conf": "User inner\n"]),
    included(
      "Host web1\n Include INCLUDES/a.conf\n Port 5\n",
      ["a.conf": "User inner\nHost db*\n Port 6\nHost *\n Port 7\n"]),
    included(
      "Host nobody\n Include INCLUDES/a.conf\nHost *\n Port 5\n",
      ["a.conf": "Host *\n User inner\nMatch final\n User f\n"]),
    included(
      "Include INCLUDES/*.conf\n",
      ["b.conf": "User b\nIdentityFile b\n", "a.conf": "User a\nIdentityFile a\n", "c.txt": "Port 1\n"]),
    included("Include INCLUDES/b.conf INCLUDES/a.conf\n", ["b.conf": "User b\n", "a.conf": "User a\n"]),
    included(
      "Include INCLUDES/[ab].conf INCLUDES/?.txt\n",
      ["b.conf": "User b\n", "a.conf": "User a\n", "c.txt": "Port 3\n"]),
    included(
      "Include INCLUDES/[!a].conf \"INCLUDES/a b.conf\"\n", ["b.conf": "User b\n", "a b.conf": "Port 4\n"]),
    included("Include INCLUDES/a\\*.conf\n", ["a*.conf": "User star\n", "ab.conf": "Port 4\n"]),
    included("Include INCLUDES/a.conf\n", ["a.conf": "Include INCLUDES/a.conf\n"]),
    included("Include INCLUDES/a.conf\n", ["a.conf": "Bogus x\n"]),
    included("Host nobody\n Include INCLUDES/a.conf\n", ["a.conf": "Bogus x\n"]),
    included("Host nobody\n Include INCLUDES/a.conf\n", ["a.conf": "Port x\n"]),
    included("Host nobody\n Include INCLUDES/a.conf\n", ["a.conf": "Host nobody \"\"\n"]),
    included("Include a.conf ~/b.conf\n", ["a.conf": "User x\n"]),
    included("Host web1\n Include INCLUDES/a.conf\n User u\n", ["a.conf": "Match user root\n Port 9\n"]),
    included(
      "Include INCLUDES/{a,b}.conf INCLUDES/.*.conf\n", ["a.conf": "User a\n", ".x.conf": "Port 3\n"]),
    included(
      "Host *\n Include INCLUDES/1.conf\n",
      Dictionary(
        uniqueKeysWithValues: (1...16).map { ("\($0).conf", "Port \($0)\nInclude INCLUDES/\($0 + 1).conf\n") }
      )),
    included(
      "Host *\n Include INCLUDES/1.conf\n",
      Dictionary(
        uniqueKeysWithValues: (1...17).map { ("\($0).conf", "Include INCLUDES/\($0 + 1).conf\nPort \($0)\n") }
      )),
    included("Include INCLUDES\nUser a\n", ["x": ""]),
  ]

  private static func included(_ text: String, _ files: [String: String]) -> Configuration {
    Configuration(
      text: text, included: files,
      questions: [
        Question(host: "web1"), Question(host: "db.example.com"), Question(host: "x", user: "root"),
      ])
  }
}
