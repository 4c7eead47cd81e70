"""All settings, read from the environment. Production refuses to start without its secrets.

The numbers of the domain (fee, floor, windows) are named settings here; publishing copies them
into the criteria, so a change acts on the next publishing only.
"""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

BASE_DIR = Path(__file__).resolve().parent.parent


def env(name: str, default: str | None = None) -> str:
    value = os.environ.get(name, default)
    if value is None:
        message = f"The environment variable {name} is missing."
        raise ImproperlyConfigured(message)
    return value


def env_bool(name: str, *, default: bool) -> bool:
    value = os.environ.get(name, str(default))
    if value not in {"True", "False"}:
        message = f"{name} must be True or False, not {value!r}."
        raise ImproperlyConfigured(message)
    return value == "True"


def env_int(name: str, default: int) -> int:
    value = os.environ.get(name, str(default))
    if not value.isdigit():
        message = f"{name} must be a whole number, not {value!r}."
        raise ImproperlyConfigured(message)
    return int(value)


def database(url: str) -> dict:
    """`postgresql://user:password@host:port/name?host=/socket/folder` as Django wants it."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    return {
        "ENGINE": "apps.core.postgresql",
        "NAME": parts.path.lstrip("/"),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query["host"][0] if "host" in query else (parts.hostname or ""),
        "PORT": str(parts.port or query.get("port", [""])[0]),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"application_name": "wagefile"},
    }


# ── How it runs ─────────────────────────────────────────────────────────────────────────────────
DEMO = env_bool("WAGEFILE_DEMO", default=False)
TESTING = env_bool("WAGEFILE_TESTING", default=False)
DEBUG = env_bool("DJANGO_DEBUG", default=False)
PRODUCTION = not (DEMO or TESTING or DEBUG)

SECRET_KEY = env("DJANGO_SECRET_KEY", None if PRODUCTION else "not-a-secret-" + "x" * 50)
ALLOWED_HOSTS = env("DJANGO_ALLOWED_HOSTS", "127.0.0.1,localhost,testserver").split(",")
SITE_URL = env("WAGEFILE_SITE_URL", "http://127.0.0.1:8000")
UPLOADS_URL = env("WAGEFILE_UPLOADS_URL", "http://127.0.0.1:8001")
UPLOADS_ONLY = os.environ.get("UPLOADS_ONLY") == "1"
SECURE_COOKIES = SITE_URL.startswith("https://")
DATA_DIR = Path(env("WAGEFILE_DATA_DIR", str(BASE_DIR / ".var" / "data")))

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "apps.core",
    "apps.audit",
    "apps.notices",
    "apps.tasktypes",
    "apps.accounts",
    "apps.organizations",
    "apps.ledger",
    "apps.projects",
    "apps.scoring",
    "apps.payments",
    "apps.work",
    "apps.cases",
    "apps.exports",
    "apps.pages",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "apps.accounts.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "apps.organizations.middleware.ActorMiddleware",
    "apps.accounts.middleware.TermsMiddleware",
    "apps.core.middleware.ErrorMiddleware",
]

ROOT_URLCONF = "marketplace.urls"
if UPLOADS_ONLY:
    # The second origin serves signed links alone: no session, no actor, no database. Without the
    # last one allauth refuses to start; it does nothing where its addresses are not routed.
    ROOT_URLCONF = "marketplace.uploads_urls"
    MIDDLEWARE = [*MIDDLEWARE[:2], "allauth.account.middleware.AccountMiddleware"]
WSGI_APPLICATION = "marketplace.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [
            BASE_DIR / "templates",
            *sorted(path for path in (BASE_DIR / "apps/tasktypes").glob("*/templates")),
        ],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "apps.pages.context_processors.site",
            ],
        },
    },
]

# ── Database: the application role owns nothing; migrations use the owner ────────────────────────
DATABASES = {"default": database(env("DATABASE_URL", "postgresql://wagefile_app@/wagefile"))}
if "DATABASE_OWNER_URL" in os.environ:
    DATABASES["owner"] = database(os.environ["DATABASE_OWNER_URL"])
    DATABASES["owner"]["CONN_MAX_AGE"] = 0
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LEDGER_OWNER_ROLE = env("LEDGER_OWNER_ROLE", "wagefile_ledger_owner")
APP_ROLE = env("DATABASE_APP_ROLE", "wagefile_app")

# ── People ──────────────────────────────────────────────────────────────────────────────────────
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["apps.accounts.adapters.Backend"]
SESSION_ENGINE = "apps.accounts.adapters"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
PASSWORD_HASHERS = (
    ["django.contrib.auth.hashers.MD5PasswordHasher"]
    if TESTING
    else ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
)
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "apps.accounts.adapters.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_SIGNUP_FORM_CLASS = "apps.accounts.forms.SignupForm"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_CHANGE_EMAIL = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[Wagefile] "
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "https" if SECURE_COOKIES else "http"
ACCOUNT_LOGIN_BY_CODE_ENABLED = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = 600
ACCOUNT_RATE_LIMITS = {
    "login": "30/m/ip",
    "login_failed": "10/m/ip,5/5m/key",
    "signup": "20/m/ip",
    "reset_password": "20/m/ip,5/m/key",
}
USERSESSIONS_TRACK_ACTIVITY = False
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = True
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SECURE_COOKIES
MFA_TOTP_ISSUER = "Wagefile"
EMAIL_BACKEND = env(
    "DJANGO_EMAIL_BACKEND",
    "django.core.mail.backends.smtp.EmailBackend"
    if PRODUCTION
    else "apps.notices.gateway.DemoBackend"
    if DEMO
    else "django.core.mail.backends.filebased.EmailBackend",
)
# A mail server that does not answer must not keep the others' letters waiting.
EMAIL_TIMEOUT = 10
EMAIL_FILE_PATH = DATA_DIR / "outbox"
EMAIL_HOST = env("EMAIL_HOST", "localhost")
EMAIL_PORT = env_int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", default=False)
DEFAULT_FROM_EMAIL = env("DEFAULT_FROM_EMAIL", "Wagefile <notices@wagefile.invalid>")

# The operator of this installation, as the public pages name it; empty is shown as "not said".
OPERATOR = {
    key: env(f"OPERATOR_{key.upper()}", "")
    for key in ("name", "legal_form", "address", "register", "represented_by", "owners", "email")
}
# Where the operator supplies its service from, and its own VAT number; both stand on invoices.
OPERATOR_COUNTRY = env("OPERATOR_COUNTRY", "")
OPERATOR_VAT_NUMBER = env("OPERATOR_VAT_NUMBER", "")
# What binds, and therefore waits for the terms in force (apps.accounts.middleware).
TERMS_BIND = frozenset(
    {
        "api:claims",
        "api:enrolments",
        "organizations:new",
        "payments:fund",
        "projects:create",
        "projects:publish",
        "projects:version",
        "work:claim",
        "work:enrol",
    }
)

# ── Security ────────────────────────────────────────────────────────────────────────────────────
SECURE_CSP = {
    "default-src": [CSP.SELF],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF, "data:", UPLOADS_URL],
    "connect-src": [CSP.SELF],
    "object-src": [CSP.NONE],
    "base-uri": [CSP.NONE],
    "form-action": [CSP.SELF, *env("WAGEFILE_FORM_ACTIONS", "").split()],
    "frame-ancestors": [CSP.NONE],
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = SECURE_COOKIES
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SECURE_COOKIES else None
SECURE_HSTS_SECONDS = 31_536_000 if SECURE_COOKIES else 0
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_COOKIES
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_NAME = "wagefile_session"
CSRF_COOKIE_NAME = "wagefile_csrf"
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 2 * 2**20

# ── Language and time ───────────────────────────────────────────────────────────────────────────
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English")]
USE_TZ = True
TIME_ZONE = "UTC"
USE_THOUSAND_SEPARATOR = True

# ── Static files ────────────────────────────────────────────────────────────────────────────────
STATIC_URL = "/static/"
STATIC_ROOT = Path(env("WAGEFILE_STATIC_ROOT", str(BASE_DIR / ".var" / "static")))
STATICFILES_DIRS = [
    BASE_DIR / "static",
    # Made by `make assets`; a checkout without it lacks the style sheet, nothing else.
    *(path for path in [BASE_DIR / ".var" / "assets"] if path.is_dir()),
    *sorted(path for path in (BASE_DIR / "apps/tasktypes").glob("*/static")),
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION or DEMO
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = TESTING
WHITENOISE_AUTOREFRESH = TESTING

# ── Cache, Celery ───────────────────────────────────────────────────────────────────────────────
CELERY_BROKER_URL = env("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": env("CACHE_URL", CELERY_BROKER_URL),
    }
    if PRODUCTION or DEMO
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "scoring.run": {"queue": "gpu"},
    "scoring.check_alpha": {"queue": "gpu"},
    "work.plan_overlap": {"queue": "gpu"},
    "work.analyse_errors": {"queue": "gpu"},
    "work.measure_repeats": {"queue": "gpu"},
    "scoring.lift": {"queue": "gpu"},
    "payments.*": {"queue": "money"},
    "work.sweep": {"queue": "money"},
    "work.settle": {"queue": "money"},
}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = "UTC"
# The longest scoring run; a claim without heartbeat is requeued by the table long before.
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 6 * 3600, "socket_connect_timeout": 2}
# A bell that cannot ring must not keep a person waiting: the beat task finds the row.
CELERY_TASK_PUBLISH_RETRY = False
SWEEP_SECONDS = env_int("WAGEFILE_SWEEP_SECONDS", 5)
CELERY_BEAT_SCHEDULE = {
    "work.sweep": {"task": "work.sweep", "schedule": SWEEP_SECONDS},
    "work.take_scores": {"task": "work.take_scores", "schedule": SWEEP_SECONDS},
    "work.plan_all": {"task": "work.plan_all", "schedule": SWEEP_SECONDS},
    "work.analyse_all": {"task": "work.analyse_all", "schedule": 15},
    "work.measure_all": {"task": "work.measure_all", "schedule": 30},
    "work.count_online": {"task": "work.count_online", "schedule": SWEEP_SECONDS},
    "work.request_scores": {"task": "work.request_scores", "schedule": SWEEP_SECONDS},
    "scoring.requeue": {"task": "scoring.requeue", "schedule": SWEEP_SECONDS},
    "scoring.requeue_lift": {"task": "scoring.requeue_lift", "schedule": SWEEP_SECONDS},
    "work.take_lift": {"task": "work.take_lift", "schedule": SWEEP_SECONDS},
    "work.sweep_lift": {"task": "work.sweep_lift", "schedule": 30},
    "projects.resume_imports": {"task": "projects.resume_imports", "schedule": 30},
    "projects.publish_figures": {"task": "projects.publish_figures", "schedule": 30},
    "work.figures": {"task": "work.figures", "schedule": 10},
    "payments.push_outbox": {"task": "payments.push_outbox", "schedule": SWEEP_SECONDS},
    "payments.take_events": {"task": "payments.take_events", "schedule": SWEEP_SECONDS},
    "payments.fetch_balance": {"task": "payments.fetch_balance", "schedule": 300},
    "payments.top_up": {"task": "payments.top_up", "schedule": 60},
    "cases.sweep": {"task": "cases.sweep", "schedule": SWEEP_SECONDS},
    "cases.mail": {"task": "cases.mail", "schedule": SWEEP_SECONDS},
    "cases.forget": {"task": "cases.forget", "schedule": 3600},
    "exports.resume": {"task": "exports.resume", "schedule": 30},
    "notices.send": {"task": "notices.send", "schedule": SWEEP_SECONDS},
    "notices.summarise": {"task": "notices.summarise", "schedule": 60},
    "work.tell_frozen": {"task": "work.tell_frozen", "schedule": SWEEP_SECONDS},
    "work.remind": {"task": "work.remind", "schedule": 30},
    "cases.remind": {"task": "cases.remind", "schedule": 30},
    "projects.watch_funds": {"task": "projects.watch_funds", "schedule": 60},
    "ledger.expire": {"task": "ledger.expire", "schedule": 60},
    "pages.check_books": {"task": "pages.check_books", "schedule": 3600},
    "audit.seal": {"task": "audit.seal", "schedule": 60},
    "work.settle_all": {
        "task": "work.settle_all",
        "schedule": crontab(minute=0, hour=0, day_of_week=1),
    },
    "payments.weekly": {
        "task": "payments.weekly",
        "schedule": crontab(minute=0, hour=6, day_of_week=1),
    },
    "payments.reconcile": {"task": "payments.reconcile", "schedule": crontab(minute=0, hour=0)},
    "payments.watch_holds": {
        "task": "payments.watch_holds",
        "schedule": crontab(minute=0, hour=0),
    },
    "scoring.check_alphas": {
        "task": "scoring.check_alphas",
        "schedule": crontab(minute=0, hour=2),
    },
    # An hour after midnight the sweeps have booked what fell due before it.
    "exports.issue_statements": {
        "task": "exports.issue_statements",
        "schedule": crontab(minute=0, hour=1, day_of_month=1),
    },
    "exports.issue_invoices": {
        "task": "exports.issue_invoices",
        "schedule": crontab(minute=30, hour=1, day_of_month=1),
    },
}
# What stands in the calendar follows the marketplace's clock. That is beat's own, but for a demo,
# whose clock is moved: there a task of `pages` keeps the calendar (actions/time_machine.py).
CALENDAR = {
    name: entry
    for name, entry in CELERY_BEAT_SCHEDULE.items()
    if isinstance(entry["schedule"], crontab)
}
if DEMO:
    CELERY_BEAT_SCHEDULE = {
        **{name: entry for name, entry in CELERY_BEAT_SCHEDULE.items() if name not in CALENDAR},
        "pages.keep_time": {"task": "pages.keep_time", "schedule": SWEEP_SECONDS},
    }

# ── API ─────────────────────────────────────────────────────────────────────────────────────────
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "apps.core.api.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Wagefile",
    "DESCRIPTION": "Clock, drafts, claims, submissions and results.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
}

# ── Stripe ──────────────────────────────────────────────────────────────────────────────────────
STRIPE_API_BASE = env("STRIPE_API_BASE", "https://api.stripe.com")
# Where the platform itself is registered: decides how long money may be held.
PLATFORM_COUNTRY = env("PLATFORM_COUNTRY", "US")
STRIPE_SECRET_KEY = env("STRIPE_SECRET_KEY", None if PRODUCTION else "sk_test_offline")
STRIPE_WEBHOOK_SECRET = env("STRIPE_WEBHOOK_SECRET", None if PRODUCTION else "whsec_platform")
STRIPE_CONNECT_WEBHOOK_SECRET = env(
    "STRIPE_CONNECT_WEBHOOK_SECRET", None if PRODUCTION else "whsec_connect"
)

# Standard rates of VAT in percent, for the fee of an operator in that country.
VAT_RATES = {
    "AT": "20", "BE": "21", "BG": "20", "CY": "19", "CZ": "21", "DE": "19", "DK": "25",
    "EE": "24", "ES": "21", "FI": "25.5", "FR": "20", "GB": "20", "GR": "24", "HR": "25",
    "HU": "27", "IE": "23", "IT": "22", "LT": "21", "LU": "17", "LV": "21", "MT": "18",
    "NL": "21", "PL": "23", "PT": "23", "RO": "21", "SE": "25", "SI": "22", "SK": "23",
}  # fmt: skip

# ── The numbers of the domain (defaults; copied into the criteria at publishing) ─────────────────
WAGEFILE: dict[str, Any] = {
    "engine": "pay/2",
    "fee_bps": 1500,
    "floor_per_hour": {"USD": 1200, "EUR": 1200, "GBP": 1000, "JPY": 1200},
    # Highest statutory minimum by region, in minor units of USD; the highest wins for everybody.
    "region_floors": {"US": 1200, "GB": 1650, "DE": 1500, "FR": 1400, "AU": 1650, "CA": 1300},
    # What a buyer gets back without two administrators, within 24 hours, by currency.
    "refund_limit": {"USD": 1_000_000, "EUR": 1_000_000, "GBP": 1_000_000, "JPY": 100_000_000},
    # How long Stripe lets a platform hold money, by the country of the platform; "*" elsewhere
    # (docs.stripe.com/connect/manual-payouts).
    "hold_days": {"US": 730, "TH": 10, "*": 90},
    "hold_notice_days": 14,
    "payout_account_wait_hours": 48,
    "top_up_failures_max": 3,
    "withdrawal_minimum": {"USD": 600, "EUR": 600, "GBP": 600, "JPY": 600},
    "review_window_hours": 72,
    "rework_window_hours": 72,
    "kill_fee_percent": 50,
    "quality_bonus_percent": 20,
    "quality_bar": "0.80",
    "gold_minimum": 8,
    "gold_percent": 15,
    "gold_percent_min": 5,
    "gold_exposure_max": 200,
    "label_error_percent": 5,
    # What the form of a new project proposes, and how many own answers lie before a repeat.
    "repeat_percent": 2,
    "repeat_between": 20,
    "case_minutes": 10,
    "wind_down_percent": 10,
    "wind_down_days": 7,
    "appeal_days": 14,
    "appeal_decision_days": 7,
    "integrity_stop_days": 7,
    "deactivation_notice_days": 14,
    "deactivation_human_hours": 72,
    "rejection_note_minimum": 100,
    "breaker_percent": 30,
    "breaker_minimum_answers": 20,
    "breaker_per_contributor_day": 10,
    "qualification_attempts_per_week": 1,
    "qualification_attempts_per_year": 3,
    "retake_days": 7,
    "paid_minutes_factor": 3,
    "paid_minutes_minimum": 2,
    "instruction_minutes_max": 10,
    "unsubmitted_paid_per_day": 3,
    "unsubmitted_paid_per_attempt": 3,
    "newcomer_share_percent": 25,
    "hold_minutes": 30,
    "hold_hours_max": 24,
    "heartbeat_seconds": 15,
    "idle_seconds": 60,
    "undo_seconds": 60,
    "terms_notice_days": 14,
    "ticket_answer_hours": 72,
    "tickets_per_hour": 5,
    "ticket_keep_days": 365,
    "early_acceptance_wait_hours": 1,
    "remind_rework_hours": 24,
    "remind_review_hours": 24,
    "remind_appeal_hours": 72,
    "remind_case_hours": 48,
    "low_funds_percent": 10,
    # Lift: of the budget, of test items, of a contributor's accepted answers; of computing.
    "lift_pool_percent": 10,
    "lift_confidence_percent": 95,
    # What pays by ADR 11: Shapley, and shuffled answers that seldom do as well.
    "lift_method": "shapley",
    "lift_rows": "given",
    "lift_seeds": 5,
    "lift_chance": 16,
    "lift_minimum_rows": 20,
    # Whose vectors a recipe learns on: a name that a worker of queue gpu has, or can fetch.
    "lift_encoders": {
        "pairwise": "all-MiniLM-L6-v2",
        "text-minilm": "all-MiniLM-L6-v2",
        "image-linear": "eca_nfnet_l0",
        "image-finetune": "eca_nfnet_l0",
    },
    # Where each model is a training of its own: pairs of trainings, not all coalitions.
    "lift_trained_method": "with-without",
    # For so many contributors the wizard estimates what computing takes.
    "lift_estimate_people": 10,
    "lift_test_minimum": 30,
    "lift_seconds_max": 1800,
    # What a second of computing costs, as minor units an hour.
    "lift_price_per_hour": {"USD": 120, "EUR": 120, "GBP": 100, "JPY": 180},
    # Of the cap of computing, for the run at the close: what pays cannot be used up before.
    "lift_kept_percent": 50,
    "lift_contest_days": 14,
    "lift_rerun_days": 30,
    "lift_workers": 4,
    # More data: what of the metric is worth having, and how far a curve looks ahead at first.
    "more_least_gain": 0.001,
    "more_further": 500,
    "standing_prior_k": "0.5",
    "alpha_reliable": "0.80",
    "alpha_tentative": "0.667",
    # An estimate on statements until a contributor chooses another share; no advice.
    "tax_set_aside_percent": 25,
    # What a country asks to be reported of payments in a calendar year, in minor units. The
    # operator's tax adviser owns these numbers.
    "year_forms": [
        {
            "country": "US",
            "form": "1099-NEC",
            "currency": "USD",
            "threshold": 60_000,
            "from_year": 2020,
            "to_year": 2025,
        },
        {
            "country": "US",
            "form": "1099-NEC",
            "currency": "USD",
            "threshold": 200_000,
            "from_year": 2026,
            "to_year": 9999,
        },
    ],
    # Rates that the operator enters: {"from", "to", "rate", "date", "source"}. For orientation on
    # statements alone; without rates no other currency is offered.
    "display_rates": json.loads(env("WAGEFILE_DISPLAY_RATES", "[]")),
    "vat_rates": VAT_RATES,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env("DJANGO_LOG_LEVEL", "INFO")},
    # The SDK logs every call at INFO; what we need of a call stands in the outbox.
    "loggers": {"stripe": {"level": "WARNING"}},
}
