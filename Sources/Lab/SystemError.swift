#if canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#else
  import Glibc
#endif

/// What the last system call said went wrong.
func lastSystemError() -> String {
  String(cString: strerror(errno))
}
