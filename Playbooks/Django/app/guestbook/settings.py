"""Settings, all of them from the environment; README.md lists the variables."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def flag(name, default):
    """A variable that is on or off. Anything else is a mistake, and not taken for off."""
    text = os.environ.get(name, "").strip().lower()
    if text in {"1", "true", "yes", "on"}:
        return True
    if text in {"0", "false", "no", "off"}:
        return False
    if text:
        raise ImproperlyConfigured(f"{name} is on or off, not {text!r}")
    return default


def number(name, default):
    text = os.environ.get(name, "").strip()
    try:
        return int(text) if text else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} is a number, not {text!r}") from None


def names(name):
    """A variable that lists names, separated by commas."""
    return [item.strip() for item in os.environ.get(name, "").split(",") if item.strip()]


DEBUG = flag("DEBUG", False)
# Whether a web server in front speaks HTTPS. Off is for trying things out over plain HTTP.
HTTPS = flag("HTTPS", not DEBUG)

SECRET_KEY = os.environ.get("SECRET_KEY", "")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured(
            "SECRET_KEY is not set: it signs sessions and forms, so give it 50 random characters and keep them"
        )
    SECRET_KEY = "for development only, where nothing that it signs is worth forging"

ALLOWED_HOSTS = names("ALLOWED_HOSTS")
CSRF_TRUSTED_ORIGINS = names("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "entries",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "guestbook.urls"
WSGI_APPLICATION = "guestbook.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# SQLite serves a small site well, if readers needn't wait for the writer and the writer waits its turn.
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("DATABASE") or BASE_DIR / "db.sqlite3",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

# Where everybody finds the admin's log-in, so do those who guess passwords.
ADMIN_PATH = os.environ.get("ADMIN_PATH", "").strip("/") or "back-office"

# The web server serves STATIC_ROOT. Names carry a hash of the content, so browsers may keep files for ever.
STATIC_URL = "/static/"
STATIC_ROOT = os.environ.get("STATIC_ROOT") or BASE_DIR / "static_root"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
}

if HTTPS:
    # The web server sets this header itself and drops what a visitor sends by that name.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = flag("SECURE_SSL_REDIRECT", HTTPS)
# Health checks come from the machine itself, without TLS.
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
# Browsers remember this and can't be told otherwise: an hour, until a site is sure.
SECURE_HSTS_SECONDS = number("SECURE_HSTS_SECONDS", 3600 if HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = flag("SECURE_HSTS_INCLUDE_SUBDOMAINS", HTTPS)
SECURE_HSTS_PRELOAD = flag("SECURE_HSTS_PRELOAD", HTTPS)
SESSION_COOKIE_SECURE = flag("SESSION_COOKIE_SECURE", HTTPS)
CSRF_COOKIE_SECURE = flag("CSRF_COOKIE_SECURE", HTTPS)
if not HTTPS:
    # HSTS, the redirect and both cookies: HTTPS=off has decided these four, so `check --deploy` needn't ask.
    SILENCED_SYSTEM_CHECKS = ["security.W004", "security.W008", "security.W012", "security.W016"]

# To standard error, where the process manager picks it up.
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("LOG_LEVEL") or "INFO"},
    # Django's own loggers would otherwise write to a console only in DEBUG, and mail errors to nobody.
    "loggers": {"django": {"handlers": [], "level": "INFO", "propagate": True}},
}
