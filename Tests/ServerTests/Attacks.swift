import Foundation
import TestSupport
import Testing

extension Server {
  /// Runs a script as deploy.
  @discardableResult
  func askAsDeploy(_ script: String) async throws -> String {
    try await ask(
      "setpriv", "--reuid=deploy", "--regid=deploy", "--init-groups", "env", "HOME=/home/deploy", "sh", "-ec",
      script)
  }

  /// Does something while deploy attacks.
  func attacked<R>(by attacker: Attacker, _ body: () async throws -> R) async throws -> R {
    let start =
      "setpriv --reuid=deploy --regid=deploy --init-groups perl -e \"$1\" </dev/null >/dev/null 2>&1 & echo $!"
    let id = try await ask("sh", "-c", start, "sh", attacker.program)
    // At work: its program has been read, and has used some time of the processor.
    _ = try await ask(
      "timeout", "60", "sh", "-c",
      "while :; do read -r _ _ _ _ _ _ _ _ _ _ _ _ _ user _ </proc/\(id)/stat; [ \"$user\" -gt 1 ] && exit; sleep 0.1; done"
    )
    do {
      let result = try await body()
      _ = try await ask("kill", "-9", id)
      return result
    } catch {
      _ = try? await ask("kill", "-9", id)
      throw error
    }
  }
}
