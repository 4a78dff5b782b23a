/// Where a login stands: what can be tried yet, what was tried, and what the server says can go on.
/// Confined to the reactor's thread.
final class LoginState {
  /// When the connection must be logged in; moved by the time that the user was asked for.
  var deadline: ContinuousClock.Instant
  var agent: AgentClient?
  /// Keys yet to be offered.
  var credentials: [Credential] = []
  /// The methods that the server goes on with; nil before it has told.
  var offered: [String]?
  /// Methods of which nothing is left to try.
  var exhausted: Set<AuthenticationMethod> = []

  /// In the words of the final error.
  var tried: [String] = []
  var problems: [String] = []
  /// What the system's ssh could use.
  var beyond: [String] = []
  /// What was right, where the server then wanted more.
  var passed: [String] = []
  /// How many passwords each method has sent.
  var sent: [AuthenticationMethod: Int] = [:]
  var passwords: Passwords
  /// Whether keyboard-interactive has asked for the password before.
  var dialogueWantsPassword = false
  /// How long the user was asked.
  var timeAsked = Duration.zero

  init(_ target: SSHTarget, deadline: ContinuousClock.Instant) {
    self.deadline = deadline
    passwords = Passwords(known: target.password, limit: target.numberOfPasswordPrompts)
  }

  /// Takes note of what the server says can go on.
  func note(_ refusal: LoginRefusal, after label: String) {
    offered = refusal.methods
    if refusal.isPartialSuccess { passed.append(label) }
  }

  func canTry(_ method: AuthenticationMethod) -> Bool {
    if exhausted.contains(method) || (method == .publicKey && credentials.isEmpty) { return false }
    return offered?.contains(method.rawValue) ?? true
  }

  /// All that was tried, for messages.
  var summary: String {
    var parts = tried
    for method in AuthenticationMethod.allCases {
      guard let count = sent[method] else { continue }
      let times = count == 1 ? "once" : "\(count) times"
      parts.append("\(method.rawValue) \(times)")
    }
    return parts.joined(separator: ", ")
  }
}

/// The passwords of one connection: the known one, then those that the user gives.
struct Passwords {
  private var known: SSHSecret?
  private var asked = 0
  private let limit: Int
  /// The newest, which a further method tries first.
  private var current: SSHSecret?
  private var currentUsers: Set<AuthenticationMethod> = []
  private(set) var isDeclined = false

  init(known: SSHSecret?, limit: Int) {
    self.known = known
    self.limit = limit
  }

  enum Next {
    case secret(SSHSecret)
    /// The user must be asked, for the attempt of this number.
    case ask(attempt: Int)
    case none
  }

  mutating func next(for method: AuthenticationMethod, canAsk: Bool) -> Next {
    if let secret = known {
      known = nil
      current = secret
      currentUsers = []
    }
    if let current, currentUsers.insert(method).inserted { return .secret(current) }
    guard canAsk, !isDeclined, asked < limit else { return .none }
    asked += 1
    return .ask(attempt: asked)
  }

  mutating func take(_ answer: SSHSecret?, for method: AuthenticationMethod) {
    isDeclined = answer == nil
    current = answer ?? current
    currentUsers = [method]
  }
}
