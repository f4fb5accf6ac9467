"""What the console itself keeps: the security keys that people sign in with, and how they like to see it."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django_otp.models import Device

LONGEST_NAME_CHARACTERS = 64  # as of every device


class SecurityKey(Device):
    """A security key (WebAuthn) of a user: its public half, which proves that the other one signed."""

    # base64url; at most 1,023 bytes by WebAuthn. Of all users: nobody registers somebody else's.
    credential_id = models.CharField(max_length=1400, unique=True)
    public_key = models.BinaryField()
    sign_count = models.BigIntegerField(default=0)  # what it counted last; keys that are copied on purpose stay at 0
    transports = models.JSONField(default=list)  # how the browser reached it: a hint for the next time
    last_challenge = models.CharField(max_length=100, default="", blank=True)  # so that no answer counts twice
    created_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()  # everybody has their own, and nobody those of others


class Preferences(models.Model):
    """How a user likes to see the console."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="preferences")
    time_zone = models.CharField(max_length=64, blank=True, help_text="By IANA's name; blank: the installation's.")

    class Meta:
        verbose_name_plural = "preferences"
        default_permissions = ()  # everybody has their own

    def __str__(self) -> str:
        return f"Preferences of {self.user}"


class KeptPreview(models.Model):
    """What a user's preview found: for an hour, so that sorting it or taking it out asks no store again."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    subject = models.CharField(max_length=100)
    made_at = models.DateTimeField(default=timezone.now)
    rows = models.JSONField(default=list)

    class Meta:
        default_permissions = ()  # whoever may preview sees their own
        constraints = [models.UniqueConstraint(fields=["user", "subject"], name="preview_kept_once")]

    def __str__(self) -> str:
        return f"Preview of {self.subject} for {self.user}"
