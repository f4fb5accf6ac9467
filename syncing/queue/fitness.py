"""Whether workers of this release may work on this database: behind no bad pooler, not before or past migrations."""

import functools

from django.db import connection as db
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from stores import locks

# By which rules workers work. A release whose workers must not work beside those before it raises this, and with it, in
# a migration, what the trigger on jobs asks for: so workers that are older than any check of ours claim nothing either.
RULES_VERSION = 1
OURS = ("stores", "orders", "syncing")  # whose rows workers rely on


def why_unfit() -> str:
    """Why workers must not begin here, and what to do; empty if nothing forbids it. Raises DatabaseError.

    A worker of another release than the database's would misread what it finds, or fail at what it does not know.
    """
    if not locks.are_kept():
        return f"Workers do not start: {locks.NOT_KEPT}. {locks.KEEP_THEM}"
    executor = MigrationExecutor(db)
    if plan := executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return (
            f"Workers do not start yet: {len(plan)} migrations are not applied. Run the release step of the Procfile."
        )
    return why_outgrown()


def why_outgrown() -> str:
    """Why workers of this release must not begin anything more here; empty while they may. One small query."""
    applied = MigrationRecorder.Migration.objects.filter(app__in=OURS).values_list("app", "name")
    newer = sorted(set(applied) - _known())
    if not newer:
        return ""
    return (
        f"Workers of this release do nothing more: the database is a newer release's ({'.'.join(newer[0])}). Start "
        "that release's workers; to go back, restore the backup from before it."
    )


@functools.cache
def _known() -> frozenset[tuple[str, str]]:
    """The migrations of this release."""
    return frozenset(key for key in MigrationLoader(None).disk_migrations if key[0] in OURS)
