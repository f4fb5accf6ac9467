"""Add a store, or change the credentials of one, and check it."""

import getpass
import os
import sys
import time
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser
from django.urls import reverse

from stores import installing
from stores.models import Store
from stores.models.fields import Unreadable
from stores.shopify.admin_pages import domain_in
from syncing.upkeep import store_check
from tiposync.console.management.command import OperatorCommand
from tiposync.console.management.lookup import find_store

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
  --client-id and --client-secret (or --same-app-as STORE); the token is fetched and renewed by itself;
or, for a store of any other organisation, of an app that is installed from Shopify:
  the same with --install: the address of the page is printed on which somebody presses "Connect", and then "Install"
  on Shopify's page. --wait 10 waits so many minutes for that, and then checks the store; without it, run
  add_store DOMAIN afterwards. The app's version must have the redirect URL that is printed;
or of an older custom app made in the store's admin:
  --token (it starts with shpat_) and --webhook-secret (the app's "API secret key", which signs webhooks).

Secrets on a command line can be seen by others on this machine. Give them as environment variables instead
  (TIPOSYNC_CLIENT_ID, TIPOSYNC_CLIENT_SECRET, TIPOSYNC_TOKEN, TIPOSYNC_WEBHOOK_SECRET),
or give "-" as the value: it is asked for, or read from standard input, one line for each in the order above.

Examples:
  manage.py add_store my-store.myshopify.com --role source --client-id 4f7a… --client-secret -
  manage.py add_store admin.shopify.com/store/other-store --role destination --same-app-as my-store --install --wait 10

Exit codes: 0 stored and everything is in place (with --install: stored); 1 refused, nothing was stored; 2 wrong usage;
3 stored, but the check found something that needs attention.
"""


class Command(OperatorCommand):
    help = EXPLANATION

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("domain", help="such as my-store.myshopify.com; or the address of the store's admin")
        parser.add_argument("--role", choices=Store.Role.values, help="needed for a new store; a store is never both")
        parser.add_argument("--name", help="how your team calls it (default: its name at Shopify)")
        parser.add_argument("--client-id", help="of the Dev Dashboard app")
        parser.add_argument("--client-secret", help='of the Dev Dashboard app; "-" asks for it')
        parser.add_argument("--token", help='fixed Admin API token; "-" asks for it')
        parser.add_argument("--webhook-secret", help='API secret key of the app with the fixed token; "-" asks for it')
        parser.add_argument("--same-app-as", metavar="STORE", help="take client id and secret of a store that is known")
        parser.add_argument("--install", action="store_true", help="a store of any organisation: install from Shopify")
        parser.add_argument("--wait", type=float, metavar="MINUTES", help="with --install: until it is connected")
        parser.add_argument("--no-check", action="store_true", help="only store it; nothing is asked of Shopify")

    def handle(self, *args: Any, **options: Any) -> None:
        store, is_new = self._store(options)
        self.stdout.write(f"{store.domain} was {'added' if is_new else 'updated'} as a {store.role}.")
        if options["no_check"]:
            return
        if options["install"] or not store.is_connected:
            self._lead(store)
            if not options["wait"]:
                return
            self._wait(store, options["wait"])
        report = store_check.check_store(store)
        for finding in report.findings:
            self.stdout.write(f"  {'ok ' if finding.ok else 'NO '} {finding.name}: {finding.message}")
        if not report.ok:
            raise CommandError("Stored, but not everything is in place; see the lines with NO above.", returncode=3)
        self.stdout.write("Everything is in place.")

    def _lead(self, store: Store) -> None:
        """Say where to go on: only the console knows who will come back from Shopify."""
        if not settings.PUBLIC_URL:
            raise CommandError("Stored; but PUBLIC_URL is not set, so Shopify cannot lead back. Set it.", returncode=3)
        page = settings.PUBLIC_URL.rstrip("/") + reverse("admin:stores_store_change", args=[store.pk])
        self.stdout.write(f"Redirect URL of the app: {installing.redirect_url()}")
        self.stdout.write(f"Open {page}")
        self.stdout.write("and press “Connect”; on Shopify's page press “Install”.")
        self.stdout.write(f"Then: manage.py add_store {store.domain}")

    def _wait(self, store: Store, minutes: float) -> None:
        began, before = time.monotonic(), store.token_obtained_at
        self.stdout.write(f"Waiting for it, {minutes:g} minutes at most …")
        self.stdout.flush()
        while not store.is_connected or store.token_obtained_at == before:
            if time.monotonic() - began > 60 * minutes:
                raise CommandError("Stored, but nobody has connected it yet.", returncode=3)
            time.sleep(1)
            store.refresh_from_db()

    def _store(self, options: dict[str, Any]) -> tuple[Store, bool]:
        domain = domain_in(options["domain"])
        given = {name: _value(name, options[name]) for name in VARIABLES} | _app_of(options["same_app_as"])
        store = Store.objects.filter(domain=domain).first()
        is_new = store is None
        if store is None:
            if not options["role"]:
                raise CommandError("A new store needs --role source or --role destination.")
            store = Store(domain=domain)
        more = {name: options[name] for name in ("role", "name") if options[name]}
        if options["install"]:
            more["auth"] = Store.Auth.INSTALLED
        changed = _fill(store, given, more)
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


def _app_of(text: str | None) -> dict[str, str]:
    """Client id and secret of another store's app."""
    if not text:
        return {}
    other = find_store(text)
    if other.auth == Store.Auth.STATIC_TOKEN or isinstance(other.client_secret, Unreadable):
        raise CommandError(f"{other.domain} has no app whose client id and secret could be taken. Give them.")
    return {"client_id": other.client_id, "client_secret": other.client_secret}


def _worth_keeping(secret: str) -> str:
    """The secret that was valid until now; '' if nobody can read it any more."""
    return "" if isinstance(secret, Unreadable) else secret


def _fill(store: Store, given: dict[str, str], more: dict[str, str]) -> set[str]:
    """Set what is given and return the names of the fields that changed."""
    if given["token"] and more.get("auth") == Store.Auth.INSTALLED:
        raise CommandError("--install needs the app's --client-id and --client-secret, not a --token.")
    if given["token"] and (given["client_id"] or given["client_secret"]):
        raise CommandError("Give either --client-id and --client-secret, or --token and --webhook-secret; not both.")
    values: dict[str, Any] = dict(more)
    if given["token"]:
        values |= {"auth": Store.Auth.STATIC_TOKEN, "access_token": given["token"], "client_id": ""}
    elif given["client_id"]:
        is_installed = values.get("auth", store.auth) == Store.Auth.INSTALLED
        values |= {"auth": Store.Auth.INSTALLED if is_installed else Store.Auth.CLIENT_CREDENTIALS}
        values |= {"client_id": given["client_id"]}
    secret = given["client_secret"] or given["webhook_secret"]
    if secret and secret != store.client_secret:
        # Shopify signs with the old secret for up to an hour after a rotation.
        values |= {"client_secret": secret, "previous_client_secret": _worth_keeping(store.client_secret)}
    changed = {name for name, value in values.items() if getattr(store, name) != value}
    if "client_id" in changed and values.get("auth") != Store.Auth.STATIC_TOKEN:
        # Of another app.
        nothing = {"access_token": "", "refresh_token": "", "refresh_expires_at": None}
        nothing |= {"token_obtained_at": None, "token_expires_at": None}
        values |= nothing
        changed |= {*nothing}
    for name, value in values.items():
        setattr(store, name, value)
    return changed
