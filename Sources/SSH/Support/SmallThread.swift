import Glibc

/// Starts a thread with a stack of 512 KB: one may be needed for each name that is looked up.
///
/// - Parameters:
///   - isDetached: Whether nobody joins it.
///   - id: Where its number goes.
///   - body: What it runs, given `argument`.
/// - Returns: 0, or an errno value.
func startSmallThread(
  _ id: inout pthread_t, isDetached: Bool = false, argument: UnsafeMutableRawPointer? = nil,
  _ body: @escaping @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
) -> Int32 {
  // Memory and no value of the type: to which module the compiler counts the type's initializer, and whether it is
  // imported here, depends on the order of the module's files.
  withUnsafeTemporaryAllocation(of: pthread_attr_t.self, capacity: 1) { memory in
    guard let attributes = memory.baseAddress else { return ENOMEM }
    let status = pthread_attr_init(attributes)
    guard status == 0 else { return status }
    defer { pthread_attr_destroy(attributes) }
    if isDetached { pthread_attr_setdetachstate(attributes, Int32(PTHREAD_CREATE_DETACHED)) }
    pthread_attr_setstacksize(attributes, 512 << 10)
    return pthread_create(&id, attributes, body, argument)
  }
}
