"""What a connection holds of its destination's variants: let go of when it has ended, and taken up again after that.

An ended connection claims nothing. Connected again it has its partners as before, but for those that were taken, or
deleted, meanwhile: these say so, and nobody loses one.
"""

from collections.abc import Sequence
from typing import Any

from django.db import connection as db
from django.db import transaction

from stores.linking import matching
from stores.linking import rows as link_rows
from stores.models import Connection, VariantLink

State = VariantLink.State
RELEASED = "Its connection has ended: connected again, it has its partner back."


def release(connection: Connection) -> int:
    """Let go of all partners, which the rows still name; how many. Safe to repeat."""
    with transaction.atomic():
        link_rows.lock(connection.destination_id)
        linked = VariantLink.objects.filter(connection=connection, state=State.LINKED)
        return linked.update(state=State.GONE, reason=RELEASED)


def claim_again(connection: Connection) -> int:
    """Take up the partners that were let go of; how many are somebody else's by now. Safe to repeat.

    The caller has one transaction for this and for what makes the connection a living one.
    """
    link_rows.lock(connection.destination_id)
    _run(_CLAIM_AGAIN, [connection.pk, RELEASED])
    released = connection.links.filter(state=State.GONE, reason=RELEASED, destination_variant__isnull=False)
    claims = link_rows.load_claims([pk for pk in released.values_list("destination_variant", flat=True) if pk])
    taken = [link for link in released.select_related("destination_variant") if link.destination_variant_id in claims]
    for link in taken:
        assert link.destination_variant is not None  # `released` has only those with a partner
        partner = link.destination_variant
        link.state, link.destination_variant = State.AMBIGUOUS, None
        link.reason = matching.why_claimed(claims[partner.pk])
        link.save(update_fields=["state", "destination_variant", "reason", "changed_at"])
        link.candidates.set([partner])
    _run(_DELETED, [connection.pk, RELEASED])
    return len(taken)


def _run(sql: str, parameters: Sequence[Any]) -> None:
    with db.cursor() as cursor:
        cursor.execute(sql, parameters)


_CLAIM_AGAIN = """
    UPDATE stores_variantlink l SET state = 'linked', reason = '', changed_at = now()
    FROM stores_variant s, stores_variant d
    WHERE l.connection_id = %s AND l.state = 'gone' AND l.reason = %s
      AND s.id = l.source_variant_id AND s.gone_at IS NULL AND d.id = l.destination_variant_id AND d.gone_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM stores_variantlink o
                      WHERE o.destination_variant_id = l.destination_variant_id AND o.state = 'linked')
"""
# What was deleted meanwhile is gone for that reason, and may come back, or be made again, as ever.
_DELETED = """
    UPDATE stores_variantlink l SET changed_at = now(), reason = CASE WHEN s.gone_at IS NULL
           THEN 'Its partner was deleted in the destination.' ELSE 'It was deleted in the source.' END
    FROM stores_variant s
    WHERE l.connection_id = %s AND l.state = 'gone' AND l.reason = %s AND s.id = l.source_variant_id
"""
