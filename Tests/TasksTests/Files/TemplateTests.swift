import MartletCore
import MartletFacts
import TestSupport
import Testing

@testable import MartletTasks

@Suite struct TemplateTests {
  private func render(_ text: String, _ vars: [String: any TemplateVariable] = [:]) -> (String, String?) {
    let rendering = Rendering(template: text, named: "t", vars: vars)
    return (String(decoding: rendering.contents.bytes, as: UTF8.self), rendering.problem)
  }

  @Test func showsValues() {
    let vars: [String: any TemplateVariable] = [
      "domain": "ex.org", "workers": 3, "rate": 0.5, "on": true, "names": ["a", "b"],
      "site": ["root": "/srv"], "path": "/srv/shop" as RemotePath, "nothing": String?.none,
    ]
    let (text, problem) = render(
      "{{ domain }} {{workers}} {{ rate }} {{ on }} {{ names|join:\", \" }} {{ site.root }} {{ path }} "
        + "{{ nothing|default:\"none\" }} {{ names.0 }} {{ domain|uppercase }} {{ \"{x|y}\" }}", vars)
    #expect(problem == nil)
    #expect(text == "ex.org 3 0.5 true a, b /srv /srv/shop none a EX.ORG {x|y}")
  }

  @Test(arguments: [
    ("a\n{% if on %}\nb\n{% endif %}\nc\n", "a\nb\nc\n"),
    ("a\n  {% if on %}  \n  b\n  {% endif %}\nc", "a\n  b\nc"),
    ("listen 80{% if on %} ssl{% endif %};\n", "listen 80 ssl;\n"),
    ("x {% for n in names %}{{ n }} {% endfor %};\n", "x a b ;\n"),
    ("{% for n in names %}\n- {{ n }}\n{% endfor %}\nend\n", "- a\n- b\nend\n"),
    ("{# a comment #}\n{% if off %}\nx\n{% else %}\ny\n{% endif %}\n", "y\n"),
    ("{% if missing %}x{% endif %}y\n", "y\n"),
    ("{% if on %}{% if not off %}\nx\n{% endif %}{% endif %}\n", "x\n"),
    ("a \n{%- if on -%}\n\n b {% endif %}\n", "ab \n"),
    ("a\r\n{% if on %}\r\nb\r\n{% endif %}\r\n", "a\r\nb\r\n"),
    ("\n\n{{ n1 }}\n", "\n\none\n"),
    ("{{ n1 if on else missing }} {{ n1 if off else \"two\" }} {{ missing if off }}", "one two "),
    ("{% for n in names %}{{ n }}{% if not forloop.last %},{% endif %}{% endfor %}", "a,b"),
    ("{% for i in 1...3 %}{{ i }}{% endfor %}", "123"),
    ("{% for k, v in map %}{{ k }}={{ v }};{% endfor %}", "a=1;b=2;c=3;"),
    ("ends with a brace {", "ends with a brace {"),
    ("", ""),
  ])
  func keepsLinesAsTheyAreMeant(template: String, expected: String) {
    let (text, problem) = render(
      template,
      [
        "on": true, "off": false, "names": ["a", "b"], "n1": "one", "map": ["c": 3, "a": 1, "b": 2],
      ])
    #expect(problem == nil)
    #expect(text == expected)
  }

  @Test(arguments: [
    ("x\nx\n{{ dmain }}\n", "template t line 3: the variable dmain doesn't exist; did you mean \"domain\"?"),
    ("{{ site.port }}", "template t line 1: the variable site.port doesn't exist"),
    (
      "{{ dmain|uppercase }}", "template t line 1: the variable dmain doesn't exist; did you mean \"domain\"?"
    ),
    ("{{ a|default:b }}", "template t line 1: the variable a doesn't exist"),
    ("\n{% for x in names %}{% endfor %}", "template t line 2: the variable names doesn't exist"),
    ("{% if domain %}\n{{ x }}\n{% endif %}", "template t line 2: the variable x doesn't exist"),
    ("a\na\na\n{{ x }}", "template t line 4: the variable x doesn't exist"),
    ("a\nb {{ domain\nc", "template t line 2: the {{, {% or {# that begins here is never closed"),
    (
      "{{ domain }}\n\n{% if domain\n", "template t line 3: the {{, {% or {# that begins here is never closed"
    ),
    ("{{ list }}", "template t line 1: a list of 1 can't be shown: use {% for %} or |join:\", \""),
    ("{% include \"x\" %}", "template t line 1: {% include %} isn't supported: put pieces together in Swift"),
    (
      "{{ list.last }}",
      "template t line 1: list.last can't be used: give the template the last element as a variable"
    ),
    (
      "\n{{ domain|nofilter }}",
      "template t line 2: Unknown filter 'nofilter'. Found similar filters: 'filter'."
    ),
  ])
  func whatIsWrongIsSaidWithItsLine(template: String, problem: String) {
    let vars: [String: any TemplateVariable] = ["domain": "x", "site": ["root": "/"], "list": ["a"]]
    #expect(render(template, vars).1 == problem)
  }

  @Test(arguments: [
    "{% if x %}", "{% for x %}{% endfor %}", "{% nonsense %}", "{{ }}", "{{", "{% endif %}", "{{ a|",
  ])
  func brokenTemplatesAreAProblem(template: String) {
    let (text, problem) = render(template)
    #expect(problem != nil, "\(text)")
  }

  @Test func secretsStaySecret() throws {
    let task = Template("/etc/env", text: "KEY={{ key }}\n", vars: ["key": Secret("hunter22")], mode: 0o600)
    #expect(task.rendered.contents.isSecret)
    #expect(task.rendered.contents.bytes == Array("KEY=hunter22\n".utf8))
    var inspection = Inspection()
    inspection.look(into: task)
    #expect(inspection.secrets == [Secret("hunter22")])
  }

  @Test func problemsAreFoundByThePlanner() throws {
    let folder = try TemporaryFolder()
    try folder.write("t.conf", "{{ x }}\n")
    for (task, text) in [
      (Template("/x", source: folder.path + "/t.conf"), "t.conf line 1: the variable x"),
      (Template("/x", source: "/no/such/template"), "/no/such/template doesn't exist"),
    ] {
      var inspection = Inspection()
      inspection.look(into: task)
      #expect(inspection.problems.count == 1)
      #expect(inspection.problems.first?.contains(text) == true)
    }
  }

  @Test(arguments: LocalShell.allCases)
  func convergesOnARealShell(shell: LocalShell) async throws {
    let folder = try TemporaryFolder()
    try folder.write("t.conf", "port {{ port }}\n")
    try await LocalHost(shell).expectConvergence(
      of: Template(folder.remote("out"), source: folder.path + "/t.conf", vars: ["port": 8000], mode: 0o640))
    #expect(try folder.read("out") == "port 8000\n")
  }
}
