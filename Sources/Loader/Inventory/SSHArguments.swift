internal import MartletCore

/// Arguments of `ssh`, as Ansible's inventories carry them in `ansible_ssh_common_args`, turned into the
/// options of ssh_config(5) that they stand for (ssh(1)).
enum SSHArguments {
  /// The options, each as `ssh -o` takes it: `ProxyJump=bastion`.
  ///
  /// - Throws: ``InventoryError`` without a place, for an argument that can't be honoured.
  static func options(_ text: String) throws -> [String] {
    var words = try split(text)[...]
    var options: [String] = []
    while let word = words.popFirst() {
      guard word.hasPrefix("-"), let letter = word.dropFirst().first else {
        throw InventoryError("\"\(word)\" is not an option of ssh")
      }
      if let keyword = flags[letter] {
        // Flags may stand together: -Aq.
        options += keyword.isEmpty ? [] : [keyword]
        let rest = word.dropFirst(2)
        if !rest.isEmpty { words = ["-\(rest)"] + words }
      } else if let keyword = values[letter] {
        let attached = String(word.dropFirst(2))
        guard let value = attached.isEmpty ? words.popFirst() : attached, !value.isEmpty else {
          throw InventoryError("ssh's -\(letter) needs a value")
        }
        options.append(keyword.isEmpty ? value : "\(keyword)=\(value)")
      } else {
        throw InventoryError(
          "ssh's -\(letter) can't be honoured here"
            + (letter == "F" ? ": give the file as --ssh-config, or as ssh_config" : ""))
      }
    }
    return options
  }

  private static let flags: [Character: String] = [
    "A": "ForwardAgent=yes", "a": "ForwardAgent=no", "4": "AddressFamily=inet", "6": "AddressFamily=inet6",
    "C": "Compression=yes", "K": "GSSAPIAuthentication=yes", "k": "GSSAPIDelegateCredentials=no",
    // How much is printed, and terminals: nothing that a run of ours has.
    "q": "", "v": "", "T": "", "n": "", "x": "",
  ]

  private static let values: [Character: String] = [
    "o": "", "J": "ProxyJump", "i": "IdentityFile", "p": "Port", "l": "User", "b": "BindAddress",
    "B": "BindInterface", "c": "Ciphers", "m": "MACs", "I": "PKCS11Provider", "S": "ControlPath",
  ]

  /// Words as a shell reads them: blanks part them, quotes and backslashes keep them together.
  private static func split(_ text: String) throws -> [String] {
    var words: [String] = []
    var word: String?
    var quote: Character?
    var rest = text[...]
    while let character = rest.popFirst() {
      switch (character, quote) {
      case ("\\", let open) where open != "'":
        guard let next = rest.popFirst() else { throw InventoryError("a backslash stands at the end") }
        // Within double quotes a backslash is special only before these (POSIX, 2.2.3).
        let isEscape = open == nil || "$`\"\\\n".contains(next)
        word = (word ?? "") + (isEscape ? "\(next)" : "\\\(next)")
      case (let character, let open?):
        if character == open { quote = nil } else { word = (word ?? "") + "\(character)" }
      case ("'", nil), ("\"", nil):
        quote = character
        word = word ?? ""
      case (let character, nil) where character.isWhitespace:
        if let word { words.append(word) }
        word = nil
      default: word = (word ?? "") + "\(character)"
      }
    }
    guard quote == nil else { throw InventoryError("a quote is not closed") }
    if let word { words.append(word) }
    return words
  }
}
