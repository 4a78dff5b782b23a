import MartletCore
import Stencil

/// What a template makes of its variables, or what is wrong with it.
struct Rendering: Sendable, Checked {
  let contents: Contents
  let problem: String?

  init(problem: String?) {
    contents = Contents(bytes: [])
    self.problem = problem
  }

  /// - Parameters:
  ///   - text: The template.
  ///   - name: What messages call it.
  ///   - vars: Its variables.
  init(template text: String, named name: String, vars: [String: any TemplateVariable]) {
    let values = vars.compactMapValues(\.templateValue)
    let strict = StrictTemplate(text, named: name)
    do {
      let rendered = try strict.render(values.mapValues(\.plain))
      contents = Contents(bytes: Array(rendered.utf8), secrets: values.values.flatMap(\.secrets))
      problem = nil
    } catch {
      contents = Contents(bytes: [])
      problem = "template \(name)\(strict.place(of: error)): \(strict.reason(of: error))"
    }
  }
}

/// A Stencil template in which a variable that doesn't exist is an error.
///
/// Stencil shows nothing for such a variable. Its lexer's tokens are public, so each `{{ … }}` is turned into
/// a block of a tag of our own, and each `{% for %}` gets one in front, that look whether there is a value.
private struct StrictTemplate {
  private static let show = "martlet-show"
  private static let require = "martlet-require"

  private let tokens: [Token]
  private let lines: [(token: Token, line: Int)]
  /// Where a tag begins that never ends: Stencil makes an empty text of it and of all that follows.
  private let unclosed: Token?

  init(_ text: String, named name: String) {
    let lexed = Stencil.Template(templateString: text, name: name).tokens
    let numbered = Self.numbered(lexed, in: text)
    var tokens: [Token] = []
    var lines: [(Token, Int)] = []
    for (token, line) in Self.withoutEmptyLines(numbered) {
      var token = token
      switch token.kind {
      case .variable:
        token = .block(value: "\(Self.show) \(token.contents)", at: token.sourceMap)
      case .block where token.components.contains("for") && token.components.count > 3:
        if let index = token.components.firstIndex(of: "in"), index + 1 < token.components.count {
          let check = Token.block(
            value: "\(Self.require) \(token.components[index + 1])", at: token.sourceMap)
          check.whitespace = token.whitespace
          tokens.append(check)
          lines.append((check, line))
        }
      case .block, .text, .comment: break
      }
      tokens.append(token)
      lines.append((token, line))
    }
    unclosed = lexed.last.flatMap { $0.kind == .text && $0.contents.isEmpty ? $0 : nil }
    if let unclosed, let line = numbered.last?.1 { lines.append((unclosed, line)) }
    self.tokens = tokens
    self.lines = lines
  }

  func render(_ vars: [String: Any]) throws -> String {
    if let unclosed {
      throw TemplateSyntaxError(
        reason: "the {{, {% or {# that begins here is never closed", token: unclosed)
    }
    for token in tokens where token.kind == .block {
      for word in token.contents.split(whereSeparator: {
        !($0.isLetter || $0.isNumber || $0 == "_" || $0 == ".")
      })
      where word.hasSuffix(".last") && word != "forloop.last" {
        // Stencil 0.15 stops the whole program where the list is empty.
        throw TemplateSyntaxError(
          reason: "\(word) can't be used: give the template the last element as a variable", token: token)
      }
    }
    let environment = Environment(extensions: [Self.tags(known: vars.keys.sorted())])
    let parser = TokenParser(tokens: tokens, environment: environment)
    let nodes = try parser.parse()
    return try renderNodes(nodes, Context(dictionary: vars, environment: environment))
  }

  /// The end of "template NAME", as in " line 12".
  func place(of error: any Error) -> String {
    guard let token = (error as? TemplateSyntaxError)?.token,
      let line = lines.first(where: { $0.token === token })?.line
    else { return "" }
    return " line \(line)"
  }

  func reason(of error: any Error) -> String { (error as? TemplateSyntaxError)?.reason ?? "\(error)" }

  private static func tags(known: [String]) -> Extension {
    let tags = Extension()
    tags.registerTag(show) { parser, token in
      let expression = String(token.contents.dropFirst(show.count + 1))
      let condition = try Conditional(expression, parser: parser, token: token)
      return SimpleNode(token: token) { context in
        guard let chosen = try condition.chosen(context) else { return "" }
        return try text(of: value(of: chosen, in: context, parser: parser, token: token, known: known))
      }
    }
    tags.registerTag(require) { parser, token in
      let expression = String(token.contents.dropFirst(require.count + 1))
      return SimpleNode(token: token) { context in
        if !expression.contains("...") {
          _ = try value(of: expression, in: context, parser: parser, token: token, known: known)
        }
        return ""
      }
    }
    for name in ["include", "extends", "block"] {
      tags.registerTag(name) { _, token in
        throw TemplateSyntaxError(
          reason: "{% \(name) %} isn't supported: put pieces together in Swift", token: token)
      }
    }
    return tags
  }

  /// The value of an expression with filters.
  ///
  /// Its variable must exist, unless the first filter is `default`: other filters make an empty text of
  /// nothing.
  private static func value(
    of expression: String, in context: Context, parser: TokenParser, token: Token, known: [String]
  ) throws -> Any {
    let parts = pipes(expression)
    guard let variable = parts.first, !variable.isEmpty else {
      throw TemplateSyntaxError(reason: "{{ }} without a variable in it", token: token)
    }
    let isOptional = parts.count > 1 && (parts[1] == "default" || parts[1].hasPrefix("default:"))
    let missing = TemplateSyntaxError(
      reason: "the variable \(variable) doesn't exist" + suggestion(for: variable, among: known), token: token
    )
    if !isOptional, try Variable(variable).resolve(context) == nil { throw missing }
    do {
      guard let value = try parser.compileFilter(expression, containedIn: token).resolve(context) else {
        throw missing
      }
      return value
    } catch let error as TemplateSyntaxError {
      // Stencil's error has a token of its own, whose line we don't know.
      throw TemplateSyntaxError(reason: error.reason, token: token)
    }
  }

  private static func text(of value: Any) throws -> String {
    switch value {
    case let text as String: text
    case let list as [Any]:
      throw TemplateSyntaxError("a list of \(list.count) can't be shown: use {% for %} or |join:\", \"")
    case is [String: Any]: throw TemplateSyntaxError("a map can't be shown: use {% for key, value in … %}")
    default: "\(value)"
    }
  }

  /// The parts of `variable|filter|filter`; a bar in quotes is no border.
  private static func pipes(_ expression: String) -> [String] {
    var parts = [""]
    var quote: Character?
    for character in expression {
      if quote == nil, character == "|" {
        parts.append("")
        continue
      }
      if character == quote {
        quote = nil
      } else if quote == nil, character == "'" || character == "\"" {
        quote = character
      }
      parts[parts.count - 1].append(character)
    }
    return parts.map(\.trimmed)
  }

  /// The tokens with their lines, counted from one: Stencil's own are wrong where two lines are alike.
  private static func numbered(_ tokens: [Token], in text: String) -> [(Token, Int)] {
    let bytes = Array(text.utf8)
    var position = 0
    var line = 1
    func advance(to end: Int) {
      let end = min(max(end, position), bytes.count)
      line += bytes[position..<end].count { $0 == 0x0a }
      position = end
    }
    return tokens.map { token in
      let start = line
      if token.kind == .text {
        advance(to: position + token.contents.utf8.count)
      } else {
        let closing: [UInt8] =
          token.kind == .variable
          ? Array("}}".utf8) : token.kind == .block ? Array("%}".utf8) : Array("#}".utf8)
        var end = position + 2
        while end < bytes.count, !bytes[end...].starts(with: closing) { end += 1 }
        advance(to: end + 2)
      }
      return (token, start)
    }
  }

  /// Takes out the blanks and the line break of lines that hold nothing but blocks and comments.
  ///
  /// Stencil's own trimming also eats the blanks before a block in the middle of a line.
  private static func withoutEmptyLines(_ tokens: [(Token, Int)]) -> [(Token, Int)] {
    var result: [(Token, Int)] = []
    var row: [(Token, Int)] = []
    func finishRow() {
      let hasTag = row.contains { $0.0.kind == .block || $0.0.kind == .comment }
      let isSilent = row.allSatisfy { token, _ in
        switch token.kind {
        case .variable: false
        case .block, .comment: true
        case .text: token.contents.allSatisfy(\.isWhitespace)
        }
      }
      result += hasTag && isSilent ? row.filter { $0.0.kind != .text } : row
      row = []
    }
    for (token, line) in tokens {
      guard token.kind == .text else {
        row.append((token, line))
        continue
      }
      var rest = Substring(token.contents)
      var number = line
      // "\r\n" is one Character.
      while let end = rest.firstIndex(where: \.isNewline) {
        let next = rest.index(after: end)
        row.append((.text(value: String(rest[..<next]), at: token.sourceMap), number))
        finishRow()
        rest = rest[next...]
        number += 1
      }
      if !rest.isEmpty { row.append((.text(value: String(rest), at: token.sourceMap), number)) }
    }
    finishRow()
    return merged(result)
  }

  /// Joins neighbouring texts, so that `{%- … -%}` trims all of the blanks beside it.
  private static func merged(_ tokens: [(Token, Int)]) -> [(Token, Int)] {
    var result: [(Token, Int)] = []
    for (token, line) in tokens {
      if token.kind == .text, let last = result.last, last.0.kind == .text {
        result[result.count - 1].0 = .text(value: last.0.contents + token.contents, at: last.0.sourceMap)
      } else {
        result.append((token, line))
      }
    }
    return result
  }
}

/// The expression of `{{ a if b else c }}`, or of a plain `{{ a }}`.
private struct Conditional {
  private let value: String
  private let condition: (any Expression)?
  private let alternative: String?

  init(_ expression: String, parser: TokenParser, token: Token) throws {
    let words = token.components.dropFirst()
    guard words.count > 2, let start = words.firstIndex(of: "if"), start > words.startIndex else {
      value = expression
      condition = nil
      alternative = nil
      return
    }
    let end = words[start...].firstIndex(of: "else") ?? words.endIndex
    value = words[..<start].joined(separator: " ")
    condition = try parser.compileExpression(components: Array(words[(start + 1)..<end]), token: token)
    alternative = end < words.endIndex ? words[(end + 1)...].joined(separator: " ") : nil
  }

  /// The expression whose value is shown; nil for nothing.
  func chosen(_ context: Context) throws -> String? {
    guard let condition else { return value }
    return try condition.evaluate(context: context) ? value : alternative
  }
}
