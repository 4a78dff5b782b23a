internal import MartletCore

/// The program that asks a host everything at once.
enum LookProgram {
  /// One record for each kind of fact, headed `fact INDEX`.
  static func make(_ questions: Questions, options: LookOptions, marker: String) -> Program {
    let probes = questions.kinds.enumerated().map { index, kind in
      let probe = kind.probe(kind.facts, options)
      // What isn't closed would swallow the questions that follow. It is not asked, and its tasks fail by that.
      if probe.problem != nil { return "" }
      return "_record fact \(index)\n{\n\(probe.text)\n} 2>/dev/null 3>&-"
    }
    return Program(marker: marker, body: probes.joined(separator: "\n"))
  }

  /// What the records answer. A kind whose answer makes no sense fails for the tasks that want it, not for all.
  static func answers(to questions: Questions, in records: [RecordParser.Record]) -> Answers {
    var answers = Answers()
    for record in records {
      let words = record.header.split(separator: " ")
      guard words.count == 2, words[0] == "fact", let index = Int(words[1]),
        questions.kinds.indices.contains(index)
      else { continue }
      let kind = questions.kinds[index]
      do {
        for (fact, value) in try kind.parse(ProbeOutput(record.body), kind.facts) {
          answers.set(fact, to: .success(value))
        }
      } catch {
        for fact in kind.facts { answers.set(fact, to: .failure(error)) }
      }
    }
    return answers
  }
}
