"""The death of a worker just before one of its effects, the same for all of them: nothing of ours survives it.

An effect is what outlives a worker: a commit of something written, a statement that writes and is its own transaction,
a request that may change something at Shopify, a mail. Whatever a worker does between two effects, dying there leaves
the same rows and the same shops behind; so a test that tries each effect has tried every moment.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest.mock import patch

from django.core.mail import EmailMessage
from django.db import connections
from requests import PreparedRequest
from requests.adapters import HTTPAdapter

from stores.shopify.client import is_read

WRITES = re.compile(r"\b(INSERT INTO|(?<!FOR )(?<!KEY )UPDATE|DELETE FROM|TRUNCATE|COPY)\b", re.IGNORECASE)


class Killed(BaseException):
    """The worker is dead: from here on it cannot say a word to its database, nor to Shopify."""


@dataclass
class Countdown:
    """Lets a number of effects pass, less one, and nothing after them; `seen` are those that passed."""

    left: int
    seen: int = 0
    _has_written: bool = field(default=False, init=False)  # in the transaction that is open

    @property
    def is_over(self) -> bool:
        return self.left <= 0

    def now(self) -> None:
        """Not one more word."""
        self.left = 0

    def _breathe(self) -> None:
        if self.is_over:
            raise Killed

    def _take_effect(self) -> None:
        self._breathe()
        self.left -= 1
        self._breathe()
        self.seen += 1

    def _execute(self, execute, sql, parameters, many, context):
        self._breathe()
        is_own_transaction = context["connection"].get_autocommit()
        if is_own_transaction:
            self._has_written = False
        if WRITES.search(str(sql)):
            if is_own_transaction:
                self._take_effect()
            else:
                self._has_written = True
        return execute(sql, parameters, many, context)

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Count what this thread tells the database, and what anybody tells Shopify."""
        db = connections["default"]
        commit, send, mail = db.commit, HTTPAdapter.send, EmailMessage.send

        def count_commit() -> None:
            try:
                self._take_effect() if self._has_written else self._breathe()
            except Killed:
                db.rollback()  # as its end does; Django turns autocommit on before it lets the death pass
                raise
            self._has_written = False
            commit()

        def count_request(adapter, request, **options):
            self._take_effect() if _may_change(request) else self._breathe()
            return send(adapter, request, **options)

        def count_mail(message, *options):
            self._take_effect()
            return mail(message, *options)

        with (
            db.execute_wrapper(self._execute),
            patch.object(db, "commit", count_commit),
            patch.object(HTTPAdapter, "send", count_request),
            patch.object(EmailMessage, "send", count_mail),
        ):
            yield


def _may_change(request: PreparedRequest) -> bool:
    if request.method in ("GET", "HEAD"):
        return False
    try:
        return not is_read(json.loads(request.body)["query"])
    except (TypeError, ValueError, KeyError):  # a file, a form
        return True
