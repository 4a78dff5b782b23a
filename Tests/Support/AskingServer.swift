import Foundation

/// A PAM module that asks what its arguments say: `P:Question=answer` hidden, `E:Question=answer` shown,
/// `I:Text` for information.
private let pamModule = """
  #include <stdlib.h>
  #include <string.h>
  struct pam_message { int style; const char *text; };
  struct pam_response { char *text; int code; };
  struct pam_conv {
    int (*conv)(int, const struct pam_message **, struct pam_response **, void *);
    void *data;
  };
  int pam_get_item(const void *, int, const void **);
  int pam_sm_authenticate(void *handle, int flags, int count, const char **words) {
    const struct pam_conv *conv;
    int right = 1;
    if (pam_get_item(handle, 5, (const void **)&conv)) return 7;
    for (int i = 0; i < count; i++) {
      char *question = strdup(words[i] + 2);
      char *answer = strrchr(question, '=');
      int style = words[i][0] == 'P' ? 1 : words[i][0] == 'E' ? 2 : 4;
      if (style != 4) *answer++ = 0;
      struct pam_message message = { style, question };
      const struct pam_message *messages = &message;
      struct pam_response *response = NULL;
      if (conv->conv(1, &messages, &response, conv->data)) return 7;
      if (style != 4 && (!response || !response->text || strcmp(response->text, answer))) right = 0;
      if (!right) return 7;
    }
    return 0;
  }
  int pam_sm_setcred(void *handle, int flags, int count, const char **words) { return 0; }
  """

extension LoopbackServer {
  /// A server that asks by PAM, of whoever logs in.
  ///
  /// - Parameter questions: As `P:Password: =secret`; see above.
  public static func asking(_ questions: [String], options: [String] = []) throws -> LoopbackServer {
    let server = try LoopbackServer(
      options: options + ["PasswordAuthentication yes", "KbdInteractiveAuthentication yes"],
      pam: [
        "auth required FOLDER/ask.so " + questions.map { "[\($0)]" }.joined(separator: " "),
        "account required pam_permit.so", "session required pam_permit.so",
      ])
    try pamModule.write(toFile: server.path("ask.c"), atomically: true, encoding: .utf8)
    try shell("$(command -v cc || command -v clang) -shared -fPIC -o ask.so ask.c", in: server.folder)
    return server
  }
}
