"""Mails as files (EMAIL_URL=filemail://…), which nobody but the service's own user reads: they tell of orders."""

import os

from django.core.mail.backends import filebased

OWNER_ONLY_BITS = 0o600


class EmailBackend(filebased.EmailBackend):
    """Django's, with files of our own alone."""

    def open(self) -> bool:
        if self.stream is not None:
            return False
        self.stream = open(self._get_filename(), "ab", opener=_open_private)  # noqa: SIM115  Django's close() ends it
        return True


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, OWNER_ONLY_BITS)
