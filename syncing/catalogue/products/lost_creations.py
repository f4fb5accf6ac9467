"""Creations whose answer may be lost: what is sent is remembered before, and what came of it is known by that.

Not by the source: by the time that a worker comes back it may have another title, handle, or order of images.
"""

from collections.abc import Mapping
from typing import Any

from stores.models import ProductLink
from stores.shopify.products.product_records import MediaRecord, ProductRecord
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
        }
    }


def sent_of(link: ProductLink) -> Mapping[str, Any] | None:
    """What was sent last to create its product; None when nobody waits for an answer."""
    return link.written.get(SENT)


def is_made_of(sent: Mapping[str, Any] | None, partner: ProductRecord) -> bool:
    """Whether a product of the destination is what the creation made."""
    return sent is not None and bool(sent) and variants.appearance_of(partner) == sent["looks"]


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
