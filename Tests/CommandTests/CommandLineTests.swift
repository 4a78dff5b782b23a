import TestSupport
import Testing

@Suite struct CommandLineTests {
  @Test(arguments: [
    [], ["apply"], ["apply", "x.swift", "--nope"], ["apply", "x.swift", "--forks", "0"],
    ["apply", "x.swift", "--forks", "many"], ["apply", "x.swift", "--limit", " , "],
    ["apply", "x.swift", "--tags", ","],
    ["apply", "x.swift", "--become", "--no-become"], ["apply", "x.swift"], ["apply", "/etc"],
    ["apply", "/etc/passwd"],
    ["inventory"], ["inventory", "-i", "nowhere.yaml"], ["inventory", "-i", "a,", "-l", "b"], ["nope"],
  ])
  func `Wrong usage ends with 64 and says why`(arguments: [String]) async throws {
    let outcome = try await Workbench().martlet(arguments)
    // `martlet` alone shows its help, which is no mistake.
    #expect(outcome.code == (arguments.isEmpty ? 0 : 64))
    #expect(arguments.isEmpty || (!outcome.errors.isEmpty && outcome.output.isEmpty))
  }

  @Test func `The version and the commands`() async throws {
    let bench = try Workbench()
    let version = try await bench.martlet(["--version"])
    #expect(version.code == 0 && version.output.split(separator: ".").count == 3)
    let help = try await bench.martlet(["--help"])
    #expect(help.code == 0)
    for command in ["apply", "inventory", "lab"] { #expect(help.output.contains("\n  \(command) ")) }
  }

  @Test func `The options of apply, exactly`() async throws {
    let help = try await Workbench().martlet(["apply", "--help"], environment: ["COLUMNS": "200"])
    let options = help.output.split(separator: "\n").compactMap { line in
      line.hasPrefix("  -")
        ? line.dropFirst(2).replacing("> ", with: ">  ").split(separator: "  ").first.map(String.init) : nil
    }
    #expect(
      options == [
        "-i, --inventory <file>", "--user <name>", "--key <file>", "-k, --ask-pass", "--transport <name>",
        "-F, --ssh-config <file>", "-o, --ssh-option <option=value>", "--accept-new-host-keys",
        "-l, --limit <pattern>", "--check", "--diff", "--tags <tags>", "--skip-tags <tags>",
        "--forks <count>", "--become/--no-become", "--become-user <name>", "--become-method <method>",
        "-K, --ask-become-pass", "-v, --verbose", "--json", "--version", "-h, --help",
      ])
  }

  @Test func `An inventory is shown as it was read`() async throws {
    let bench = try Workbench()
    try bench.write(
      "inventory.yaml",
      """
      hosts:
        db: {address: 192.0.2.7, port: 2222, user: admin}
      groups:
        web:
          hosts: {"web[1:2]": {workers: 3}}
          vars: {domain: shop.example}
      """)
    let list = try await bench.martlet(["inventory"])
    #expect(
      list.output == """
        db  admin@192.0.2.7:2222
        web1  web1  [web]
          domain = "shop.example"  (inventory.yaml:6)
          workers = 3  (inventory.yaml:5)
        web2  web2  [web]
          domain = "shop.example"  (inventory.yaml:6)
          workers = 3  (inventory.yaml:5)

        """)
    let graph = try await bench.martlet(["inventory", "--graph", "-l", "web:!web2"])
    #expect(graph.output == "all: 1\n  web1\nweb: 1\n  web1\n")
  }
}
