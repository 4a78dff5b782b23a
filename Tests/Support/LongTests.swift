internal import Foundation
public import Testing

/// Whether this is `make test-long`, which also runs what is slow and rarely fails.
public let isLongRun = ProcessInfo.processInfo.environment["MARTLET_TEST_LONG"] == "1"

extension Trait where Self == ConditionTrait {
  /// Leaves a test to `make test-long`, visibly.
  ///
  ///     @Test(.long("a hundred rounds take a minute")) func attacked() async throws { … }
  ///
  /// - Parameter reason: Why it isn't run every time.
  public static func long(_ reason: String) -> Self {
    .enabled(if: isLongRun, "left to make test-long: \(reason)")
  }
}

/// How often something is repeated that goes wrong only now and then.
///
/// - Parameters:
///   - few: In `make test`.
///   - many: In `make test-long`.
public func rounds(_ few: Int, long many: Int) -> Int { isLongRun ? many : few }
