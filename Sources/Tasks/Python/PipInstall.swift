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
/// If all is there, pip isn't started: the names and versions of what is installed are compared with what is
/// wanted (PEP 440, PEP 503). Extras, markers, URLs, local paths, `-e` and constraints can't be decided by names.
/// For those the environment keeps a stamp with a sum of the requirements, the options and the Python version:
/// pip runs when one of them changes. What a URL without a version in it leads to may change unnoticed.
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

  public var observes: All<PipPackages, Each<PipRequirementsFile>> {
    All(PipPackages(in: environment), Each(hostFile.map { [PipRequirementsFile($0)] } ?? []))
  }

  private var hostFile: RemotePath? {
    if case .hostFile(let file) = source { file } else { nil }
  }

  /// One stamp for each list of requirements, whatever is in it just now.
  private var stamp: RemotePath {
    let identity =
      switch source {
      case .packages(let packages):
        packages.map { (try? PipRequirement($0).name) ?? $0 }.sorted().joined(separator: " ")
      case .hostFile(let file): "-r \(file)"
      case .localFile(let file): "-r local \(file)"
      }
    return environment / ".martlet-pip-\(SHA256.hex(identity).prefix(16))"
  }

  public func decide(
    given facts: (PythonPackages?, [[PipRequirementsFile.IncludedFile]])
  ) throws -> Decision {
    let (found, files) = facts
    guard let found else {
      return .failed("\(environment) is no virtual environment: place Virtualenv(\"\(environment)\") before")
    }
    let installed = found.versions
    let stamped = found.stamps[stamp.name]
    var wanted: [PipRequirement] = []
    var isDecidable = true
    var sum = requireHashes ? "--require-hashes\n" : ""
    switch source {
    case .packages(let packages):
      wanted = try packages.map { try PipRequirement($0) }
      sum += packages.sorted().joined(separator: "\n")
    case .localFile(let file):
      let text = try localText(file)
      wanted = try PipRequirements(text: text, name: file).requirements
      sum += text
    case .hostFile(let path):
      guard let included = files.first, !included.isEmpty else {
        return .failed(
          "there is no requirements file \(path) on the host: upload it first, or name a local one with "
            + "localRequirements:")
      }
      for file in included {
        guard let text = file.text else {
          return .failed("\(path) includes \(file.path), which is not on the host")
        }
        sum += text + "\n"
        let read = try PipRequirements(text: text, name: file.path)
        isDecidable = isDecidable && read.constraints.isEmpty
        wanted += read.requirements
      }
    }
    let isExact = isDecidable && wanted.allSatisfy(\.isDecidable)
    let missing = wanted.filter { $0.isContradicted(by: installed) }
    let digest = SHA256.hex(sum)
    if missing.isEmpty, isExact || stamped == digest { return .unchanged }
    let changes =
      missing.isEmpty
      ? [
        Change.modified(
          stamped == nil ? "requirements that names don't tell" : "requirements have changed")
      ] : missing.map { $0.change(from: installed) }
    return [try install(digest: isExact ? nil : digest, changes: changes)]
  }

  public func validate() throws {
    switch source {
    case .packages(let packages):
      if packages.isEmpty { throw InvalidTask("PipInstall has no packages to install") }
      for package in packages {
        if package.contains(where: \.isNewline) {
          throw InvalidTask("\(package.debugDescription) has a line break in it")
        }
        let requirement = try PipRequirement(package)
        if requirement.isOption || package.trimmed.hasPrefix("-") {
          throw InvalidTask(
            "\"\(package)\" is an option, not a package: options for pip belong in a requirements file")
        }
      }
    case .localFile(let file):
      let read = try PipRequirements(text: try localText(file), name: file)
      if let other = (read.includes + read.constraints).first {
        throw InvalidTask(
          "\(file) includes \(other): upload both and name the one on the host, with requirements:")
      }
    case .hostFile: break
    }
  }

  private func localText(_ file: String) throws -> String {
    guard let data = FileManager.default.contents(atPath: PlaybookFolder.absolute(file)) else {
      throw InvalidTask(
        "the requirements file \(PlaybookFolder.absolute(file)) can't be read on the machine that runs the playbook"
      )
    }
    return String(decoding: data, as: UTF8.self)
  }

  /// Local paths in a requirements file are relative to pip's folder, which is the file's own here.
  /// pip's settings go by its environment, as older versions don't know all options.
  private func install(digest: String?, changes: [Change]) throws -> Action {
    var input = Payload([])
    var command: ShellCommand = """
      set -e
      umask 022
      export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore PYTHONWARNINGS=ignore
      [ -w "${HOME:-/nonexistent}" ] || export PIP_NO_CACHE_DIR=1

      """
    if let indexURL {
      command += "IFS= read -r PIP_INDEX_URL; export PIP_INDEX_URL\n"
      input = Payload("\(indexURL)\n")
    }
    if digest != nil { command += "rm -f -- \(stamp)\n" }
    let pip: ShellCommand = """
      \(environment / "bin/pip") install --quiet --progress-bar off\(
        raw: requireHashes ? " --require-hashes" : "")
      """
    switch source {
    case .packages(let packages): command += "\(splice: pip) -- \(packages)\n"
    case .hostFile(let file): command += "\(splice: pip) -r \(file)\n"
    case .localFile(let file):
      input.bytes += Array(try localText(file).utf8)
      command += """
        f=$(mktemp)
        trap 'rm -f -- "$f"' EXIT
        cat >"$f"
        \(splice: pip) -r "$f"

        """
    }
    if let digest { command += "printf '%s\\n' \(digest) >\(stamp)\n" }
    var action = Action.run(
      command, summary: label, changes: changes, touches: [.tree(environment)]
    ).run(as: user).run(in: hostFile?.parent)
    if !input.bytes.isEmpty { action.input = input }
    return action
  }
}
