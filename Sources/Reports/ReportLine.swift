/// A line of a report for people.
package struct ReportLine: Sendable, Equatable {
  /// What a line is about; colours follow from it.
  package enum Style: Sendable { case plain, heading, added, removed, changed, failed, warning, quiet }
  /// The host that it is of, nil for lines of the whole run.
  package var host: String?
  package var style: Style
  package var text: String

  package init(_ host: String?, _ style: Style, _ text: String) {
    self.host = host
    self.style = style
    self.text = text
  }
}

extension ReportLine.Style {
  /// The parameters of Select Graphic Rendition (ECMA-48, section 8.3.117): the eight colours of every terminal,
  /// so that they fit light and dark backgrounds alike.
  var rendition: String? {
    switch self {
    case .plain: nil
    case .heading: "1"
    case .added: "32"
    case .removed: "31"
    case .changed: "33"
    case .failed: "1;31"
    case .warning: "35"
    case .quiet: "2"
    }
  }

  /// The text in the style's colour.
  func coloured(_ text: String) -> String { rendition.map { "\u{1b}[\($0)m\(text)\u{1b}[0m" } ?? text }
}
