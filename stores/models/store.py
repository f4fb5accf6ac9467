"""A Shopify store, its credentials and its locations; the global switch; and what is known of a pause."""

from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

from stores.models.fields import EncryptedTextField, Unreadable, check_texts, usable
from stores.shopify.admin_pages import page_url

# Shopify's own rule for the name (shopify.md 6).
DOMAIN_PATTERN = r"\A[a-z0-9][a-z0-9\-]*\.myshopify\.com\Z"


class Strategy(models.TextChoices):
    """What travels along a connection."""

    ONE_WAY = "one_way", "One-way: the destination follows the source"
    TWO_WAY = "two_way", "Two-way: a change in either store reaches the other"
    DRAFT_ORDER = "draft_order", "Draft order + one-way: a destination's order becomes a draft in the source"
    ORDER = "order", "Order + one-way: a destination's order becomes an order in the source"


class PauseFields(models.Model):
    """What is known of a pause, while it lasts (syncing.connections.pausing begins and ends them)."""

    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    paused_by = models.CharField(max_length=150, blank=True, default="", db_default="", editable=False)
    paused_until = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="It resumes by itself then. Empty: when somebody resumes it."
    )

    class Meta:
        abstract = True


class ReasonedPauseFields(PauseFields):
    """The same, with the reason."""

    pause_reason = models.CharField(max_length=255, blank=True, default="", db_default="", editable=False)

    class Meta:
        abstract = True


class Store(ReasonedPauseFields):
    """One Shopify store. `domain` is its permanent myshopify.com name."""

    class Role(models.TextChoices):
        SOURCE = "source", "Source"
        DESTINATION = "destination", "Destination"

    class Auth(models.TextChoices):
        CLIENT_CREDENTIALS = "client_credentials", "Dev Dashboard app (client id and secret)"
        INSTALLED = "installed", "Install from Shopify (store of another organisation)"
        STATIC_TOKEN = "static_token", "Fixed Admin API token"

    class Status(models.TextChoices):
        NEW = "new", "Not checked yet"
        READY = "ready", "Ready"
        ATTENTION = "attention", "Needs attention"
        DISCONNECTED = "disconnected", "Disconnected"

    class Acceptance(models.TextChoices):
        AUTO = "auto", "Auto-accept new connections"
        MODERATION = "moderation", "Moderation: a new connection waits for approval"

    class CollectionSharing(models.TextChoices):
        NONE = "none", "None"
        ALL = "all", "All"
        CHOSEN = "chosen", "Only the chosen ones"

    domain = models.CharField(
        max_length=255,
        unique=True,
        validators=[RegexValidator(DOMAIN_PATTERN, "Enter the store's permanent name, like my-store.myshopify.com.")],
        help_text="The store's permanent name, like my-store.myshopify.com (Shopify admin: Settings, Domains).",
    )
    name = models.CharField(
        max_length=255, blank=True, help_text="How your team calls it. Default: its name at Shopify."
    )
    role = models.CharField(
        max_length=12,
        choices=Role.choices,
        help_text="A source controls, a destination follows. A store is never both.",
    )
    auth = models.CharField("credentials", max_length=20, choices=Auth.choices, default=Auth.CLIENT_CREDENTIALS)
    client_id = models.CharField(max_length=255, blank=True)
    client_secret = EncryptedTextField(blank=True, help_text="Signs webhooks, too. Kept encrypted, never shown again.")
    previous_client_secret = EncryptedTextField(
        blank=True,
        help_text="During a rotation Shopify signs with the old secret for up to an hour: both are accepted.",
    )
    access_token = EncryptedTextField(blank=True)
    token_obtained_at = models.DateTimeField(null=True, blank=True, editable=False)
    token_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Of an app that was installed from Shopify: what the next token is asked for with (stores.clients.StoreTokens).
    refresh_token = EncryptedTextField(blank=True, default="", db_default="", editable=False)
    refresh_expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Who was led to Shopify's authorization page, in which session: a digest, until it is used (stores.installing).
    install_digest = models.CharField(max_length=64, blank=True, default="", db_default="", editable=False)
    install_began_at = models.DateTimeField(null=True, blank=True, editable=False)
    scopes = models.JSONField(default=list, blank=True, editable=False)
    currency = models.CharField(max_length=3, blank=True, editable=False)
    is_paused = models.BooleanField("paused", default=False, help_text="Nothing is read from or written to this store.")
    status = models.CharField(max_length=14, choices=Status.choices, default=Status.NEW, editable=False)
    status_reason = models.TextField(blank=True, editable=False)
    acceptance = models.CharField(
        max_length=12, choices=Acceptance.choices, default=Acceptance.AUTO, help_text="Matters for a source only."
    )
    default_strategy = models.CharField(
        max_length=12,
        choices=Strategy.choices,
        default=Strategy.ONE_WAY,
        help_text="What a new connection starts with.",
    )
    shares_products = models.BooleanField(
        "shares its products",
        default=True,
        help_text="Matters for a source only. What it does not share is not synced, stock included.",
    )
    share_tags = models.JSONField(
        "shares only products with a tag of",
        default=list,
        blank=True,
        validators=[check_texts],
        help_text="Any of these tags will do, case does not matter. None: all products.",
    )
    share_collection_gids = models.JSONField(
        "shares only products in a collection of",
        default=list,
        db_default=[],
        blank=True,
        validators=[check_texts],
        help_text="In any of these collections. None: whatever they are in.",
    )
    shares_collections = models.CharField(
        "shares its collections",
        max_length=6,
        choices=CollectionSharing.choices,
        default=CollectionSharing.ALL,
        help_text="Matters for a source only.",
    )
    shared_collection_gids = models.JSONField(
        "shared collections", default=list, blank=True, validators=[check_texts], help_text="Ids at Shopify."
    )
    checked_at = models.DateTimeField(null=True, blank=True, editable=False)
    check_report = models.JSONField(default=dict, blank=True, editable=False)
    # Shopify's leaky bucket as last seen, shared by all workers (stores.clients). One row, updated in place.
    bucket_maximum = models.FloatField(default=1000, editable=False)
    bucket_available = models.FloatField(default=1000, editable=False)
    bucket_restore_rate = models.FloatField(default=50, editable=False)
    bucket_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Shopify's clock as an answer told it lately, and how far ours was ahead of it then (stores.clients.StoreClock).
    answered_at = models.DateTimeField(null=True, blank=True, editable=False)
    clock_difference = models.DurationField(default=timedelta(0), db_default=timedelta(0), editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["role", "domain"]
        permissions = [("enter_credentials", "Can enter a store's credentials")]
        constraints = [
            models.CheckConstraint(
                condition=Q(auth="static_token", access_token__gt="")
                | Q(auth__in=("client_credentials", "installed"), client_id__gt=""),
                name="store_has_credentials",
            )
        ]

    def __str__(self) -> str:
        return self.name or self.domain

    @property
    def is_source(self) -> bool:
        return self.role == self.Role.SOURCE

    def page_in_shopify(self, gid: str = "", product_gid: str = "") -> str:
        """The address in Shopify's admin of this store, or of something of it (see page_url). Raises GidError.

        In the demo it is one of the simulator's pages.
        """
        return page_url(self.domain, gid, product_gid, served_at=settings.SHOPIFY_BASE_URL)

    def now(self) -> datetime:
        """Shopify's time, as far as it is known without asking: ours, less what it was ahead at the last answer."""
        return timezone.now() - self.clock_difference

    def webhook_secrets(self) -> list[str]:
        """The secrets a delivery of this store may be signed with: the current one first.

        Raises ImproperlyConfigured if that one cannot be decrypted.
        """
        previous = "" if isinstance(self.previous_client_secret, Unreadable) else self.previous_client_secret
        return [secret for secret in (usable(self.client_secret), previous) if secret]

    @property
    def is_readable(self) -> bool:
        """Whether the credentials that its requests need can be decrypted."""
        if self.auth == self.Auth.STATIC_TOKEN:
            return not isinstance(self.access_token, Unreadable)
        is_installed = self.auth == self.Auth.INSTALLED
        needed = [self.client_secret, self.refresh_token] if is_installed else [self.client_secret]
        return not any(isinstance(secret, Unreadable) for secret in needed)

    @property
    def is_connected(self) -> bool:
        """Whether there are credentials to ask with; an app that is to be installed from Shopify has none before."""
        return self.auth != self.Auth.INSTALLED or bool(self.refresh_token or self.access_token)

    def clean(self) -> None:
        if self.domain:
            self.domain = self.domain.strip().lower()
        if self.auth != self.Auth.STATIC_TOKEN and not (self.client_id and self.client_secret):
            raise ValidationError("A Dev Dashboard app needs its client id and its client secret.")
        if self.auth == self.Auth.STATIC_TOKEN and not self.access_token:
            raise ValidationError({"access_token": "Paste the app's Admin API token (it starts with shpat_)."})
        if self.pk:
            self._refuse_role_change()

    def _refuse_role_change(self) -> None:
        before = Store.objects.filter(pk=self.pk).values_list("role", flat=True).first()
        if before and before != self.role and (self.as_source.exists() or self.as_destination.exists()):
            raise ValidationError({"role": "This store has connections: remove them before changing its role."})


class Location(models.Model):
    """A place where a store keeps stock."""

    store = models.ForeignKey(Store, on_delete=models.CASCADE, related_name="locations")
    gid = models.CharField(max_length=64)
    name = models.CharField(max_length=255)
    is_active = models.BooleanField(default=True)
    is_fulfillment_service = models.BooleanField(default=False)

    class Meta:
        ordering = ["store", "name"]
        constraints = [models.UniqueConstraint(fields=["store", "gid"], name="location_once_per_store")]

    def __str__(self) -> str:
        return f"{self.name} ({self.store})"


class SyncSwitch(PauseFields):
    """The global switch: one row. Stopped means inert: events are recorded, nothing is read or written."""

    is_stopped = models.BooleanField("stopped", default=False)
    reason = models.CharField(max_length=255, blank=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "pause of all syncing"
        verbose_name_plural = "pause of all syncing"
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="one_switch")]

    def __str__(self) -> str:
        return "All syncing is paused" if self.is_stopped else "Syncing is on"

    @property
    def is_paused(self) -> bool:
        """As stores and connections say it."""
        return self.is_stopped

    @classmethod
    def load(cls) -> "SyncSwitch":
        """The switch, made on first use."""
        return cls.objects.get_or_create(pk=1)[0]
