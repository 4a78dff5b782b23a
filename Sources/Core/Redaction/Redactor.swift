/// Takes secrets out of what is about to be shown, in all the forms that programs print them in.
///
///     Redactor([Secret("hunter2!")]).redact("login: hunter2%21")        // login: ***
///
/// It compares bytes, so that an accent behind a secret doesn't hide it, and knows a secret
///
/// - as it is, by its single lines, and as the password of the URL that it is;
/// - with colours, cursor movements or invisible characters in it;
/// - with any of its characters escaped, and the escapes escaped again: JSON (also `\/` and `\u0041`), Python, C, the
///   shell (`printf %q`, `'\''`, `$'…'`), percent-encoding, HTML;
/// - in base64 (also as part of `user:secret`, in both alphabets, broken into lines), and in hexadecimal (both cases,
///   `74:6f` too).
///
/// An ellipsis is a cut, as reports make them: four bytes or more of a form's beginning in front of any `…`, or of its
/// end behind one that a text begins with, are taken out too. So whoever cuts a text puts `…` there, and nothing else
/// between.
///
/// Secrets of less than four bytes are left alone: they would take out half of every output and hide nothing, as
/// three bytes are soon guessed.
///
/// The time is that of one pass over the text, however many secrets there are, and of one more for each kind of escapes
/// in it, up to ``passes``.
public struct Redactor: Sendable {
  /// How many bytes the shortest secret has that is taken out.
  public static let shortestSecret = 4
  /// How often a text is gone through at most.
  public static let passes = 24

  private var index = SecretIndex()
  private var base64: Set<[UInt8]> = []
  private var longestSecret = 0

  public init(_ secrets: some Sequence<Secret> = []) {
    for secret in secrets { add(secret) }
  }

  /// How many bytes the longest form of a secret may have: none takes more than six a byte of the secret, as `\u00e9`.
  /// Colours may make it longer still.
  public var longestForm: Int { 6 * longestSecret }

  /// Recognises one more secret from now on.
  public mutating func add(_ secret: Secret) {
    guard let value = secret.value else { return }
    let forms = SecretForms(value)
    for text in forms.texts { index.insert(text) }
    base64.formUnion(forms.base64)
    longestSecret = max(longestSecret, value.utf8.count)
  }

  /// The text with `***` in the place of every secret.
  public func redact(_ text: String) -> String {
    guard !index.isEmpty else { return text }
    let bytes = Array(text.utf8)
    guard bytes.count >= Self.shortestSecret else { return text }
    let places = places(in: bytes)
    guard !places.isEmpty else { return text }
    var result: [UInt8] = []
    result.reserveCapacity(bytes.count)
    var end = 0
    for place in places {
      result += bytes[end..<place.lowerBound]
      result += Array("***".utf8)
      end = place.upperBound
    }
    result += bytes[end...]
    return String(decoding: result, as: UTF8.self)
  }

  /// What is to be taken out, in order and apart from each other.
  private func places(in bytes: [UInt8]) -> [Range<Int>] {
    var found: [Range<Int>] = []
    search(all: TextView(bytes), depth: 0, &found)
    // Nearest first, so that what is bounded are the escapes of escapes of escapes.
    var waiting = Self.decoders.map { (view: TextView(bytes), decoder: $0, depth: 1) }[...]
    var passes = 1
    var last: [UInt8] = []
    while passes < Self.passes, let (view, decoder, depth) = waiting.popFirst() {
      // Where there is no byte above 127, the two ways of reading backslashes are one.
      guard let decoded = view.decoded(by: decoder), decoded.bytes != last else { continue }
      last = decoded.bytes
      passes += 1
      search(all: decoded, depth: depth, &found)
      if depth < Self.depth { waiting += Self.decoders.map { (decoded, $0, depth + 1) } }
    }
    return Self.merged(found)
  }

  /// How often escapes are undone one after the other.
  private static let depth = 3
  private static let decoders: [TextView.Decoder] = [
    .backslashes, .backslashedBytes, .percent, .form, .html, .quotes, .invisible,
  ]

  /// Looks at a view as it is and, where it is the plain text that is broken, without its line breaks.
  private func search(all view: TextView, depth: Int, _ found: inout [Range<Int>]) {
    search(view, shortest: Self.shortestSecret, &found)
    if depth <= 1, let joined = view.decoded(by: .lines) { search(joined, shortest: 12, &found) }
    if depth == 0, let pairs = view.decoded(by: .hexPairs) { search(pairs, shortest: 8, &found) }
  }

  private func search(_ view: TextView, shortest: Int, _ found: inout [Range<Int>]) {
    view.bytes.withUnsafeBufferPointer { bytes in
      index.search(bytes) { place in
        guard place.count >= shortest else { return }
        var place = place
        if base64.contains(Array(bytes[place])) { place = Self.withNeighbours(place, in: bytes, view) }
        found.append(view.original(place))
      }
      searchCuts(bytes, view, &found)
    }
  }

  /// What is left of secrets at an ellipsis.
  private func searchCuts(_ bytes: UnsafeBufferPointer<UInt8>, _ view: TextView, _ found: inout [Range<Int>])
  {
    var before = 0
    var place = 0
    var isFirst = true
    while place + 2 < bytes.count {
      guard bytes[place] == 0xe2, bytes[place + 1] == 0x80, bytes[place + 2] == 0xa6 else {
        place += 1
        continue
      }
      if let rest = index.beginning(in: bytes, endingAt: before..<place) { found.append(view.original(rest)) }
      before = place + 3
      if isFirst, bytes[..<place].allSatisfy({ $0 == 0x20 || $0 == 0x0a }) {
        var start = before
        while start < bytes.count, bytes[start] == 0x0a || bytes[start] == 0x20 { start += 1 }
        for start in Set([before, start]) {
          if let rest = index.end(in: bytes, startingAt: start) { found.append(view.original(rest)) }
        }
      }
      isFirst = false
      place = before
    }
  }

  /// With the letters beside it, which hold bits of the secret's ends.
  private static func withNeighbours(
    _ place: Range<Int>, in bytes: UnsafeBufferPointer<UInt8>, _ view: TextView
  ) -> Range<Int> {
    func isLetter(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "-"),
        UInt8(ascii: "_"), UInt8(ascii: "="):
        true
      default: false
      }
    }
    // Not over what the view has dropped between them, as a line break.
    func isBeside(_ first: Int) -> Bool {
      view.original(first..<first + 1).upperBound == view.original(first + 1..<first + 2).lowerBound
    }
    var start = place.lowerBound
    var end = place.upperBound
    while start > 0, place.lowerBound - start < 3, isLetter(bytes[start - 1]), isBeside(start - 1) {
      start -= 1
    }
    while end < bytes.count, end - place.upperBound < 3, isLetter(bytes[end]), isBeside(end - 1) { end += 1 }
    return start..<end
  }

  private static func merged(_ places: [Range<Int>]) -> [Range<Int>] {
    var merged: [Range<Int>] = []
    for place in places.sorted(by: { $0.lowerBound < $1.lowerBound }) where !place.isEmpty {
      if let last = merged.last, place.lowerBound <= last.upperBound {
        merged[merged.count - 1] = last.lowerBound..<max(last.upperBound, place.upperBound)
      } else {
        merged.append(place)
      }
    }
    return merged
  }
}
