"""What an operator decides about an order: that it is considered again, sent again, given up."""

from django.db import transaction
from django.utils import timezone

from orders import reserved_units
from orders.copies import late_links
from orders.intake import State
from orders.models import OrderImport
from orders.reserved_units import MoveUnits


def import_again(order_import: OrderImport) -> bool:
    """Have a skipped, waiting or failed order considered afresh, or what was linked since added to its copy.

    False if it is copied whole, or under way. The caller then has it imported. What was ever sent is looked for before
    anything is sent.
    """
    if late_links.add(order_import):
        return True
    again = OrderImport.objects.filter(pk=order_import.pk, state__in=(State.SKIPPED, State.WAITING, State.FAILED))
    afresh = {"state": State.PLANNED, "waits_for": "", "reason": "", "failure": "", "is_forgotten": False}
    afresh |= {"late_links": ""}
    return bool(again.update(**afresh, changed_at=timezone.now()))


def send_again(order_import: OrderImport) -> bool:
    """Have an order of unknown outcome looked for once more and then sent, without waiting any longer.

    False if it is in another state. The search is made by the import itself; it cannot be left out.
    """
    unknown = OrderImport.objects.filter(pk=order_import.pk, state=State.SENT)
    return bool(unknown.update(may_send_again=True, changed_at=timezone.now()))


def copy_reviewed(order_import: OrderImport) -> bool:
    """Somebody has reviewed an order and wants it copied; False if it does not wait for that.

    The caller then has it imported.
    """
    waiting = OrderImport.objects.filter(
        pk=order_import.pk, state=State.WAITING, waits_for=OrderImport.WaitsFor.REVIEW, is_reviewed=False
    )
    fields = {"state": State.PLANNED, "waits_for": "", "reason": "", "is_reviewed": True}
    return bool(waiting.update(**fields, changed_at=timezone.now()))


def dismiss(order_import: OrderImport, move_units: MoveUnits, reason: str) -> bool:
    """Give up an order that has no copy: an operator entered it by hand, or does not want it.

    False if it is copied, or may be: what was sent without an answer is "sent" until it is proved not to be there. Its
    units are no longer held back.
    """
    with transaction.atomic():
        waiting = OrderImport.objects.filter(pk=order_import.pk, state__in=(State.PLANNED, State.WAITING, State.FAILED))
        if not waiting.update(state=State.SKIPPED, reason=reason, failure="", waits_for="", changed_at=timezone.now()):
            return False
        move_units(reserved_units.release(order_import), None)
    return True
