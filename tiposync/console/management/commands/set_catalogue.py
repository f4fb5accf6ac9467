"""Choose what of its source's catalogue a connection follows, and show what is chosen."""

import argparse
from decimal import Decimal, InvalidOperation
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from stores import selecting, selection
from stores.clients import open_for_check
from stores.models import CatalogueField, CatalogueSettings, Connection, FieldPolicy, SyncMode
from stores.shopify.errors import ShopifyError
from stores.shopify.products import publications
from syncing.queue import enqueue
from tiposync.console.management.command import OperatorCommand
from tiposync.console.management.lookup import find_connection, name_of

EXPLANATION = """\
Without options it shows what is chosen. What is not named stays as it is; sync_catalogue then starts or previews it.

Examples:
  manage.py set_catalogue main.myshopify.com:eu.myshopify.com --products create_update --percent 10 --channels all
  manage.py set_catalogue 1 --collections create_update --pages on --blogs on --articles on
  manage.py set_catalogue 1 --field vendor=ignore --field tags=create_only --rounding nearest --step 1 --ending 0.99

Exit codes: 0 done; 1 refused; 2 wrong usage.
"""


SELECTIONS = ("all", "with_tags", "without_tags")


def decimal(text: str) -> Decimal:
    """A number as an option. Raises ArgumentTypeError."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise argparse.ArgumentTypeError(f"{text!r} is no number")
    return number


class Command(OperatorCommand):
    help = EXPLANATION

    def add_arguments(self, parser: CommandParser) -> None:
        modes, switch = SyncMode.values, ["on", "off"]
        parser.add_argument("connection", help="source:destination (their domains), or its number")
        parser.add_argument("--products", choices=modes, dest="product_mode")
        parser.add_argument("--collections", choices=modes, dest="collection_mode")
        for kind in ("pages", "blogs", "articles"):
            parser.add_argument(f"--{kind}", choices=switch, dest=f"syncs_{kind}")
        parser.add_argument("--select", choices=SELECTIONS, help="as connect_stores --select, by tags only")
        parser.add_argument("--tag", action="append", default=[], dest="tags", help="of --select; repeatable")
        parser.add_argument("--field", action="append", metavar="FIELD=POLICY", default=[], help="repeatable")
        parser.add_argument("--namespace", action="append", dest="metafield_namespaces", help="repeatable")
        parser.add_argument("--content-metafields", choices=switch, dest="syncs_content_metafields")
        parser.add_argument("--videos", choices=switch, dest="syncs_videos")
        parser.add_argument("--metaobjects", choices=modes, dest="metaobject_mode")
        parser.add_argument("--metaobject-types", choices=switch, dest="syncs_metaobject_types")
        parser.add_argument("--channels", help="all, none, or names separated by commas")
        parser.add_argument("--percent", type=decimal, dest="price_percent")
        parser.add_argument("--amount", type=decimal, dest="price_amount")
        parser.add_argument("--rate", type=decimal, dest="fixed_rate", help="a fixed currency rate")
        parser.add_argument("--rounding", choices=CatalogueSettings.Rounding.values)
        parser.add_argument("--step", type=decimal, dest="rounding_step")
        parser.add_argument("--ending", type=decimal, dest="rounding_ending")
        parser.add_argument("--edited", choices=CatalogueSettings.Edited.values)
        parser.add_argument("--unlink", choices=CatalogueSettings.Unlink.values)
        parser.add_argument("--visibility", choices=CatalogueSettings.Visibility.values)
        parser.add_argument("--own-variants", choices=CatalogueSettings.OwnVariants.values)

    def handle(self, *args: Any, **options: Any) -> None:
        connection = find_connection(options["connection"])
        settings = CatalogueSettings.objects.filter(connection=connection).first()
        settings = settings or CatalogueSettings(connection=connection)
        before = {field.attname: getattr(settings, field.attname) for field in settings._meta.fields}
        if options["select"]:
            _select(connection, options["select"], options["tags"])
        self._set(settings, options)
        after = {field.attname: getattr(settings, field.attname) for field in settings._meta.fields}
        if settings.pk is None or after != before:
            try:
                settings.full_clean()
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from None
            # Workers write cursors to the same row: only what is set here.
            changed = {name for name in after if after[name] != before[name]}
            settings.save(update_fields={*changed, "changed_at"} if settings.pk else None)
        self._print_settings(settings)

    def _set(self, settings: CatalogueSettings, options: dict[str, Any]) -> None:
        names = {field.attname for field in settings._meta.fields}
        for name in names & options.keys():
            if (value := options[name]) is not None:
                setattr(settings, name, value == "on" if name.startswith("syncs_") else value)
        policies = dict(settings.field_policies)
        for text in options["field"]:
            field, _, policy = text.partition("=")
            if field not in CatalogueField.values or policy not in FieldPolicy.values:
                known = f"{', '.join(CatalogueField.values)}; policies: {', '.join(FieldPolicy.values)}"
                raise CommandError(f"--field {text}: write FIELD=POLICY. Fields: {known}.", returncode=2)
            policies[field] = policy
        settings.field_policies = policies
        if options["channels"] is not None:
            settings.publication_gids = self._channels(settings.connection, options["channels"])

    def _channels(self, connection: Connection, text: str) -> list[str]:
        if text == "none":
            return []
        try:
            known = publications.list_publications(open_for_check(connection.destination))
        except ShopifyError as error:
            raise CommandError(str(error)) from None
        if text == "all":
            return [channel.gid for channel in known]
        by_name = {channel.name.strip().casefold(): channel.gid for channel in known}
        wanted = [name.strip().casefold() for name in text.split(",") if name.strip()]
        if unknown := [name for name in wanted if name not in by_name]:
            names = ", ".join(channel.name for channel in known)
            raise CommandError(f"{connection.destination} has no sales channel {unknown[0]}. It has: {names}.")
        return [by_name[name] for name in wanted]

    def _print_settings(self, settings: CatalogueSettings) -> None:
        self.stdout.write(f"{name_of(settings.connection)}:")
        rows = {
            "products": settings.get_product_mode_display(),
            "which": selection.describe(selecting.selection_of(settings.connection)),
            "prices": f"{settings.price_percent:+} %, {settings.price_amount:+}, "
            f"{settings.get_rate_kind_display().partition(':')[0].lower()} rate, {settings.get_rounding_display()}",
            "metafields": ", ".join(settings.metafield_namespaces)
            + (" (products only)" if settings.metafield_namespaces and not settings.syncs_content_metafields else ""),
            "videos": "follow with the images" if settings.syncs_videos else "do not follow",
            "channels": f"{len(settings.publication_gids)}",
            "on sale": settings.get_visibility_display(),
            "edited": settings.get_edited_display(),
            "unlink": settings.get_unlink_display(),
            "own variants": settings.get_own_variants_display(),
            "collections": settings.get_collection_mode_display(),
            "metaobjects": settings.get_metaobject_mode_display()
            + ("; their types follow" if settings.makes_metaobject_types else ""),
            "content": ", ".join(kind for kind in ("pages", "blogs", "articles") if getattr(settings, f"syncs_{kind}")),
            "started": f"{settings.started_at:%Y-%m-%d %H:%M}" if settings.started_at else "no",
        }
        for name, words in rows.items():
            self.stdout.write(f"  {name:<12} {words or 'none'}")
        for policy in (FieldPolicy.CREATE_ONLY, FieldPolicy.IGNORE):
            named = [field for field in CatalogueField.values if settings.policy_of(field) == policy]
            self.stdout.write(f"  {policy.value:<12} {', '.join(named) or 'none'}")


def _select(connection: Connection, kind: str, tags: list[str]) -> None:
    """Have the connection take all products, or by these tags; its other lists stay."""
    if kind != "all" and not tags:
        raise CommandError("--select: name at least one --tag, or choose all.")
    connection.selected_tags = tags if kind == "with_tags" else []
    connection.unselected_tags = tags if kind == "without_tags" else []
    try:
        connection.full_clean()
    except ValidationError as error:
        raise CommandError(" ".join(error.messages)) from None
    connection.save(update_fields=["selected_tags", "unselected_tags"])
    if connection.state == Connection.State.RUNNING:
        enqueue.carry_stock(connection)
