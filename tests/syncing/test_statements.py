"""What one change of stock costs the database: the number of statements, which is the same however busy a machine is.

More of them cost processor time at each change, and at each test. `python -m tests.benchmarks.statements --texts` tells
which they are.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection as db

from syncing import handlers
from syncing.queue import jobs

# Store the delivery; ask for a job and ring, in one statement after the commit of the delivery.
INTAKE = 2
# Three looks for a job, of which two claim one, two ends of jobs, and the connection of one of them: 6. Processing: 8.
# That it may run, and what of it waits: 4. The pairs: 1. Recording, with whether the store may be asked: 4. Sending, of
# which Shopify's gate and bucket are 2: 3. What it led to: 5, and to let go of the batch: 1. Whether more waits: 3.
WORK = 35


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are executed inside."""
    texts: list[str] = []

    def note(execute, sql, parameters, many, context):
        texts.append(" ".join(sql.split())[:150])
        return execute(sql, parameters, many, context)

    with db.execute_wrapper(note):
        yield texts


def test_a_change_of_stock_costs_no_more_statements_than_it_must(pair):
    world = pair("one_way")
    source, north = world.places
    source.set(0, 15)
    world.follow()  # which opens what stays open
    world.tick(2)  # within the same second its value would have to be read
    source.set(0, 12)
    with counted() as intake:
        world.deliver(source)
    with counted() as work:
        jobs.run_due(handlers.WORK, 5)
    assert north.available(0) == 12
    assert len(intake) <= INTAKE, "\n".join(intake)
    assert len(work) <= WORK, "\n".join(work)
