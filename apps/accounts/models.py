"""People: the user who signs in, the contributor's profile and the credentials they show."""

from importlib import import_module

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

from apps.accounts.enums import AgeBand, CredentialState, Gender, WorldRegion
from apps.accounts.rules import Section, sections
from apps.core.ids import uuid7
from apps.core.models import Row
from apps.core.tenancy import Actor


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        return self.create_user(email, password, is_staff=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """Signs in with an e-mail address. `is_staff` is an administrator of the platform."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120, blank=True)
    is_staff = models.BooleanField(default=False)
    is_active = models.BooleanField(default=True)
    is_simulated = models.BooleanField(default=False)
    # IANA name; empty until a browser has told one. Chosen ones are not overruled by a browser.
    time_zone = models.CharField(max_length=64, blank=True)
    is_zone_chosen = models.BooleanField(default=False)
    date_joined = models.DateTimeField(auto_now_add=True)
    # Every request asks these two, so PostgreSQL keeps them here (sql/known.sql, and membership.sql
    # of organizations): whether this person was ever made a member of an organization, and the
    # latest version of the terms that they accepted.
    is_member = models.BooleanField(default=False, editable=False)
    terms_number = models.PositiveIntegerField(default=0, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        indexes = [
            # The administrators' list, by either.
            models.Index(fields=["date_joined", "id"], name="user_since"),
            models.Index(fields=["name", "id"], name="user_by_name"),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name or self.email.split("@")[0]


class Session(AbstractBaseSession):
    """Django's, and whose it is, so that one statement reads the session and its person."""

    user = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="+")

    @classmethod
    def get_session_store_class(cls) -> type:
        # By its name: the store needs this model.
        return import_module(settings.SESSION_ENGINE).SessionStore


class ProfileQuerySet(models.QuerySet["ContributorProfile"]):
    def visible_to(self, actor: Actor) -> "ProfileQuerySet":
        return self if actor.is_staff else self.filter(user_id=actor.user_id)


class ContributorProfile(models.Model):
    """What decides which offers are open to a person. No birth date, identity, tax or bank data."""

    user = models.OneToOneField(
        User, on_delete=models.CASCADE, primary_key=True, related_name="profile"
    )
    region = models.CharField(max_length=2, help_text="ISO 3166 country")
    languages = ArrayField(models.CharField(max_length=8), default=list)
    adult_confirmed_at = models.DateTimeField()
    # Deactivation stops new claims; money stays payable in every state.
    deactivated_at = models.DateTimeField(null=True)
    deactivation_notice_until = models.DateTimeField(null=True)

    objects = ProfileQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.user_id} ({self.region})"


class DescriptionQuerySet(models.QuerySet["Description"]):
    def visible_to(self, actor: Actor) -> "DescriptionQuerySet":
        return self.filter(user_id=actor.user_id) if actor.kind == "person" else self.none()


class Description(models.Model):
    """What a person says of themselves, if they like; all of it may be empty, and it may go again.

    No page but their own reads it, nothing is decided by it, and staff does not see it. Errors are
    counted by it in cells of at least ten people, through sql/descriptions.sql alone.
    """

    user = models.OneToOneField(
        User, on_delete=models.CASCADE, primary_key=True, related_name="description"
    )
    age_band = models.CharField(max_length=8, choices=AgeBand, blank=True)
    world_region = models.CharField(max_length=20, choices=WorldRegion, blank=True)
    first_language = models.CharField(max_length=8, blank=True)
    gender = models.CharField(max_length=12, choices=Gender, blank=True)
    saved_at = models.DateTimeField()

    objects = DescriptionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="description_says_something",
                condition=~models.Q(age_band="", world_region="", first_language="", gender=""),
            ),
        ]

    def __str__(self) -> str:
        # Not what it says: this may stand in a log.
        return f"description of {self.user_id}"


class CredentialQuerySet(models.QuerySet["Credential"]):
    def visible_to(self, actor: Actor) -> "CredentialQuerySet":
        return self if actor.is_staff else self.filter(user_id=actor.user_id)


class Credential(Row):
    """A claim such as a licence, verified by a named person before it opens a qualification."""

    State = CredentialState

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="credentials")
    kind = models.SlugField(max_length=40)
    statement = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State, default=State.SUBMITTED)
    created_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")
    decision_note = models.CharField(max_length=300, blank=True)

    objects = CredentialQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "kind"], name="credential_once_per_kind"),
            models.CheckConstraint(
                name="credential_decided_by_somebody",
                condition=models.Q(state="submitted", decided_at=None, decided_by=None)
                | models.Q(decided_at__isnull=False, decided_by__isnull=False)
                & ~models.Q(state="submitted"),
            ),
        ]


class TermsVersion(Row):
    """One published text of the terms; read by everybody, never changed."""

    number = models.PositiveIntegerField(unique=True)
    body = models.TextField(help_text="Paragraphs, and headings that begin with ##")
    body_hash = models.CharField(max_length=64, help_text="SHA-256 of the body")
    summary = models.CharField(max_length=500, help_text="What changed, in one or two sentences")
    published_at = models.DateTimeField()
    effective_at = models.DateTimeField()
    published_by = models.ForeignKey(User, null=True, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"Terms, version {self.number}"

    def sections(self) -> list[Section]:
        return sections(self.body)


class TermsAcceptanceQuerySet(models.QuerySet["TermsAcceptance"]):
    def visible_to(self, actor: Actor) -> "TermsAcceptanceQuerySet":
        return self if actor.is_staff else self.filter(user_id=actor.user_id)


class TermsAcceptance(Row):
    """A person has accepted a version; the row stays."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="acceptances")
    version = models.ForeignKey(TermsVersion, on_delete=models.PROTECT, related_name="+")
    accepted_at = models.DateTimeField()

    objects = TermsAcceptanceQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "version"], name="terms_accepted_once"),
        ]
