package import ArgumentParser
internal import MartletCore
internal import MartletTransfer

/// The options that `martlet get` and `martlet put` have in common.
package struct TransferArguments: ParsableArguments {
  @OptionGroup package var connection: ConnectionOptions

  @Flag(name: [.customShort("p"), .long], help: "Keep modes and times of change exactly.")
  package var preserve = false

  @Flag(help: "Compare SHA-256 sums of both sides before anything is put in its place.")
  package var verify = false

  @Flag(help: "Go on where an earlier transfer with this option was interrupted; one file only, verified.")
  package var resume = false

  @OptionGroup package var become: BecomeOptions

  @Option(help: ArgumentHelp("How many hosts are worked on at once.", valueName: "count"))
  package var forks = 10

  @Flag(
    name: .shortAndLong,
    help: "Show the progress also where there is no terminal, and how hosts are reached.")
  package var verbose = false

  // Whoever is used to scp writes it; folders are copied without being asked to.
  @Flag(name: .shortAndLong, help: .hidden)
  package var recursive = false

  package init() {}

  package func validate() throws {
    guard (1...1000).contains(forks) else {
      throw ValidationError("--forks must be from 1 to 1000, not \(forks)")
    }
  }

  var transferOptions: TransferOptions {
    var options = TransferOptions()
    options.preserves = preserve
    options.resumes = resume
    options.verifies = verify
    return options
  }
}

/// `HOST:PATH` on the command line. The host ends at the first colon outside of brackets: an IPv6 address stands in
/// them, and a host with a port may, `[web1:2222]:file`.
struct RemoteArgument {
  let host: String
  let path: HostPath

  init(_ text: String) throws {
    guard let colon = Self.colon(in: text), colon != text.startIndex else {
      throw InventoryError(
        "\"\(text)\" names no host: write HOST:PATH, as in web1:/var/log/syslog (a path without / is in the home folder)"
      )
    }
    host = Self.bare(text[..<colon])
    do {
      path = try HostPath(String(text[text.index(after: colon)...]))
    } catch {
      throw InventoryError("\(error)")
    }
  }

  private static func colon(in text: String) -> String.Index? {
    var depth = 0
    for index in text.indices {
      switch text[index] {
      case "[": depth += 1
      case "]": depth -= 1
      case ":" where depth == 0: return index
      default: break
      }
    }
    return nil
  }

  /// The host without brackets that are around all of it.
  private static func bare(_ name: Substring) -> String {
    guard name.hasPrefix("["), name.hasSuffix("]") else { return String(name) }
    let inside = name.dropFirst().dropLast()
    // In `[a]x[b]` they are not around all of it.
    var depth = 0
    for letter in inside {
      depth += letter == "[" ? 1 : letter == "]" ? -1 : 0
      if depth < 0 { return String(name) }
    }
    return String(inside)
  }
}
