import Foundation
import Synchronization
import Testing

@testable import MartletSSHConfig

/// `martlet ssh-config` against `ssh -G`: the same output, and an error where `ssh` ends with one.
///
/// Nothing is normalised. What differs on purpose is in `KnownDifferenceTests`, and not in the corpus.
@Suite(.serialized) struct DifferentialTests {
  private static let randomCount = 600

  @Test(.timeLimit(.minutes(5))) func randomConfigurations() async throws {
    if let obstacle = try await InstalledSSH.obstacle() {
      try Test.cancel("\(obstacle)")
    }
    var corpus = Corpus(seed: UInt64(ProcessInfo.processInfo.environment["SSH_CONFIG_SEED"] ?? "") ?? 9_2)
    let configurations = (0..<Self.randomCount).map { _ in corpus.configuration() }
    let result = try await compare(configurations)
    print(
      "\(result.compared) answers to \(configurations.count) configurations, \(result.refused) of them refusals"
    )
    // The corpus must be one that says something: most are fine, some are refused.
    #expect(result.compared == configurations.count * 3)
    #expect(result.refused > 100 && result.refused < result.compared / 2)
  }

  @Test(.timeLimit(.minutes(5))) func mistakesOneByOne() async throws {
    if let obstacle = try await InstalledSSH.obstacle() {
      try Test.cancel("\(obstacle)")
    }
    let configurations = Mistakes.lines.map { line in
      Configuration(
        text: "\(line)\n  Port 7\nHost z\n  User z\n",
        questions: [Question(host: "web1"), Question(host: "z")])
    }
    let result = try await compare(configurations)
    print(
      "\(result.compared) answers to \(configurations.count) odd lines, \(result.refused) of them refusals")
    #expect(result.refused > 200 && result.compared - result.refused > 100)
  }

  @Test(.timeLimit(.minutes(5))) func oddLinesOnTheCommandLine() async throws {
    if let obstacle = try await InstalledSSH.obstacle() {
      try Test.cancel("\(obstacle)")
    }
    let questions = Mistakes.lines.filter { !$0.contains("INCLUDES") }.map { line in
      Question(host: "web1", overrides: [line])
    }
    let result = try await compare([Configuration(text: "User someone\n", questions: questions)])
    #expect(result.compared == questions.count)
  }

  @Test func handWritten() async throws {
    if let obstacle = try await InstalledSSH.obstacle() {
      try Test.cancel("\(obstacle)")
    }
    let result = try await compare(HandWritten.configurations)
    print("\(result.compared) answers to \(HandWritten.configurations.count) hand-written configurations")
    #expect(result.compared >= HandWritten.configurations.count)
  }

  private func compare(_ configurations: [Configuration]) async throws -> (compared: Int, refused: Int) {
    let folder = try Folder()
    let width = 4
    return try await withThrowingTaskGroup(of: (Int, Int).self) { group in
      for worker in 0..<width {
        group.addTask {
          var (compared, refused) = (0, 0)
          for index in stride(from: worker, to: configurations.count, by: width) {
            let answers = try await compare(configurations[index], in: folder, number: index)
            compared += answers.compared
            refused += answers.refused
          }
          return (compared, refused)
        }
      }
      return try await group.reduce(into: (0, 0)) {
        $0.0 += $1.0
        $0.1 += $1.1
      }
    }
  }

  private func compare(
    _ configuration: Configuration, in folder: Folder, number: Int
  ) async throws -> (compared: Int, refused: Int) {
    let includes = "\(folder.path)/\(number)"
    for (name, text) in configuration.included {
      try folder.write(text.replacing("INCLUDES", with: includes), to: "\(number)/\(name)")
    }
    let file = try folder.write(
      configuration.text.replacing("INCLUDES", with: includes), to: "\(number).config")
    var refused = 0
    for question in configuration.questions {
      let theirs = try await InstalledSSH.run(["-F", file, "-G"] + question.arguments, home: folder.path)
      var ours: String?
      var problem = ""
      do {
        let config = try SSHConfig.load(
          user: .file(file), overrides: question.overrides,
          environment: InstalledSSH.environment(home: folder.path))
        ours = try await config.dump(for: question.host, user: question.user, port: question.port)
      } catch {
        problem = "\(error)"
      }
      let expected = theirs.succeeded ? theirs.output : nil
      if expected == nil { refused += 1 }
      guard ours != expected else { continue }
      let what =
        switch (expected, ours) {
        case (nil, _): "ssh refuses: \(theirs.errors)"
        case (_, nil): "martlet refuses: \(problem)"
        case (let expected?, let ours?): InstalledSSH.difference(expected, ours)
        }
      Issue.record("#\(number) \(question)\n\(what)\n---\n\(configuration.text)\n\(configuration.included)")
    }
    return (configuration.questions.count, refused)
  }
}
