import os
import subprocess
import sys
from unittest import mock

from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError
from django.test import Client, SimpleTestCase, TestCase, override_settings
from django.urls import reverse

from .models import Entry

# Hashed names are known only after collectstatic, and tests are run before it.
PLAIN_STATIC = {
    **settings.STORAGES,
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}


@override_settings(STORAGES=PLAIN_STATIC, SECURE_SSL_REDIRECT=False)
class GuestBookTests(TestCase):
    def test_an_empty_book_says_so(self):
        response = self.client.get(reverse("guest_book"))
        self.assertContains(response, "Nobody has written yet.")
        self.assertContains(response, "entries/guest_book.css")

    def test_what_is_written_is_read(self):
        response = self.client.post(reverse("guest_book"), {"name": "Ada", "message": "Good day"}, follow=True)
        self.assertRedirects(response, reverse("guest_book"))
        self.assertContains(response, "Good day")
        self.assertContains(response, "1 entry so far")

    def test_the_newest_comes_first(self):
        for message in ("first", "second"):
            Entry.objects.create(name="Ada", message=message)
        self.assertEqual([e.message for e in Entry.objects.all()], ["second", "first"])

    def test_an_entry_without_message_is_refused(self):
        response = self.client.post(reverse("guest_book"), {"name": "Ada", "message": " "})
        self.assertContains(response, "This field is required", status_code=400)
        self.assertFalse(Entry.objects.exists())

    def test_markup_is_shown_and_not_run(self):
        Entry.objects.create(name="<b>", message="<script>alert(1)</script>")
        response = self.client.get(reverse("guest_book"))
        self.assertContains(response, "&lt;script&gt;")
        self.assertNotContains(response, "<script>")

    def test_a_form_from_elsewhere_is_refused(self):
        client = Client(enforce_csrf_checks=True)
        response = client.post(reverse("guest_book"), {"name": "Eve", "message": "forged"})
        self.assertEqual(response.status_code, 403)
        self.assertFalse(Entry.objects.exists())

    def test_likes_are_counted(self):
        entry = Entry.objects.create(name="Ada", message="Good day")
        for _ in range(2):
            self.client.post(reverse("like", args=[entry.pk]))
        entry.refresh_from_db()
        self.assertEqual(entry.likes, 2)
        self.assertEqual(self.client.get(reverse("like", args=[entry.pk])).status_code, 405)
        self.assertEqual(self.client.post(reverse("like", args=[999])).status_code, 404)


class HealthTests(TestCase):
    def test_ok_also_without_tls(self):
        response = self.client.get("/healthz")
        self.assertEqual((response.status_code, response.content), (200, b"ok\n"))

    def test_a_broken_database_is_told(self):
        with mock.patch.object(Entry.objects, "exists", side_effect=DatabaseError("disk full")):
            with self.assertLogs("entries.views", "ERROR"):
                self.assertEqual(self.client.get("/healthz").status_code, 503)


class MigrationTests(TestCase):
    def test_none_is_missing(self):
        call_command("makemigrations", "--check", "--dry-run", verbosity=0)


class SettingsTests(SimpleTestCase):
    """Settings are read once, so each of these asks a new process."""

    def check(self, *arguments, **environment):
        inherited = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "VIRTUAL_ENV") if name in os.environ}
        return subprocess.run(
            [sys.executable, "manage.py", "check", *arguments],
            cwd=settings.BASE_DIR,
            env={**inherited, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    def test_without_a_secret_key_nothing_starts(self):
        result = self.check()
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("SECRET_KEY is not set", result.stderr)

    def test_a_flag_that_is_neither_on_nor_off_is_refused(self):
        self.assertIn("DEBUG is on or off, not 'maybe'", self.check(DEBUG="maybe").stderr)

    def test_a_deployment_is_clean_with_https_and_without(self):
        key = "".join(chr(33 + number % 90) for number in range(0, 900, 17))
        for https in ("on", "off"):
            with self.subTest(https=https):
                result = self.check(
                    "--deploy", "--fail-level", "WARNING", SECRET_KEY=key, ALLOWED_HOSTS="example.org", HTTPS=https
                )
                self.assertEqual(result.returncode, 0, result.stderr)
