import Testing

@testable import MartletEngine

@Suite struct PythonTracebackTests {
  private func condensed(_ text: String) -> [String] {
    PythonTraceback.condensed(text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
  }

  @Test func theErrorThenTheApplicationsOwnFrames() {
    let lines = condensed(
      """
      Operations to perform:
        Apply all migrations: shop
      Traceback (most recent call last):
        File "/srv/shop/app/manage.py", line 22, in <module>
          main()
        File "/srv/shop/venv/lib/python3.11/site-packages/django/core/management/__init__.py", line 442, in execute
          utility.execute()
        File "/srv/shop/app/shop/migrations/0002_fill.py", line 9, in fill
          raise ValueError(f"no price: {row}")
          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      ValueError: no price: 7
      second line of the text

      """)
    #expect(
      lines.prefix(6) == [
        "ValueError: no price: 7", "second line of the text",
        "  File \"/srv/shop/app/manage.py\", line 22, in <module>", "    main()",
        "  File \"/srv/shop/app/shop/migrations/0002_fill.py\", line 9, in fill",
        "    raise ValueError(f\"no price: {row}\")",
      ])
    #expect(lines[6] == "  … 1 more frames, mostly of libraries")
    #expect(lines.contains("Operations to perform:"))
    #expect(!lines.contains { $0.contains("^^^") || $0.contains("site-packages") })
  }

  /// The last of a chain is what was wrong; the frames may be an earlier one's.
  @Test func chains() {
    let lines = condensed(
      """
      [2026-01-01 10:00:00 +0000] [7] [ERROR] Exception in worker process
      Traceback (most recent call last):
        File "/srv/shop/app/shop/settings.py", line 3, in <module>
          os.environ["KEY"]
      KeyError: 'KEY'

      During handling of the above exception, another exception occurred:

      Traceback (most recent call last):
        File "/srv/shop/venv/lib/python3.11/site-packages/django/conf/__init__.py", line 81, in _setup
          raise ImproperlyConfigured("no key")
      django.core.exceptions.ImproperlyConfigured: no key
      [2026-01-01 10:00:00 +0000] [7] [INFO] Worker exiting (pid: 7)
      """)
    #expect(lines[0] == "django.core.exceptions.ImproperlyConfigured: no key")
    #expect(lines[1] == "  File \"/srv/shop/app/shop/settings.py\", line 3, in <module>")
    #expect(lines.last?.contains("Worker exiting") == true)
  }

  @Test func whatIsNoTracebackStays() {
    let text = "E: no such package\n  File a list\nTraceback, they said"
    #expect(condensed(text) == text.split(separator: "\n").map(String.init))
    // The end of the output was cut off, so that no error is known.
    let cut = "Traceback (most recent call last):\n  File \"/srv/a.py\", line 1, in f"
    #expect(condensed(cut) == cut.split(separator: "\n").map(String.init))
  }
}
