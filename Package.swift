// swift-tools-version: 6.1
import PackageDescription

/// Every target is compiled alike: Swift 6, `any` spelt out, and imports internal unless they say
/// `public`, so that a layer can't leak through the one above it (ARCHITECTURE.md, "Layers").
let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// A library layer in Sources/NAME. Its module is `MartletNAME`, because a module called `Core`
/// would collide with those of the packages that a user's playbook also imports.
func layer(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource]? = nil) -> Target {
  .target(
    name: "Martlet\(name)", dependencies: dependencies, path: "Sources/\(name)",
    resources: resources, swiftSettings: settings)
}

/// The tests of one layer, in Tests/NAMETests.
func tests(_ name: String, _ dependencies: [Target.Dependency] = [], hasSnapshots: Bool = false) -> Target {
  .testTarget(
    name: "\(name)Tests", dependencies: dependencies, path: "Tests/\(name)Tests",
    exclude: hasSnapshots ? ["Snapshots"] : [], swiftSettings: settings)
}

/// A playbook of this repository, in Playbooks/NAME.
func playbook(_ name: String, exclude: [String] = []) -> Target {
  .executableTarget(
    name: name, dependencies: ["Martlet"], path: "Playbooks/\(name)", exclude: exclude,
    swiftSettings: settings)
}

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")

let package = Package(
  name: "Martlet",
  platforms: [.macOS(.v15)],
  products: [
    .library(name: "Martlet", targets: ["Martlet"]),
    // What a playbook that is a single file is linked with; `martlet apply` finds it beside itself.
    .library(name: "MartletPlaybook", type: .dynamic, targets: ["Martlet"]),
    .library(name: "MartletTesting", targets: ["MartletTesting"]),
    .executable(name: "martlet", targets: ["MartletCommand"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.0.0"),
    .package(url: "https://github.com/stencilproject/Stencil", from: "0.15.1"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
  ],
  targets: [
    .systemLibrary(name: "CLibSSH2", pkgConfig: "libssh2", providers: [.apt(["libssh2-1-dev"])]),
    .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "CKeystream", dependencies: ["CLibCrypto"]),

    layer("Core", ["CLibCrypto"]),
    layer("Facts", ["MartletCore"]),
    layer("Tasks", ["MartletCore", "MartletFacts", "Stencil"]),
    layer("Engine", ["MartletCore"]),
    layer("SSH", ["CLibSSH2", "CLibCrypto", "CKeystream"]),
    layer("SSHConfig", ["CLibCrypto", subprocess]),
    layer("Transports", ["MartletCore", "MartletEngine", "MartletSSH", "MartletSSHConfig", subprocess]),
    layer("Transfer", ["MartletCore", "MartletEngine", "CLibCrypto"]),
    layer("Reports", ["MartletCore"]),
    layer("Loader", ["MartletCore", "Yams", subprocess]),
    layer("Lab", [subprocess, argumentParser], resources: [.embedInCode("host.sh")]),
    layer("Testing", ["MartletCore", "MartletEngine", "MartletTransports"]),
    .target(
      name: "Martlet",
      dependencies: [
        "MartletCore", "MartletFacts", "MartletTasks", "MartletEngine", "MartletSSH", "MartletTransports",
        "MartletTransfer", "MartletReports", "MartletLoader", argumentParser,
      ],
      swiftSettings: settings),
    .executableTarget(
      name: "MartletCommand",
      dependencies: ["Martlet", "MartletLoader", "MartletLab", "MartletSSHConfig", argumentParser],
      swiftSettings: settings),

    playbook("Django", exclude: ["app"]),

    .target(
      name: "TestSupport", dependencies: ["MartletCore", "MartletEngine", "MartletSSH", subprocess],
      path: "Tests/Support",
      swiftSettings: settings),
    .executableTarget(
      name: "Converge30", dependencies: ["Martlet"], path: "Benchmarks/Converge30", exclude: ["files"],
      swiftSettings: settings),

    tests("Core", ["MartletCore", "TestSupport", subprocess]),
    tests("Facts", ["MartletCore", "MartletFacts", "TestSupport", subprocess]),
    tests(
      "Tasks",
      ["MartletCore", "MartletFacts", "MartletTasks", "MartletTesting", "TestSupport", subprocess]),
    tests(
      "Engine",
      ["MartletCore", "MartletFacts", "MartletTasks", "MartletEngine", "MartletTesting", "TestSupport"]),
    tests("SSH", ["MartletSSH", "CKeystream", "CLibCrypto", "TestSupport"]),
    tests("SSHConfig", ["MartletSSHConfig", "TestSupport", subprocess]),
    tests(
      "Transports",
      ["MartletCore", "MartletEngine", "MartletSSH", "MartletTransports", "MartletTesting", "TestSupport"]),
    tests(
      "Transfer",
      [
        "MartletCore", "MartletEngine", "MartletTransports", "MartletTransfer", "MartletTesting",
        "TestSupport",
      ]),
    tests("Reports", ["MartletCore", "MartletReports"]),
    tests("Loader", ["MartletCore", "MartletLoader"]),
    tests("Lab", ["MartletLab"]),
    tests(
      "Command",
      [
        "Martlet", "MartletCore", "MartletEngine", "MartletSSH", "MartletReports", "MartletTesting",
        "MartletCommand", "MartletTransfer", "TestSupport", argumentParser,
      ], hasSnapshots: true),
    tests(
      "Server",
      [
        "MartletCore", "MartletFacts", "MartletTasks", "MartletEngine", "MartletTransports", "MartletLab",
        "MartletTesting", "MartletCommand", "MartletReports", "MartletLoader", "MartletSSH", "TestSupport",
        subprocess,
      ], hasSnapshots: true),
  ]
)
