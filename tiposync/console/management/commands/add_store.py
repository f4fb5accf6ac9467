"""Add a store, or change the credentials of one, and check it."""

import getpass
import os
import sys
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from stores.models import Store
from stores.models.fields import Unreadable
from syncing.upkeep import store_check
from tiposync.console.management.command import OperatorCommand
from tiposync.console.management.lookup import clean_domain

VARIABLES = {
    "client_id": "TIPOSYNC_CLIENT_ID",
    "client_secret": "TIPOSYNC_CLIENT_SECRET",
    "token": "TIPOSYNC_TOKEN",
    "webhook_secret": "TIPOSYNC_WEBHOOK_SECRET",
}

EXPLANATION = """\
Adds a Shopify store, or changes an existing one: what is not given stays as it is. Then checks it: credentials, API
version, scopes, currency, locations; and makes the webhook subscriptions.

Credentials are those of a Dev Dashboard app of the store's organisation, installed on the store:
  --client-id and --client-secret; the token is fetched and renewed by itself;
or of an older custom app made in the store's admin:
  --token (it starts with shpat_) and --webhook-secret (the app's "API secret key", which signs webhooks).

Secrets on a command line can be seen by others on this machine. Give them as environment variables instead
  (TIPOSYNC_CLIENT_ID, TIPOSYNC_CLIENT_SECRET, TIPOSYNC_TOKEN, TIPOSYNC_WEBHOOK_SECRET),
or give "-" as the value: it is asked for, or read from standard input, one line for each in the order above.

Example:
  manage.py add_store my-store.myshopify.com --role source --client-id 4f7a… --client-secret -

Exit codes: 0 stored and everything is in place; 1 refused, nothing was stored; 2 wrong usage;
3 stored, but the check found something that needs attention.
"""


class Command(OperatorCommand):
    help = EXPLANATION

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("domain", help="the permanent name, such as my-store.myshopify.com")
        parser.add_argument("--role", choices=Store.Role.values, help="needed for a new store; a store is never both")
        parser.add_argument("--name", help="how your team calls it (default: its name at Shopify)")
        parser.add_argument("--client-id", help="of the Dev Dashboard app")
        parser.add_argument("--client-secret", help='of the Dev Dashboard app; "-" asks for it')
        parser.add_argument("--token", help='fixed Admin API token; "-" asks for it')
        parser.add_argument("--webhook-secret", help='API secret key of the app with the fixed token; "-" asks for it')
        parser.add_argument("--no-check", action="store_true", help="only store it; nothing is asked of Shopify")

    def handle(self, *args: Any, **options: Any) -> None:
        store, is_new = self._store(options)
        self.stdout.write(f"{store.domain} was {'added' if is_new else 'updated'} as a {store.role}.")
        if options["no_check"]:
            return
        report = store_check.check_store(store)
        for finding in report.findings:
            self.stdout.write(f"  {'ok ' if finding.ok else 'NO '} {finding.name}: {finding.message}")
        if not report.ok:
            raise CommandError("Stored, but not everything is in place; see the lines with NO above.", returncode=3)
        self.stdout.write("Everything is in place.")

    def _store(self, options: dict[str, Any]) -> tuple[Store, bool]:
        domain = clean_domain(options["domain"])
        given = {name: _value(name, options[name]) for name in VARIABLES}
        store = Store.objects.filter(domain=domain).first()
        is_new = store is None
        if store is None:
            if not options["role"]:
                raise CommandError("A new store needs --role source or --role destination.")
            store = Store(domain=domain)
        changed = _fill(store, given, {name: options[name] for name in ("role", "name") if options[name]})
        try:
            store.full_clean(exclude=["access_token"])
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        store.save(update_fields=None if is_new else sorted(changed))
        return store, is_new


def _value(name: str, given: str | None) -> str:
    """The given value, what is typed or piped in for "-", or the environment's; '' for none."""
    if given == "-":
        asked = getpass.getpass(f"{name.replace('_', ' ')}: ") if sys.stdin.isatty() else sys.stdin.readline()
        if not asked.strip():
            raise CommandError(f"--{name.replace('_', '-')} -: nothing was given on standard input.")
        return asked.strip()
    return (given or os.environ.get(VARIABLES[name], "")).strip()


def _worth_keeping(secret: str) -> str:
    """The secret that was valid until now; '' if nobody can read it any more."""
    return "" if isinstance(secret, Unreadable) else secret


def _fill(store: Store, given: dict[str, str], more: dict[str, str]) -> set[str]:
    """Set what is given and return the names of the fields that changed."""
    if given["token"] and (given["client_id"] or given["client_secret"]):
        raise CommandError("Give either --client-id and --client-secret, or --token and --webhook-secret; not both.")
    values: dict[str, Any] = dict(more)
    if given["token"]:
        values |= {"auth": Store.Auth.STATIC_TOKEN, "access_token": given["token"], "client_id": ""}
    elif given["client_id"]:
        values |= {"auth": Store.Auth.CLIENT_CREDENTIALS, "client_id": given["client_id"]}
    secret = given["client_secret"] or given["webhook_secret"]
    if secret and secret != store.client_secret:
        # Shopify signs with the old secret for up to an hour after a rotation.
        values |= {"client_secret": secret, "previous_client_secret": _worth_keeping(store.client_secret)}
    changed = {name for name, value in values.items() if getattr(store, name) != value}
    if "client_id" in changed and values.get("auth") == Store.Auth.CLIENT_CREDENTIALS:
        values |= {"access_token": "", "token_obtained_at": None, "token_expires_at": None}  # of another app
        changed |= {"access_token", "token_obtained_at", "token_expires_at"}
    for name, value in values.items():
        setattr(store, name, value)
    return changed
