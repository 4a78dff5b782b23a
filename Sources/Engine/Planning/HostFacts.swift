internal import MartletCore

/// What the engine itself wants to know of every host.
struct HostFacts: ProbedFact {
  struct Answer: Sendable {
    var operatingSystem: OperatingSystem
    /// The names of the handlers that an earlier run, or this one, has left due, by their markers.
    var dueHandlers: [String: String]
    /// What says whether somebody has changed the host since (``HostLock``).
    var generation = "none"
  }

  typealias Value = Answer
  static let kind = "host"

  /// No process is started: the shell reads the file and lists the folder itself.
  static func probe(_ facts: [HostFacts], _ options: LookOptions) -> ShellCommand {
    """
    for _f in "$_S"/handlers/*; do
    [ -f "$_f" ] && { _n=; IFS= read -r _n <"$_f"; printf 'due %s %s\\n' "${_f##*/}" "$_n"; }
    done
    { IFS= read -r _g; } 2>/dev/null <"$_L/generation" && printf 'generation %s\\n' "$_g"
    [ -r /etc/os-release ] && while IFS= read -r _l; do printf 'os %s\\n' "$_l"; done </etc/os-release
    """
  }

  static func parse(_ output: ProbeOutput, for facts: [HostFacts]) -> [HostFacts: Answer] {
    var due: [String: String] = [:]
    var release = ""
    var generation = "none"
    for line in output.lines {
      if line.hasPrefix("due ") {
        let words = line.dropFirst(4).split(separator: " ", maxSplits: 1).map(String.init)
        if let marker = words.first { due[marker] = words.dropFirst().first ?? marker }
      } else if line.hasPrefix("generation ") {
        generation = HostLock.generation(reported: line.dropFirst(11))
      } else if line.hasPrefix("os ") {
        release += line.dropFirst(3) + "\n"
      }
    }
    return [
      HostFacts(): Answer(
        operatingSystem: OperatingSystem(osRelease: release), dueHandlers: due, generation: generation)
    ]
  }
}
