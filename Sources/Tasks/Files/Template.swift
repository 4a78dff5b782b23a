public import MartletCore
public import MartletFacts

/// A file made from a template, in the language of Stencil, which is close to Jinja's and Django's.
///
///     Template("/etc/nginx/conf.d/shop.conf", source: "templates/nginx.conf", vars: ["domain": host.vars.domain])
///     Template("/etc/shop.env", text: "WORKERS={{ workers }}\n", vars: ["workers": 3], mode: 0o600)
///
/// A variable that doesn't exist is an error that names the template, the line and the variable, before
/// anything is sent to a host; `{% if name %}` and `{{ name|default:"x" }}` may ask about one. A line that
/// holds nothing but `{% … %}` leaves no line behind, and the line break at the end of the template is kept.
public struct Template: HostTask {
  let path: RemotePath
  let attributes: Ownership
  let check: ShellCommand?
  let source: LocalFile?
  let rendered: Rendering

  /// - Parameters:
  ///   - path: The file on the host.
  ///   - source: The template, a local file: absolute, or relative to the folder that the playbook is run in.
  ///   - vars: The variables of the template. A `Secret` among them makes the file's contents secret.
  ///   - mode: The permission bits, in octal. Nil leaves those of an existing file alone; a new one gets 0644, less what
  ///     those can't do who can't get into its folder, and 0600 if there is a `Secret` in it.
  ///   - owner: A user's name or number; nil leaves the owner of an existing file alone, and a new file to
  ///     the user whom the play runs as.
  ///   - group: A group's name or number; nil likewise.
  ///   - validate: A command that must succeed before the file takes its place; `$1` is the path of the new
  ///     one.
  public init(
    _ path: RemotePath, source: String, vars: [String: any TemplateVariable] = [:], mode: FileMode? = nil,
    owner: String? = nil, group: String? = nil, validate: ShellCommand? = nil
  ) {
    let file = LocalFile(source)
    self.path = path
    self.source = file
    attributes = Ownership(mode: mode, owner: owner, group: group)
    check = validate
    if file.problem == nil, let text = String(validating: file.contents.bytes, as: UTF8.self) {
      rendered = Rendering(template: text, named: source, vars: vars)
    } else {
      rendered = Rendering(problem: file.problem == nil ? "the template \(source) is not UTF-8 text" : nil)
    }
  }

  /// A file made from a template that stands in the playbook.
  ///
  /// - Parameters:
  ///   - path: The file on the host.
  ///   - text: The template.
  ///   - vars: The variables of the template.
  ///   - mode: The permission bits, in octal. Nil leaves those of an existing file alone; a new one gets 0644, less what
  ///     those can't do who can't get into its folder, and 0600 if there is a `Secret` in it.
  ///   - owner: A user's name or number.
  ///   - group: A group's name or number.
  ///   - validate: A command that must succeed before the file takes its place; `$1` is the path of the new
  ///     one.
  public init(
    _ path: RemotePath, text: String, vars: [String: any TemplateVariable] = [:], mode: FileMode? = nil,
    owner: String? = nil, group: String? = nil, validate: ShellCommand? = nil
  ) {
    self.path = path
    source = nil
    attributes = Ownership(mode: mode, owner: owner, group: group)
    check = validate
    rendered = Rendering(template: text, named: "of \(path)", vars: vars)
  }

  public var label: String { "template \(path)" }

  public var observes: All<FileState, FileSum, FileState> {
    All(FileState(path), FileSum(path), FileState(path.parent))
  }

  public func validate() throws { try attributes.validate() }

  public func decide(given facts: (FileStatus, FileDigest?, FileStatus)) -> Decision {
    FileWriting(path: path, content: rendered.contents, attributes: attributes, validate: check)
      .decide(found: facts.0, digest: facts.1, folder: facts.2)
  }
}
