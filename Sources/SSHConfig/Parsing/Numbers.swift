#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// Numbers as OpenSSH reads them, with the liberties of C's `strtol`.
enum Numbers {
  private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

  /// C's `strtoll`: leading whitespace and a sign are allowed, and what doesn't fit becomes the largest number.
  ///
  /// - Returns: The number and where it ends; nil if there are no digits.
  static func prefix(_ text: ArraySlice<UInt8>, base: Int = 10) -> (value: Int, end: Int)? {
    var index = text.startIndex
    while index < text.endIndex, isSpace(text[index]) { index += 1 }
    var isNegative = false
    if index < text.endIndex, text[index] == UInt8(ascii: "-") || text[index] == UInt8(ascii: "+") {
      isNegative = text[index] == UInt8(ascii: "-")
      index += 1
    }
    var base = base
    if base == 0 {
      base = 10
      if index < text.endIndex, text[index] == UInt8(ascii: "0") {
        base = 8
        if index + 2 < text.endIndex, text[index + 1] | 0x20 == UInt8(ascii: "x"),
          digit(text[index + 2], base: 16) != nil
        {
          base = 16
          index += 2
        }
      }
    }
    var value = 0
    var overflows = false
    let first = index
    while index < text.endIndex, let digit = digit(text[index], base: base) {
      let (product, tooLarge) = value.multipliedReportingOverflow(by: base)
      let (sum, tooLarge2) = product.addingReportingOverflow(digit)
      if tooLarge || tooLarge2 { overflows = true } else { value = sum }
      index += 1
    }
    guard index > first else { return nil }
    if overflows { value = isNegative ? .min : .max } else if isNegative { value = -value }
    return (value, index)
  }

  private static func digit(_ byte: UInt8, base: Int) -> Int? {
    let value: Int
    switch byte {
    case 0x30...0x39: value = Int(byte) - 0x30
    case 0x41...0x46: value = Int(byte) - 0x41 + 10
    case 0x61...0x66: value = Int(byte) - 0x61 + 10
    default: return nil
    }
    return value < base ? value : nil
  }

  /// A whole number in a range and nothing else (OpenBSD's `strtonum`).
  static func whole(_ text: String, in range: ClosedRange<Int>) -> Int? {
    let bytes = Array(text.utf8)
    guard let (value, end) = prefix(bytes[...]), end == bytes.count, range.contains(value) else { return nil }
    return value
  }

  /// Seconds. ssh_config(5) refers to sshd_config(5), "TIME FORMATS": a sequence of `time[qualifier]`, the qualifier
  /// one of s, m, h, d, w in either case, none for seconds; "1h30m" is 90 minutes.
  static func time(_ text: String) -> Int? {
    var rest = Array(text.utf8)[...]
    guard !rest.isEmpty else { return nil }
    var total = 0
    while !rest.isEmpty {
      guard let (number, end) = prefix(rest), number >= 0 else { return nil }
      rest = rest[end...]
      var unit = 1
      if let qualifier = rest.popFirst() {
        switch qualifier | 0x20 {
        case UInt8(ascii: "s"): unit = 1
        case UInt8(ascii: "m"): unit = 60
        case UInt8(ascii: "h"): unit = 3600
        case UInt8(ascii: "d"): unit = 86400
        case UInt8(ascii: "w"): unit = 604800
        default: return nil
        }
      }
      guard number <= Int(Int32.max) / unit, total <= Int(Int32.max) - number * unit else { return nil }
      total += number * unit
    }
    return total
  }

  /// A number of bytes with a suffix: `512`, `1G`, `1.5m` (OpenBSD's `scan_scaled`).
  static func scaled(_ text: String) -> Int? {
    var rest = Array(text.utf8)[...]
    rest = rest.drop(while: isSpace)
    var sign = 1
    if let first = rest.first, first == UInt8(ascii: "-") || first == UInt8(ascii: "+") {
      sign = first == UInt8(ascii: "-") ? -1 : 1
      rest.removeFirst()
    }
    let digits = rest.prefix { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
    rest = rest.dropFirst(digits.count)
    let parts = digits.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count <= 2, parts[0].count < 21 else { return nil }
    var whole = 0
    if !parts[0].isEmpty {
      guard let (value, _) = prefix(parts[0]), value < .max else { return nil }
      whole = value
    }
    guard let suffix = rest.first else { return sign * whole }
    let units = Array("bkmgtpe".utf8)
    guard let power = units.firstIndex(of: suffix | 0x20) else { return nil }
    if rest.count > 1 {
      let next = rest[rest.startIndex + 1]
      let isAlphanumeric = (0x30...0x39).contains(next) || (0x61...0x7a).contains(next | 0x20)
      if isAlphanumeric { return nil }
    }
    let scale = 1 << (10 * power)
    let (scaledWhole, overflows) = (sign * whole).multipliedReportingOverflow(by: scale)
    guard !overflows else { return nil }
    var fraction = 0
    if parts.count == 2, var places = Optional(min(parts[1].count, 19)), places > 0 {
      guard let (value, _) = prefix(parts[1].prefix(places)), value < .max else { return nil }
      fraction = value
      while fraction >= .max / scale {
        fraction /= 10
        places -= 1
      }
      fraction *= scale
      for _ in 0..<max(0, places) { fraction /= 10 }
    }
    return scaledWhole + sign * fraction
  }

  /// A port by its number or its service's name (`getservbyname(3)`), from 0.
  static func port(_ text: String) -> Int? {
    if let port = whole(text, in: 0...65535) { return port }
    // getaddrinfo would take a number that is too large.
    guard text.utf8.contains(where: { (0x41...0x7a).contains($0) }) else { return nil }
    var hints = addrinfo()
    #if canImport(Glibc)
      hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    #else
      hints.ai_socktype = SOCK_STREAM
    #endif
    hints.ai_family = AF_INET
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(nil, text, &hints, &found) == 0, let entry = found else { return nil }
    defer { freeaddrinfo(found) }
    return entry.pointee.ai_addr.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
      Int(UInt16(bigEndian: $0.pointee.sin_port))
    }
  }
}
