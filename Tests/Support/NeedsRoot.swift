internal import Foundation
public import Testing

extension Trait where Self == ConditionTrait {
  /// Leaves a test out, visibly, where the tests don't run as root.
  ///
  ///     @Test(.needsRoot("to give files away")) func owners() async throws { … }
  ///
  /// - Parameter reason: What root is needed for, after "needs root".
  public static func needsRoot(_ reason: String) -> Self {
    .enabled(if: getuid() == 0, "needs root \(reason)")
  }
}
