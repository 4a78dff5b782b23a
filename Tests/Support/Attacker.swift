import Foundation
import Glibc

/// Another user of a host, who tries to lead a run of root's astray in a folder of his.
///
///     try await Attacker(.exchange("/home/deploy/d", "/home/deploy/bait")).whileAtWork(as: 1234) { … }
///
/// His programs are for perl, which Debian always has. They go on until they are ended.
public struct Attacker: Sendable {
  /// What he does.
  public enum Move: Sendable {
    /// Exchanges two names, again and again (renameat2(2), RENAME_EXCHANGE).
    case exchange(String, String)
    /// Watches a folder, and exchanges each name that has `martlet` in it and is none of his links with a link that
    /// leads where the bait does, nine times. The link is in the same folder: a folder of root's can't be moved to another.
    case watch(String, bait: String)
  }

  public let move: Move

  public init(_ move: Move) { self.move = move }

  /// The program.
  ///
  /// A bait is a link. Where root has taken it away, or it has become something else, it is laid out again, so that the
  /// hundredth round is attacked as the first was.
  public var program: String {
    let start = #"""
      my $nr = `uname -m` =~ /aarch64/ ? 276 : 316;
      sub swap { syscall($nr, -100, $_[0], -100, $_[1], 2) }
      my ($target, $count);
      sub lay { my $bait = $_[0]; $target //= readlink $bait; return if -l $bait;
      rename $bait, $bait . '.' . ++$count; symlink $target, $bait }

      """#
    switch move {
    case .exchange(let one, let other):
      return start + """
        my ($a, $b) = ('\(one)', '\(other)'); lay($b);
        while (1) { swap($a, $b) for 1..64; -l $a or lay($b); lstat $a or symlink $target, $a }
        """
    case .watch(let folder, let bait):
      return start + """
        chdir '\(folder)' or die; my $b = '.lure'; $target = readlink '\(bait)'; lay($b);
        while (1) { opendir(my $d, '.') or die; my @names = grep /martlet/, readdir $d; closedir $d;
        for my $e (@names) { next if -l $e; lay($b); swap($e, $b) for 1..9 } }
        """
    }
  }

  /// Runs the program on this machine as another user, while something is done.
  public func whileAtWork<R>(as user: Int, _ body: () async throws -> R) async throws -> R {
    let id = try spawn(
      [
        "/usr/bin/setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups", "/usr/bin/perl", "-e",
        program,
      ], output: "/dev/null")
    defer {
      kill(id, SIGKILL)
      var status: Int32 = 0
      waitpid(id, &status, 0)
    }
    // He is at work once his program has used some time of the processor.
    while try String(contentsOfFile: "/proc/\(id)/stat", encoding: .utf8).split(separator: " ")[13] == "0",
      try String(contentsOfFile: "/proc/\(id)/comm", encoding: .utf8) != "perl\n"
    { usleep(10_000) }
    usleep(50_000)
    return try await body()
  }
}

/// Something of root's that nobody else may read or change, and whether anybody did.
public struct Victim: Sendable {
  /// The folder: of 0700, with two files of 0600 in it.
  public let path: String

  /// A shell script that makes it.
  public static func making(_ path: String) -> String {
    "mkdir -m 0700 '\(path)'; mkdir '\(path)/sub'; for f in file x; do (umask 077; echo secret >'\(path)'/$f); done"
  }

  /// A shell script that prints all that can be told of it.
  public static func listing(_ path: String) -> String {
    "find '\(path)' -printf '%p %y %m %U %G %s %T@ %C@\\n' | sort"
  }

  public init(_ path: String) { self.path = path }

  /// Makes it on this machine.
  public func make() throws { try shell(Self.making(path)) }

  /// What it is like on this machine.
  public func state() throws -> String { try shell(Self.listing(path)) }
}
