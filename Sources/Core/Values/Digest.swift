internal import CLibCrypto

/// SHA-256 sums, by libcrypto, in the form that `sha256sum` prints.
public enum SHA256 {
  /// The sum of the bytes, as 64 lower-case hexadecimal digits.
  public static func hex(_ bytes: some Sequence<UInt8>) -> String {
    var sum = [UInt8](repeating: 0, count: 32)
    let input = Array(bytes)
    _ = input.withUnsafeBytes { EVP_Digest($0.baseAddress, $0.count, &sum, nil, EVP_sha256(), nil) }
    return sum.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }

  /// The sum of a text's UTF-8 form.
  public static func hex(_ text: String) -> String { hex(Array(text.utf8)) }
}
