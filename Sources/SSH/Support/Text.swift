import Glibc

/// What the system says about an errno value.
func errorText(_ code: Int32) -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
    guard let base = buffer.baseAddress, strerror_r(code, base, buffer.count) == 0 else {
      return "error \(code)"
    }
    return String(cString: base)
  }
}

/// Text from a server, made safe to show: control characters, which could rewrite a terminal's screen, and
/// what hides or reverses text become `?`, and it is cut to `limit` characters.
func printable(_ text: some Sequence<UInt8>, limit: Int = 200) -> String {
  var safe = ""
  for scalar in String(decoding: Array(text.prefix(limit * 4)), as: UTF8.self).unicodeScalars {
    if safe.unicodeScalars.count == limit {
      safe += "…"
      break
    }
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
      safe.unicodeScalars.append("?")
    default: safe.unicodeScalars.append(scalar)
    }
  }
  return safe
}

func printable(_ text: String, limit: Int = 200) -> String { printable(text.utf8, limit: limit) }

/// A word for a remedy that a person pastes into a shell.
func shellWord(_ word: String) -> String {
  let plain = word.utf8.allSatisfy { byte in
    byte.isASCIIAlphanumeric || "@%+=:,./-_~".utf8.contains(byte)
  }
  if plain, !word.isEmpty { return word }
  return "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
}

extension UInt8 {
  var isASCIIAlphanumeric: Bool {
    (0x30...0x39).contains(self) || (0x41...0x5A).contains(self) || (0x61...0x7A).contains(self)
  }
}

extension Duration {
  /// `1.5 s`, as a message shows it.
  var inSeconds: String {
    let (seconds, attoseconds) = components
    let tenths = seconds * 10 + attoseconds / 100_000_000_000_000_000
    return tenths % 10 == 0 ? "\(tenths / 10) s" : "\(tenths / 10).\(tenths % 10) s"
  }
}
