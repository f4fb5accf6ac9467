"""Triggers that record every change of the configuration with its author, and who that author is.

A trigger sees what no hook of the ORM does: `QuerySet.update`, commands, SQL typed by hand. It costs microseconds on
tables that hardly change.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.db import connection as db

AUTHOR = "tiposync.author"  # a setting of the database session
MOST_CHARACTERS = 150


@dataclass(frozen=True)
class Watched:
    """A table of the configuration: columns that workers write, columns never shown, and what names a row."""

    table: str
    ignored: tuple[str, ...] = ()
    secret: tuple[str, ...] = ()
    name: str = ""


# Of a pause: when it began and by whom stands beside every change.
PAUSED = ("paused_at", "paused_by")
# Whoever adds a table that an operator edits adds it here; `manage.py upsert_roles` (each release) sets the triggers.
WATCHED = (
    Watched(
        "stores_store",
        (
            *("status", "status_reason", "checked_at", "check_report", "scopes", "currency", "token_obtained_at"),
            *("token_expires_at", "bucket_maximum", "bucket_available", "bucket_restore_rate", "bucket_at"),
            *("answered_at", "clock_difference", "refresh_expires_at", "install_digest", "install_began_at"),
            *PAUSED,
        ),
        ("client_secret", "previous_client_secret", "access_token", "refresh_token"),
        "domain",
    ),
    Watched("stores_connection", ("started_at", "reconciled_at", "linked_at", "aligned_strategy", *PAUSED)),
    Watched("stores_locationmapping"),
    Watched("stores_syncswitch", ("changed_at", *PAUSED)),
    Watched(
        "stores_cataloguesettings",
        (
            *("content_cursors", "polled_at", "content_compared_at", "products_compared_at", "priced_with"),
            *("synced_with", "changed_at"),
        ),
    ),
    Watched("stores_currencyrate"),
    Watched("orders_ordersettings"),
    Watched("syncing_alertchannel", (), ("url",), "name"),
    Watched("syncing_alertchannel_stores"),
    Watched("auth_user", ("last_login",), ("password",), "username"),
    Watched("auth_group", (), (), "name"),
    Watched("auth_user_groups"),
    Watched("auth_user_user_permissions"),
    Watched("stores_storelimit"),
    Watched("stores_storelimit_stores"),
    Watched("otp_totp_totpdevice", ("throttling_failure_timestamp", "throttling_failure_count", "drift", "last_t"),
            ("key",), "name"),
)  # fmt: skip

# A token that is renewed by itself is no decision of anybody: only a fixed one counts (see WHEN below).
FUNCTION = """
CREATE OR REPLACE FUNCTION tiposync_record_change() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before jsonb := CASE WHEN TG_OP = 'INSERT' THEN '{}'::jsonb ELSE to_jsonb(OLD) END;
    after jsonb := CASE WHEN TG_OP = 'DELETE' THEN '{}'::jsonb ELSE to_jsonb(NEW) END;
    ignored text[] := string_to_array(TG_ARGV[0], ',');
    secret text[] := string_to_array(TG_ARGV[1], ',');
    current jsonb := CASE WHEN TG_OP = 'DELETE' THEN before ELSE after END;
    changed jsonb;
BEGIN
    IF current ->> 'auth' IN ('client_credentials', 'installed') AND TG_OP = 'UPDATE' THEN
        ignored := ignored || ARRAY['access_token', 'refresh_token'];
    END IF;
    SELECT jsonb_object_agg(key, CASE
               WHEN key = ANY(secret) THEN
                   jsonb_build_array(CASE WHEN coalesce(before ->> key, '') = '' THEN '' ELSE '(secret)' END,
                                     CASE WHEN coalesce(after ->> key, '') = '' THEN ''
                                          WHEN TG_OP = 'UPDATE' THEN '(another secret)' ELSE '(secret)' END)
               ELSE jsonb_build_array(before -> key, after -> key) END)
      INTO changed
      FROM jsonb_object_keys(before || after) AS key
     WHERE before -> key IS DISTINCT FROM after -> key AND NOT key IN ('id', 'created_at') AND NOT key = ANY(ignored);
    IF changed IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO stores_configurationchange (at, author, program, kind, "table", row_id, row_name, fields)
    VALUES (clock_timestamp(), left(coalesce(current_setting('tiposync.author', true), ''), 150),
            left(coalesce(current_setting('application_name', true), ''), 100), lower(TG_OP), TG_TABLE_NAME,
            current ->> 'id', left(coalesce(current ->> TG_ARGV[2], ''), 255), changed);
    RETURN NULL;
END $$
"""


def upsert_triggers() -> int:
    """Make the database record changes of the watched tables that exist; how many. Safe to repeat."""
    existing = set(db.introspection.table_names())
    present = [watched for watched in WATCHED if watched.table in existing]
    with db.cursor() as cursor:
        cursor.execute(FUNCTION)
        for watched in present:
            table = db.ops.quote_name(watched.table)
            arguments = ", ".join(f"'{text}'" for text in _arguments(watched))
            cursor.execute(
                f"CREATE OR REPLACE TRIGGER record_change AFTER INSERT OR UPDATE OR DELETE ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION tiposync_record_change({arguments})"
            )
    return len(present)


def count_triggers() -> int:
    """How many tables are watched in this database."""
    with db.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgname = 'record_change'")
        return cursor.fetchone()[0]


def _arguments(watched: Watched) -> tuple[str, str, str]:
    return ",".join(watched.ignored), ",".join(watched.secret), watched.name or "-"


@contextmanager
def authored_by(name: str) -> Iterator[None]:
    """Changes of the configuration inside are `name`'s."""
    _set_author(name[:MOST_CHARACTERS])
    try:
        yield
    finally:
        # The connection serves others next. One that broke or waits in a failed transaction is not used again as it is.
        if db.connection is not None and db.is_usable():
            _set_author("")


def _set_author(name: str) -> None:
    with db.cursor() as cursor:
        cursor.execute("SELECT set_config(%s, %s, false)", [AUTHOR, name])
