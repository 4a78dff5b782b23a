internal import Foundation
public import Testing

extension Trait where Self == ConditionTrait {
  /// Leaves a test out, visibly, where the tests don't run as root.
  ///
  ///     @Test(.needsRoot("it gives files away")) func owners() async throws { … }
  ///
  /// - Parameter reason: What root is needed for.
  public static func needsRoot(_ reason: String) -> Self {
    .enabled(if: getuid() == 0, "only root can be tested with: \(reason)")
  }
}
