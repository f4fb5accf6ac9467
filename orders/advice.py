"""What an operator can do about an order, in a sentence, for its page and for the mails about it."""

from datetime import timedelta

from django.utils import timezone

from orders import intake, side_by_side
from orders.models import OrderImport
from orders.models import OrderUpdate as Update
from stores.shopify import errors

State = OrderImport.State
DraftStatus = OrderImport.DraftStatus
Place = OrderImport.Place

IDLE = "Nothing to do"
NOTHING = f"{IDLE}."
_FAILED = {
    errors.MISCONFIGURED: "Put right what it names (a setting, a scope or a credential), then press “Import again”.",
    errors.REJECTED: "Change what it names in one of the two stores or in the connection's order settings, then "
    "press “Import again”; or enter the order in the source by hand.",
}
_GIVE_UP = " “Give up” ends it: no copy is made."
_FAILED_OTHERWISE = "Press “Import again”; if it fails again, the page of its job tells more."
_LATE: dict[str, str] = {
    OrderImport.LateLinks.WANTED: "Link these products under “Variant matching” if the source delivers them; "
    "press “Not ours” if it does not.",
    OrderImport.LateLinks.LINKED: "Its products were linked since, and its units are reserved. Press “Import again” "
    "to have it imported; “Not ours” if somebody entered it by hand, or if it is none of the source's.",
}
_LATE_PARTIAL = (
    "Products that were left out were linked since, and their units are reserved. Press “Import again” to have them "
    "added to the copy; “Not ours” if they are none of the source's."
)
_WAITING: dict[str, str] = {
    OrderImport.WaitsFor.LINKS: "Link these products under “Variant matching”: the order then goes on by itself. "
    "“Not ours” ends it.",
    OrderImport.WaitsFor.PAYMENT: "Nothing to do: it goes on by itself when it is paid.",
    OrderImport.WaitsFor.REVIEW: "Look at its preview, then press “Import”; or “Never”, if it is not to be imported. "
    "Its units are reserved until then.",
}
OVERDUE = timedelta(minutes=15)
_OVERDUE = (
    "It goes on by itself, but should have by now: look on the dashboard whether a worker is up and both stores answer."
)
_SOON_UNREADABLE = (
    "It goes on by itself when it is paid, but Shopify shows an order to us for 60 days only, and these are soon over: "
    "have it paid, or enter it in the source by hand and press “Give up”."
)
_UNPROVED = (
    "Shopify's answer was lost, and whether the copy is there cannot be proved. Press “Send again”: it is looked for "
    "once more, and sent only if it is not found."
)


def what_to_do(order_import: OrderImport) -> str:
    """What somebody should do now so that the order is well in the source, or that nobody need do anything.

    By all that is known of it, its state being only a part of that.
    """
    words = [*_about_changes(order_import), _about_state(order_import)]
    inert = order_import.connection.why_inert()
    if inert and _waits(order_import):
        words = [f"Nothing happens now. {inert} Put that right first.", *words]
    elif inert and order_import.state == State.CONFIRMED:
        words = [f"What happens to it now is not synced. {inert} Once that is put right, it is.", *words]
    said = [each for each in words if not each.startswith(IDLE)]
    return " ".join(said) or words[-1]


def _waits(order_import: OrderImport) -> bool:
    """Whether something is still to happen to it by itself."""
    if order_import.state == State.CONFIRMED and order_import.place in (Place.WANTED, Place.SENT):
        return True
    return order_import.state in OrderImport.UNFINISHED or waits_for_carrying(order_import)


def waits_for_carrying(order_import: OrderImport) -> bool:
    """Whether something happened to a copied order, or to its copy, that is still to be compared or carried."""
    if side_by_side.has_unseen_signs(order_import):
        return True
    return any(update.state in (Update.State.PLANNED, Update.State.SENT) for update in order_import.updates.all())


def _is_old(order_import: OrderImport) -> bool:
    """Whether Shopify will soon not show the original any more."""
    placed_at = order_import.placed_at
    return placed_at is not None and placed_at < timezone.now() - intake.SOON_UNREADABLE


def _about_changes(order_import: OrderImport) -> list[str]:
    """What is to be done about what happened to it later."""
    words = []
    for update in sorted(order_import.updates.all(), key=lambda each: each.pk):
        if update.state == Update.State.NEEDS_SHOP:
            words.append(f"It needs the shop: {update.reason}")
        elif update.state == Update.State.FAILED:
            name = update.get_kind_display().lower()
            words.append(f"An order update was not synced ({name}): {update.reason} Then press “Try again” on it.")
    return words


def _about_state(order_import: OrderImport) -> str:
    if order_import.state == State.FAILED:
        return _FAILED.get(order_import.failure, _FAILED_OTHERWISE) + _GIVE_UP
    if order_import.waits_for == OrderImport.WaitsFor.PAYMENT and _is_old(order_import):
        return _SOON_UNREADABLE
    if order_import.waits_for == OrderImport.WaitsFor.REVIEW and _is_old(order_import):
        return f"{_WAITING[OrderImport.WaitsFor.REVIEW]} Shopify shows an order to us for 60 days only."
    if order_import.state == State.WAITING:
        return _WAITING.get(order_import.waits_for, NOTHING)
    if order_import.state == State.SENT and order_import.failure:
        return _UNPROVED
    if order_import.state == State.SENT:
        return (
            "Nothing to do: Shopify's answer was lost, so the copy is looked for, and sent again only if it is not "
            "there."
        )
    if order_import.state == State.SKIPPED and order_import.late_links in _LATE:
        return _LATE[order_import.late_links]
    if order_import.state == State.SKIPPED and order_import.failure:
        return (
            "Its products followed the source and no longer do: they were deleted or unlinked. Enter the order in the "
            "source by hand; or link the products again, then press “Import again”."
        )
    if order_import.state == State.SKIPPED:
        return "Nothing to do, unless you want it in the source: then enter it by hand, or press “Import again”."
    if order_import.state == State.PLANNED and order_import.changed_at < timezone.now() - OVERDUE:
        return _OVERDUE
    if order_import.state == State.PLANNED:
        return "Nothing to do: a worker takes it up within seconds."
    return _about_copy(order_import)


def _about_copy(order_import: OrderImport) -> str:
    words = []
    if order_import.notes:
        words.append("Look at the copy: see the notes.")
    if order_import.late_links == OrderImport.LateLinks.LINKED:
        words.append(_LATE_PARTIAL)
    elif order_import.is_partial and order_import.late_links != OrderImport.LateLinks.ENDED:
        words.append("Add what was left out to the copy by hand if you ship it; link those products for later orders.")
    # Of a draft that staff deleted a later change tells, until somebody decides.
    if order_import.is_draft and order_import.draft_status not in (DraftStatus.COMPLETED, DraftStatus.DELETED):
        words.append("Complete the draft in the source when the order is to be fulfilled.")
    return " ".join(words) or _about_progress(order_import)


def _about_progress(order_import: OrderImport) -> str:
    """Of a copy with which nobody has to do anything: whether all is done, or something still goes on by itself."""
    waiting = [each for each in order_import.updates.all() if each.state in (Update.State.PLANNED, Update.State.SENT)]
    if any(update.changed_at < timezone.now() - OVERDUE for update in waiting):
        return _OVERDUE
    if _waits(order_import):
        return f"{IDLE}: what happened since it was imported is synced within seconds."
    return NOTHING
