public import MartletCore
public import MartletFacts

#if canImport(FoundationEssentials)
  import FoundationEssentials
#else
  import Foundation
#endif

/// Installs Python packages into a virtual environment with pip.
///
///     PipInstall("django==5.1", "gunicorn", into: "/srv/shop/venv")
///     PipInstall(requirements: "/srv/shop/app/requirements.txt", into: "/srv/shop/venv")
///     PipInstall(localRequirements: "app/requirements.txt", into: "/srv/shop/venv")
///
/// If all is there, pip isn't started: the names and versions of what is installed are compared with what is wanted
/// (PEP 440, PEP 503). Extras, markers, URLs, local projects, `-e`, constraints and whatever can't be read for sure are
/// left to pip. It runs when the requirements have changed since it last did, the files that they include, or local
/// projects and archives that they name; a stamp in the environment says with what it last succeeded, and what was
/// installed then. Of an editable project only the files beside its `setup.py` count. What a URL without a version in
/// it leads to may change unnoticed.
///
/// pip runs every time for what can't be seen from here at all, as `-r https://…`; that is a change only if it installs
/// something. If pip was ended while it installed, as by a power cut, the next run installs all anew.
///
/// Nothing is ever removed from the environment.
public struct PipInstall: HostTask {
  /// Where the requirements come from.
  enum Source: Sendable {
    case packages([String])
    case hostFile(RemotePath)
    case localFile(String)
  }

  let source: Source
  let environment: RemotePath
  let user: String?
  let indexURL: Secret?
  let requireHashes: Bool

  /// Installs packages that are named here.
  ///
  /// - Parameters:
  ///   - packages: Requirements as pip takes them: `django==5.1`, `uvicorn[standard]`.
  ///   - environment: The virtual environment; it has to be there, see ``Virtualenv``.
  ///   - user: The user who runs pip: the environment's owner. Nil for the user whom the play runs as.
  ///   - indexURL: A package index in place of PyPI, possibly with a password in it. It reaches pip by its
  ///     environment, never by its arguments.
  public init(
    _ packages: String..., into environment: RemotePath, user: String? = nil, indexURL: Secret? = nil
  ) {
    self.init(.packages(packages), environment, user, indexURL, requireHashes: false)
  }

  /// Installs packages from a list that is made when the playbook runs.
  public init(
    _ packages: [String], into environment: RemotePath, user: String? = nil, indexURL: Secret? = nil
  ) {
    self.init(.packages(packages), environment, user, indexURL, requireHashes: false)
  }

  /// Installs what a requirements file on the host asks for, as one that was uploaded with the code.
  ///
  /// - Parameter requireHashes: Whether pip is to refuse what has no hash in the file.
  public init(
    requirements file: RemotePath, into environment: RemotePath, user: String? = nil,
    indexURL: Secret? = nil, requireHashes: Bool = false
  ) {
    self.init(.hostFile(file), environment, user, indexURL, requireHashes: requireHashes)
  }

  /// Installs what a requirements file of the machine that runs the playbook asks for.
  ///
  /// - Parameter file: The file, from the folder in which Martlet was started. It can't include others.
  public init(
    localRequirements file: String, into environment: RemotePath, user: String? = nil,
    indexURL: Secret? = nil, requireHashes: Bool = false
  ) {
    self.init(.localFile(file), environment, user, indexURL, requireHashes: requireHashes)
  }

  private init(
    _ source: Source, _ environment: RemotePath, _ user: String?, _ indexURL: Secret?, requireHashes: Bool
  ) {
    self.source = source
    self.environment = environment
    self.user = user
    self.indexURL = indexURL
    self.requireHashes = requireHashes
  }

  public var label: String {
    switch source {
    case .packages(let packages): "pip install \(packages.joined(separator: " "))"
    case .hostFile(let file): "pip install -r \(file)"
    case .localFile(let file): "pip install -r \(file)"
    }
  }

  public var observes: All<PipPackages, Each<PipRequirementsFile>, Each<PipLocalProject>> {
    All(
      PipPackages(in: environment), Each(hostFile.map { [PipRequirementsFile($0)] } ?? []),
      Each(localProjects.map { PipLocalProject($0) }))
  }

  /// The projects and archives of the host that are named here.
  private var localProjects: [RemotePath] {
    guard case .packages(let packages) = source else { return [] }
    return packages.compactMap { PipRequirement($0).localPath }.filter { $0.hasPrefix("/") }.map {
      RemotePath($0)
    }
  }

  private var hostFile: RemotePath? {
    if case .hostFile(let file) = source { file } else { nil }
  }

  /// One stamp for each list of requirements, whatever is in it just now.
  private var stamp: RemotePath {
    let identity =
      switch source {
      case .packages(let packages):
        packages.map { PipRequirement($0).name ?? $0 }.sorted().joined(separator: " ")
      case .hostFile(let file): "-r \(file)"
      case .localFile(let file): "-r local \(file)"
      }
    return environment / ".martlet-pip-\(SHA256.hex(identity).prefix(16))"
  }

  public func decide(given facts: (PythonPackages?, [PipRequirementsText], [String?])) throws -> Decision {
    let (found, files, sums) = facts
    guard let found else {
      return .failed("\(environment) is no virtual environment: place Virtualenv(\"\(environment)\") before")
    }
    if let defect = found.defect {
      return .failed(
        "\(environment) can't be used: \(defect). Place Virtualenv(\"\(environment)\") before, which builds it anew"
      )
    }
    var wanted = PipWanted(options: requireHashes ? "--require-hashes\n" : "")
    switch source {
    case .packages(let packages): wanted.add(packages: packages, sums: sums)
    case .localFile(let file):
      // Local projects that it names are the host's, and nobody has looked at them.
      wanted.add(file: "/" + file, in: PipRequirementsText(["/" + file: try localText(file)]))
    case .hostFile(let path):
      guard let read = files.first, let main = read.files[path.string], main != nil else {
        return .failed(
          "there is no requirements file \(path) on the host: upload it first, or name a local one with "
            + "localRequirements:")
      }
      wanted.add(file: path.string, in: read)
      if let missing = wanted.missingFile {
        return .failed("\(path) includes \(missing), which is not on the host")
      }
    }
    return try decide(wanted, found)
  }

  /// pip is the judge: what its last success left is right, whatever it looks like from here, until something that it
  /// was given or that it left is different.
  private func decide(_ wanted: PipWanted, _ found: PythonPackages) throws -> Decision {
    let digest = SHA256.hex(wanted.fingerprint)
    let wasInterrupted = found.stamps[unfinished.name] != nil
    let last = found.stamps[stamp.name].flatMap { $0.sum == digest && !wasInterrupted ? $0 : nil }
    let missing = wanted.requirements.filter { requirement in
      guard requirement.isContradicted(by: found.versions) else { return false }
      guard let last, let name = requirement.name else { return true }
      return last.versions[name] != found.versions[name]
    }
    let gone = (last?.versions.keys.sorted() ?? []).filter { found.versions[$0] == nil }
    var changes = missing.map { $0.change(from: found.versions) }
    changes += gone.filter { name in !missing.contains { $0.name == name } }
      .map { .added("\($0), which was removed since") }
    let isCertain = wasInterrupted || !changes.isEmpty
    if wasInterrupted { changes = [.modified("all anew: the last installation was interrupted")] + changes }
    if changes.isEmpty {
      if let unreadable = wanted.unreadable {
        changes = [.modified("what pip makes of \(unreadable), which can't be known from here")]
      } else if wanted.isExact || last != nil {
        return .unchanged
      } else {
        let isFirst = found.stamps[stamp.name] == nil
        changes = [.modified(isFirst ? "requirements that names don't tell" : "requirements have changed")]
      }
    }
    var action = try install(
      digest: digest, isAnew: wasInterrupted, builtThere: wanted.builtThere, changes: changes)
    if !isCertain { action.changedWhen = .outputContains("Successfully installed") }
    if wanted.unreadable != nil { action.isOneShot = true }
    return [action]
  }

  public func validate() throws {
    switch source {
    case .packages(let packages):
      if packages.isEmpty { throw InvalidTask("PipInstall has no packages to install") }
      for package in packages { try validate(package) }
    case .localFile(let file):
      let read = PipRequirements(text: try localText(file))
      if let problem = read.problems.first {
        throw InvalidTask("\(file), line \(problem.line): \(problem.text)")
      }
      if let other = read.includes.first {
        throw InvalidTask(
          "\(file) includes \(other.path ?? "another file"): upload both and name the one on the host, with "
            + "requirements:")
      }
    case .hostFile: break
    }
  }

  private func validate(_ package: String) throws {
    if package.contains(where: \.isNewline) {
      throw InvalidTask("\(package.debugDescription) has a line break in it")
    }
    let requirement = PipRequirement(package)
    if requirement.isOption || package.trimmed.hasPrefix("-") {
      throw InvalidTask(
        "\"\(package)\" is an option, not a package: options for pip belong in a requirements file")
    }
    if let problem = requirement.problem {
      throw InvalidTask("\"\(package)\" is no requirement: \(problem)")
    }
    if let path = requirement.localPath, !path.hasPrefix("/") {
      throw InvalidTask("\"\(package)\" is a path: write it from the root, as it is on the host")
    }
  }

  private func localText(_ file: String) throws -> String {
    guard let data = FileManager.default.contents(atPath: PlaybookFolder.absolute(file)) else {
      throw InvalidTask(
        "the requirements file \(PlaybookFolder.absolute(file)) can't be read on the machine that runs the playbook"
      )
    }
    return PipRequirementsText.decode([UInt8](data))
  }

  /// What is there while pip installs, and stays if it is ended before it has cleaned up.
  private var unfinished: RemotePath { RemotePath(stamp.string + ".unfinished") }

  /// Local paths in a requirements file are relative to pip's folder, which is the file's own here.
  /// pip's settings go by its environment, as older versions don't know all options.
  ///
  /// The environment's own Python is asked for its pip: `bin/pip` of an environment that was moved or copied names the old
  /// place in its first line, and would install there. `-I` keeps modules of the current folder out.
  ///
  /// What a build leaves in a local project (setuptools' `build`) is taken away again: an upload of the folder would
  /// find it there, and delete it.
  private func install(digest: String, isAnew: Bool, builtThere: [String], changes: [Change]) throws -> Action
  {
    var input = Payload([])
    var command: ShellCommand = """
      set -e
      umask 022
      export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore PYTHONWARNINGS=ignore
      [ -w "${HOME:-/nonexistent}" ] || export PIP_NO_CACHE_DIR=1
      \(splice: PipPackages.listing)

      """
    if let indexURL {
      command += "IFS= read -r PIP_INDEX_URL; export PIP_INDEX_URL\n"
      input = Payload("\(indexURL)\n")
    }
    var arguments: ShellCommand
    switch source {
    case .packages(let packages): arguments = "-- \(packages)"
    case .hostFile(let file): arguments = "-r \(file)"
    case .localFile(let file):
      input.bytes += Array(try localText(file).utf8)
      command += "f=$(mktemp)\ntrap 'rm -f -- \"$f\"' EXIT\ncat >\"$f\"\n"
      arguments = "-r \"$f\""
    }
    if requireHashes { arguments = "--require-hashes \(splice: arguments)" }
    if isAnew { arguments = "--force-reinstall \(splice: arguments)" }
    if !builtThere.isEmpty {
      command +=
        "set --\nfor d in \(builtThere); do [ -e \"$d/build\" ] || set -- \"$@\" \"$d/build\"; done\n"
    }
    command += """
      : >\(unfinished)
      rm -f -- \(stamp)
      s=0
      \(environment / "bin/python") -I -W ignore -m pip install --progress-bar off \(splice: arguments) 2>&1 || s=$?
      rm -rf -- "$@"
      if [ $s != 0 ]; then rm -f -- \(unfinished); \(environment / "bin/python") -V; exit $s; fi
      printf '%s\\n%s\\n' \(digest) "$(_martlet_packages \(environment) | tr '\\n' ' ')" >\(stamp)
      rm -f -- \(unfinished)
      """
    var action = Action.run(
      command, summary: label, changes: changes, touches: [.tree(environment)]
    ).run(as: user).run(in: hostFile?.parent)
    action.explanation = PipFailure.explain
    if !input.bytes.isEmpty { action.input = input }
    return action
  }
}
