import Foundation

/// A server that keeps to the protocol until keys are agreed on, and then sends what no server should: lengths that
/// are not true, messages out of place, channels that don't exist. Needs Python's paramiko.
///
/// The user's name says what it does: `login-SEED` answers attempts to log in with nonsense, `session-SEED` lets
/// everyone in and sends nonsense to the first command. The same name gets the same messages. `name-LENGTH` asks a
/// question whose name is said to be so long, and is 100 bytes; `signal-LENGTH` ends a command by a signal whose name is
/// said to be so long, and is 4 bytes.
public final class HostileServer: Sendable {
  public let port: Int
  /// The host's key, as a line of known_hosts.
  public let knownHosts: String
  private let files: TemporaryFolder
  private let processID: Int32

  public init() throws {
    files = try TemporaryFolder(mode: 0o700)
    let folder = files.path
    try program.write(toFile: "\(folder)/server.py", atomically: true, encoding: .utf8)
    processID = try spawn(["/usr/bin/python3", "\(folder)/server.py"], output: "\(folder)/known_hosts")
    knownHosts = "\(folder)/known_hosts"
    for _ in 0..<1000 {
      let text = (try? String(contentsOfFile: knownHosts, encoding: .utf8)) ?? ""
      if text.hasSuffix("\n"),
        let port = text.split(whereSeparator: { ":]\n ".contains($0) }).dropFirst().first
      {
        guard let port = Int(port) else { break }
        self.port = port
        return
      }
      usleep(10_000)
    }
    let text = (try? String(contentsOfFile: knownHosts, encoding: .utf8)) ?? ""
    throw TestFailure("the server does not start: \(text)")
  }

  deinit {
    kill(processID, SIGKILL)
    var status: Int32 = 0
    waitpid(processID, &status, 0)
  }
}

private let program = #"""
  import random, socket, struct, sys, threading
  import paramiko
  from paramiko.message import Message

  def number(n):
      return struct.pack(">I", n & 0xFFFFFFFF)

  def text(r, b):
      n = len(b)
      if r.random() < 0.3:
          n = r.choice([0, 1, n + 1, n + 100, 40000, 100_000_000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFC, 0xFFFFFFFF])
      return number(n) + b

  def cut(r, b):
      if r.random() < 0.2:
          b = b[: r.randrange(1, len(b) + 1)]
      return b + (r.randbytes(20) if r.random() < 0.1 else b"")

  def answer(r):
      kind = r.choice([51, 51, 51, 52, 53, 60, 60, 60, 60, 7, 1, 4, 2, 6])
      b = bytes([kind])
      if kind == 51:
          b += text(r, r.choice([b"password", b"keyboard-interactive,password,publickey", b""]))
          b += r.choice([b"\0", b"\1", b""])
      elif kind == 53:
          b += text(r, b"hello") + text(r, b"")
      elif kind == 60 and r.random() < 0.6:
          b += text(r, b"name") + text(r, b"instruction") + text(r, b"")
          b += number(r.choice([0, 1, 1, 2, 100, 101, 0xFFFFFFFF])) + text(r, b"Password: ") + b"\0"
      elif kind == 60:
          b += text(r, b"ssh-ed25519") + text(r, b"x" * 51)
      elif kind == 7:
          b += number(r.choice([1, 0, 0xFFFFFFFF])) + text(r, b"server-sig-algs") + text(r, b"rsa-sha2-256")
      elif kind == 1:
          b += number(11) + text(r, b"bye") + text(r, b"")
      elif kind == 4:
          b += b"\1" + text(r, b"debug") + text(r, b"")
      else:
          b += text(r, b"ssh-userauth")
      return cut(r, b)

  def message(r, channel):
      kind = r.choice([80, 81, 82, 90, 91, 92, 93, 94, 94, 95, 95, 96, 97, 98, 98, 98, 99, 100, 1, 2, 3, 4, 7, 20,
                       21, 51, 52, 60, 192])
      b = bytes([kind])
      to = number(r.choice([channel] * 5 + [1, 99, 0xFFFFFFFF]))
      if kind == 80:
          b += text(r, r.choice([b"keepalive@openssh.com", b"hostkeys-00@openssh.com"])) + r.choice([b"\1", b"\0", b""])
          b += r.randbytes(r.randrange(30))
      elif kind == 90:
          b += text(r, r.choice([b"x11", b"forwarded-tcpip", b"auth-agent@openssh.com", b"session"])) + number(5)
          b += number(r.choice([0, 1 << 20, 0xFFFFFFFF])) + number(32768)
          b += text(r, b"127.0.0.1") + number(22) + text(r, b"h") + number(1)
      elif kind == 91:
          b += to + number(r.choice([0, 7])) + number(r.choice([0, 1 << 21, 0xFFFFFFFF])) + number(0)
      elif kind == 92:
          b += to + number(r.choice([1, 2, 9])) + text(r, b"no") + text(r, b"")
      elif kind == 93:
          b += to + number(r.choice([0, 1, 1 << 31, 0xFFFFFFFF]))
      elif kind == 94:
          b += to + text(r, r.randbytes(r.choice([0, 1, 100, 30000])))
      elif kind == 95:
          b += to + number(r.choice([0, 1, 2, 0xFFFFFFFF])) + text(r, r.randbytes(r.choice([0, 1, 100])))
      elif kind in (96, 97, 99, 100):
          b += to
      elif kind == 98:
          name = r.choice([b"exit-status", b"exit-signal", b"exit-signal", b"xon-xoff", b"eow@openssh.com"])
          b += to + text(r, name) + r.choice([b"\0", b"\1"])
          if name == b"exit-status":
              b += number(3)
          if name == b"exit-signal":
              b += text(r, b"TERM") + b"\0" + text(r, b"killed") + text(r, b"")
      else:
          b += r.randbytes(r.randrange(60))
      return cut(r, b)

  class Session(paramiko.ServerInterface):
      user = ""
      def get_allowed_auths(self, user):
          return "password"
      def check_auth_password(self, user, password):
          self.user = user
          return paramiko.AUTH_SUCCESSFUL
      def check_channel_request(self, kind, number):
          return paramiko.OPEN_SUCCEEDED
      def check_channel_exec_request(self, channel, command):
          return True

  class Login(paramiko.auth_handler.AuthHandler):
      r = None
      def answer(self, m):
          user, _, method = m.get_text(), m.get_text(), m.get_text()
          if user.startswith("name-"):
              asks = method == "keyboard-interactive"
              reply = b"\x3c" + number(int(user[5:])) + b"x" * 100 if asks else b"\x33\0\0\0\x14keyboard-interactive\0"
              return self.transport._send_message(Message(reply))
          self.r = self.r or random.Random(user)
          if user.startswith(("session-", "signal-")):
              m.rewind()
              return self._parse_userauth_request(m)
          threading.Timer(1, self.transport.close).start()
          for _ in range(self.r.choice([1, 1, 2, 5])):
              self.transport._send_message(Message(answer(self.r)))
      @property
      def _handler_table(self):
          # Versions differ in whether they pass the handler along.
          return {5: lambda *a: self._parse_service_request(a[-1]), 50: lambda *a: self.answer(a[-1]),
                  61: lambda *a: self.answer(a[-1])}

  def serve(connection, key):
      transport = paramiko.Transport(connection)
      transport.add_server_key(key)
      transport.auth_handler = Login(transport)
      session = Session()
      try:
          transport.start_server(event=threading.Event(), server=session)
          channel = transport.accept(10)
          if channel and session.user.startswith("signal-"):
              to = number(channel.remote_chanid)
              name = number(int(session.user[7:])) + b"TERM"
              transport._send_message(Message(b"b" + to + number(11) + b"exit-signal\0" + name))
              transport._send_message(Message(b"a" + to))
              transport.join(1)
          elif channel:
              r = random.Random(session.user)
              for _ in range(r.choice([1, 5, 30])):
                  transport._send_message(Message(message(r, channel.remote_chanid)))
              transport.join(0.3)
          transport.close()
      except Exception:
          connection.close()

  key = paramiko.ECDSAKey.generate()
  listener = socket.socket()
  listener.bind(("127.0.0.1", 0))
  listener.listen(100)
  print("[127.0.0.1]:%d %s %s" % (listener.getsockname()[1], key.get_name(), key.get_base64()), flush=True)
  sys.stderr = open("/dev/null", "w")
  while True:
      threading.Thread(target=serve, args=(listener.accept()[0], key), daemon=True).start()
  """#
