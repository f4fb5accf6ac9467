"""A text column that is encrypted at rest, and the check of a column that holds a list of texts."""

import base64
import functools
import hashlib
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import FieldError, ImproperlyConfigured, ValidationError
from django.db import models
from django.db.models import Lookup

from stores import redaction

LOST_KEY = (
    "A stored credential cannot be decrypted: its key is missing from CREDENTIAL_KEYS. "
    "Put the key that was used before back, behind the current one, or enter the credential anew."
)
CIPHERTEXT = "encrypted:"  # before what stands in a dump


@functools.lru_cache(maxsize=4)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    if not keys:
        raise ImproperlyConfigured("CREDENTIAL_KEYS is not set: credentials cannot be encrypted. See .env.example.")
    # Any text serves as a key: Fernet wants 32 bytes, which its SHA-256 is.
    return MultiFernet([Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in keys])


@functools.lru_cache(maxsize=256)
def _decrypted(keys: tuple[str, ...], ciphertext: str) -> str:
    """Each job loads its stores; what they hold seldom changes, and is known to this process anyway (redaction)."""
    return _cipher(keys).decrypt(ciphertext.encode()).decode()


def encrypt_anew(ciphertext: str) -> str:
    """The same secret, encrypted with the first key. Raises ImproperlyConfigured where no key decrypts it."""
    try:
        return _cipher(tuple(settings.CREDENTIAL_KEYS)).rotate(ciphertext.encode()).decode()
    except InvalidToken:
        raise ImproperlyConfigured(LOST_KEY) from None


def is_encrypted_with_first_key(ciphertext: str) -> bool:
    """Whether no older key is needed. Raises ImproperlyConfigured where no key decrypts it."""
    try:
        _cipher(tuple(settings.CREDENTIAL_KEYS[:1])).decrypt(ciphertext.encode())
    except InvalidToken:
        encrypt_anew(ciphertext)
        return False
    return True


class Unreadable(str):
    """Stands for a secret whose key is lost: pages and commands show what else there is. `usable` refuses it."""

    ciphertext: str

    def __new__(cls, ciphertext: str) -> "Unreadable":
        made = super().__new__(cls, "cannot be decrypted")
        made.ciphertext = ciphertext
        return made

    def __getnewargs__(self) -> tuple[str]:
        return (self.ciphertext,)


def usable(secret: str) -> str:
    """The secret. Raises ImproperlyConfigured if its key is lost."""
    if isinstance(secret, Unreadable):
        raise ImproperlyConfigured(LOST_KEY)
    return secret


@functools.cache
def _of_emptiness(lookup: type[Lookup]) -> type[Lookup]:
    """The same lookup, for nothing but '' and null."""

    def get_prep_lookup(self: Lookup) -> object:
        if self.rhs is None or isinstance(self.rhs, bool) or self.rhs == "":
            return lookup.get_prep_lookup(self)
        raise FieldError("An encrypted column cannot be searched.")

    return type(lookup.__name__, (lookup,), {"get_prep_lookup": get_prep_lookup})


class EncryptedTextField(models.TextField):
    """Text, encrypted with the first of CREDENTIAL_KEYS, readable with any of them; never empty ciphertext for ''.

    Nothing is found by it: a query may only ask whether it is empty. Each encryption of a text differs, and what a
    stranger looks for must neither be taken for a secret nor cost an encryption.

    What no configured key decrypts is read as Unreadable, and saved again as it was.
    """

    def get_lookup(self, lookup_name: str) -> type[Lookup] | None:
        found = super().get_lookup(lookup_name)
        return None if found is None else _of_emptiness(found)  # type: ignore[arg-type]  # by the stubs a class has no hash

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if isinstance(value, str) and not isinstance(value, Unreadable):
            redaction.know(value)
        return super().get_db_prep_save(value, connection)

    def get_prep_value(self, value: Any) -> str | None:
        if isinstance(value, Unreadable):
            return value.ciphertext
        value = super().get_prep_value(value)
        return _cipher(tuple(settings.CREDENTIAL_KEYS)).encrypt(value.encode()).decode() if value else value

    def from_db_value(self, value: str | None, expression: object, connection: object) -> str | None:
        if not value:
            return value
        try:
            secret = _decrypted(tuple(settings.CREDENTIAL_KEYS), value)
        except InvalidToken:
            return Unreadable(value)
        redaction.know(secret)
        return secret

    def value_to_string(self, obj: models.Model) -> str:
        """What `dumpdata` writes: the ciphertext, marked as such, for `to_python` to read back."""
        value = self.value_from_object(obj)
        return f"{CIPHERTEXT}{self.get_prep_value(value)}" if value else ""

    def to_python(self, value: object) -> object:
        if isinstance(value, str) and value.startswith(CIPHERTEXT):
            return self.from_db_value(value.removeprefix(CIPHERTEXT), None, None)
        return super().to_python(value)


MOST_TEXTS = 250  # as many tags as Shopify lets a product have


def check_texts(value: object) -> None:
    """Raise ValidationError unless it is a list of texts that are not blank."""
    if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
        raise ValidationError("Enter a list of texts, none of them empty.")
    if len(value) > MOST_TEXTS:
        raise ValidationError(f"At most {MOST_TEXTS} of them.")
