import MartletCore
import MartletFacts

/// What went wrong first, in the words of pip and of what it builds with.
enum PipFailure {
  /// A line or two for a person; nil if nothing is known that says more than the output itself.
  ///
  /// - Parameter output: The last lines that the action printed; one is `Python` with the version.
  static func explain(_ output: [String]) -> String? {
    func first(_ parts: String...) -> String? {
      output.first { line in parts.contains { line.contains($0) } }.map(cut)
    }
    if let line = first("No space left on device") { return "the disk is full: \(line)" }
    if first("externally-managed-environment") != nil {
      return "this Python belongs to the system, which keeps pip out of it: install into a Virtualenv"
    }
    if let line = first("Permission denied") {
      return "\(line): whom does the environment belong to? Give PipInstall that user"
    }
    if first("No module named pip") != nil {
      return
        "the environment has no pip, as one that uv made: let Virtualenv make it, or run `python -m ensurepip` with its Python"
    }
    if let text = unsatisfied(output) { return text }
    if let line = first(
      "because these package versions have conflicting dependencies", "ResolutionImpossible")
    {
      let reasons = output.drop { !$0.contains("The conflict is caused by:") }.dropFirst()
        .prefix { !$0.trimmed.isEmpty }.prefix(4).map { $0.trimmed }
      return reasons.isEmpty
        ? trimmed(line) : "versions that can't go together: \(cut(reasons.joined(separator: "; ")))"
    }
    if let text = build(output) { return text }
    if let line = first("THESE PACKAGES DO NOT MATCH THE HASHES") {
      let package = output.drop { !$0.contains("DO NOT MATCH THE HASHES") }.dropFirst().first.map {
        ": \(cut($0.trimmed))"
      }
      return (package.map { "a package is not the one whose hash the requirements give\($0)" })
        ?? trimmed(line)
    }
    if let line = first("requires a different Python") {
      return
        "\(trimmed(line)): ask for another version of it, or give the virtual environment a newer Python (python:)"
    }
    if let line = unreachable(output) { return line }
    return first("ERROR: ").map(trimmed)
  }

  /// Why no version was found: the wrong Python, no such package, no such version, no network.
  private static func unsatisfied(_ output: [String]) -> String? {
    let mark = "Could not find a version that satisfies the requirement "
    guard let line = output.first(where: { $0.contains(mark) }), let start = line.firstRange(of: mark) else {
      return nil
    }
    let rest = line[start.upperBound...]
    let end = rest.firstRange(of: " (from")?.lowerBound ?? rest.endIndex
    let wanted = cut(String(rest[..<end]))
    let versions = rest[end...].firstRange(of: "from versions: ").map { range in
      rest[range.upperBound...].prefix { $0 != ")" }.split(separator: ",").map { $0.trimmed }
    }
    if let text = needsPython(wanted, output) { return text }
    guard let versions, let last = versions.last, versions != ["none"] else {
      return unreachable(output) ?? "the package index has no \(wanted) for this host: is the name right?"
    }
    return "the package index has no \(wanted): the newest for this host is \(last)"
  }

  /// pip names the versions that it left out, in the order of their texts.
  private static func needsPython(_ wanted: String, _ output: [String]) -> String? {
    let mark = "require a different python version: "
    guard let line = output.first(where: { $0.contains(mark) }), let start = line.firstRange(of: mark) else {
      return nil
    }
    let requirement = PipRequirement(wanted)
    guard let name = requirement.name else { return nil }
    let left: [(version: String, needs: String)] = line[start.upperBound...].split(separator: ";").compactMap
    { entry in
      let parts = entry.split(separator: " ", maxSplits: 2).map(String.init)
      guard parts.count == 3, parts[1] == "Requires-Python", PythonVersion(parts[0]) != nil else {
        return nil
      }
      return (parts[0], parts[2].trimmed)
    }
    let meeting = left.filter { !requirement.isContradicted(by: [name: $0.version]) }
    let finals = meeting.filter { PythonVersion($0.version)?.isPrerelease == false }
    let newest = (finals.isEmpty ? meeting : finals).max { first, second in
      guard let a = PythonVersion(first.version), let b = PythonVersion(second.version) else { return false }
      return a < b
    }
    guard let newest else { return nil }
    let python = output.first { $0.hasPrefix("Python ") } ?? "another Python"
    return
      "this environment has \(python), and \(name) \(newest.version) needs \(newest.needs): ask for an older "
      + "version of it, or give the virtual environment a newer Python (Virtualenv(…, python:))"
  }

  /// What the build of a package lacked.
  private static func build(_ output: [String]) -> String? {
    let package =
      output.firstIndex { $0.hasPrefix("╰─> ") }.map { String(output[$0].dropFirst(4)) }
      .flatMap { $0.contains(" ") || $0.hasPrefix("[") ? nil : " of \($0)" } ?? ""
    let needs = "the build\(package) needs "
    func has(_ parts: String...) -> Bool {
      output.contains { line in parts.contains { line.contains($0) } }
    }
    if has("Python.h: No such file") { return needs + "Python's headers: InstallPython(headers: true)" }
    if has("pg_config executable not found", "libpq-fe.h: No such file") {
      return needs + "PostgreSQL's headers: AptPackages(\"libpq-dev\") and InstallPython(headers: true), or "
        + "psycopg2-binary in its place"
    }
    if has("mysql_config: not found", "Can not find valid pkg-config name", "mysql.h: No such file") {
      return needs + "MySQL's headers: AptPackages(\"default-libmysqlclient-dev\", \"pkg-config\") and "
        + "InstallPython(headers: true)"
    }
    if has(
      "gcc' failed: No such file", "cc' failed: No such file", "g++' failed: No such file", "gcc: not found")
    {
      return needs + "a compiler, and perhaps libraries: InstallPython(headers: true)"
    }
    if has("can't find Rust compiler", "cargo: not found") {
      return needs + "a Rust compiler: is there a version with a wheel for this host, or a newer pip?"
    }
    if let line = output.first(where: { $0.contains(".h: No such file or directory") }) {
      return needs + "a header: \(cut(line.trimmed)). Which Debian package has it: apt-file search"
    }
    return nil
  }

  private static func unreachable(_ output: [String]) -> String? {
    let marks = [
      "Failed to establish a new connection", "NewConnectionError", "Temporary failure in name resolution",
      "Name or service not known", "Read timed out", "ConnectTimeoutError", "SSLError", "ProxyError",
    ]
    let line = output.first { line in marks.contains { line.contains($0) } }
    return line.map { "this host can't reach the package index: \(cut(trimmed($0)))" }
  }

  private static func trimmed(_ line: String) -> String {
    for mark in ["ERROR: ", "WARNING: ", "error: "] where line.hasPrefix(mark) {
      return String(line.dropFirst(mark.count)).trimmed
    }
    return line.trimmed
  }

  private static func cut(_ line: String) -> String { line.shortened(to: 240) }
}
