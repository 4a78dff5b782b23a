public import ArgumentParser

#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// `martlet lab`: throwaway servers from the command line.
public struct LabCommand: AsyncParsableCommand {
  /// What ArgumentParser shows and which commands there are.
  public static let configuration = CommandConfiguration(
    commandName: "lab",
    abstract: "Make throwaway Debian servers on this machine.",
    discussion: """
      Each has its own address, disk, systemd and sshd, and users root, deploy (sudo without a password), \
      asker (sudo asks for its password, asker) and some that are harder to deal with. It needs root and Linux.
      """,
    subcommands: [
      LabUp.self, LabList.self, LabShell.self, LabExec.self, LabReset.self, LabKill.self, LabStart.self,
      LabDelay.self, LabIsolate.self, LabRekey.self, LabDown.self,
    ])

  /// Made by ArgumentParser.
  public init() {}
}

/// What every command of the lab can be told.
struct LabOptions: ParsableArguments {
  @Option(
    name: .customLong("directory"),
    help: ArgumentHelp("The lab's directory ($MARTLET_LAB).", valueName: "dir"))
  var directory: String = Lab.defaultDirectory

  var lab: Lab {
    Lab(directory: directory) { line in
      // Standard output is for what was asked for.
      let bytes = Array("martlet lab: \(line)\n".utf8)
      _ = write(STDERR_FILENO, bytes, bytes.count)
    }
  }
}

/// A host as a person names it: `1` or `lab1`.
struct HostNumber: ExpressibleByArgument {
  let value: Int

  init?(argument: String) {
    let digits = argument.hasPrefix("lab") ? argument.dropFirst(3) : argument[...]
    guard let value = Int(digits), AddressPlan.hostNumbers.contains(value) else { return nil }
    self.value = value
  }
}

/// The hosts to make: `3` for the first three, `4-6` for those.
struct HostRange: ExpressibleByArgument {
  let value: ClosedRange<Int>

  init?(argument: String) {
    let ends = argument.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1] else {
      return nil
    }
    let lower = ends.count == 1 ? 1 : first
    guard lower <= last, AddressPlan.hostNumbers.contains(lower), AddressPlan.hostNumbers.contains(last)
    else {
      return nil
    }
    value = lower...last
  }
}

/// Standard output is buffered when it is a pipe, and whoever reads it waits for a line now.
func flushOutput() {
  fflush(nil)
}
