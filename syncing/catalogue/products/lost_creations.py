"""Creations whose answer may be lost: what is sent is remembered before, and what came of it is known by that.

Not by the source: by the time that a worker comes back it may have another title, handle, or order of images.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from stores.models import ProductLink
from stores.shopify.products.product_records import MediaRecord, ProductRecord
from syncing.catalogue.bulk import rivals
from syncing.catalogue.outcome import Blocked
from syncing.catalogue.rules import images, variants
from syncing.catalogue.rules.fingerprint import digest
from syncing.catalogue.rules.parts.made import Desired

SENT = "sent"


def memory_of(record: ProductRecord, desired: Desired) -> dict[str, Any]:
    """What a link remembers (ProductLink.written) while a product is made of this one."""
    return {
        SENT: {
            "handle": desired.product["handle"],
            "looks": variants.appearance_of(record),
            "images": _names_of(record),
            rivals.KEYS: rivals.keys_of(record, desired.product["handle"]),
        }
    }


def begin(link: ProductLink, memory: dict[str, Any]) -> None:
    """Have a link say that its product is being made. Saves nothing."""
    link.state, link.destination_gid, link.reason, link.fingerprint = ProductLink.State.CREATING, "", "", ""
    link.is_created, link.written, link.synced_at = True, memory, None


def is_unfinished(link: ProductLink) -> bool:
    """Whether its product was made by us, and not all of the rest was done."""
    return bool(link.is_created and link.destination_gid and link.synced_at is None)


def check_alone(link: ProductLink, partner_gids: Collection[str], read: Callable[[str], ProductRecord | None]) -> None:
    """Raises Blocked where the destination has got another one like it besides the one that we made and did not finish.

    `read` gives what there is of the destination.
    """
    if not is_unfinished(link) or not partner_gids or link.destination_gid in partner_gids:
        return
    if (own := read(link.destination_gid)) is not None:
        raise Blocked(
            f"It was made in the destination as “{own.handle}”, and its variants match those of another product there, "
            "which came at the same time. Delete the one that is not to stay."
        )


def sent_of(link: ProductLink) -> Mapping[str, Any] | None:
    """What was sent last to create its product; None when nobody waits for an answer."""
    return link.written.get(SENT)


def images_made_of(
    sent: Mapping[str, Any] | None, source: ProductRecord, partner: ProductRecord
) -> dict[str, MediaRecord] | None:
    """As `images_of`, if a product of the destination is what the creation made; None if it is not."""
    return images_of(sent, source, partner) if sent and is_made_by(sent, partner) else None


def is_made_by(sent: Mapping[str, Any], partner: ProductRecord) -> bool:
    """Whether a product of the destination looks like what a creation made."""
    return bool(variants.appearance_of(partner) == sent["looks"])


def images_of(sent: Mapping[str, Any], source: ProductRecord, partner: ProductRecord) -> dict[str, MediaRecord]:
    """Address in the source -> the image made of it, which has its place; none once the source's are others."""
    wanted = images.source_images(source)
    there = [media for media in partner.media if media.kind == images.IMAGE]
    if _names_of(source) != sent["images"] or [image.alt for image in wanted] != [media.alt for media in there]:
        return {}
    return {image.url: media for image, media in zip(wanted, there, strict=True)}


def _names_of(product: ProductRecord) -> str:
    """A digest of the addresses of a source's images, in their order; the same while they are the same images."""
    return digest([images.url_digest(image.url) for image in images.source_images(product)])
