"""The fields of a product that can follow the source, and what an operator may decide for each."""

from django.core.exceptions import ValidationError
from django.db import models


class CatalogueField(models.TextChoices):
    """One line of the table of fields. The pure rules know the same words (syncing.catalogue.rules.fields.Field)."""

    TITLE = "title", "Title"
    DESCRIPTION = "description", "Description"
    STATUS = "status", "Status"
    VENDOR = "vendor", "Vendor"
    TYPE = "type", "Type"
    CATEGORY = "category", "Category"
    TAGS = "tags", "Tags"
    SEO = "seo", "Search engine title and description"
    HANDLE = "handle", "Handle (address)"
    IMAGES = "images", "Images and videos"
    OPTIONS = "options", "Options and the set of variants"
    METAFIELDS = "metafields", "Metafields"
    VARIANT_METAFIELDS = "variant_metafields", "Metafields of variants"
    PUBLISHING = "publishing", "Sales channels"
    SKU = "sku", "SKU"
    BARCODE = "barcode", "Barcode"
    PRICE = "price", "Price"
    COMPARE_AT_PRICE = "compare_at_price", "Compare-at price"
    COST = "cost", "Cost per item"
    WEIGHT = "weight", "Weight, shipping and customs"
    TAX = "tax", "Charge tax"
    TRACKING = "tracking", "Track inventory"
    INVENTORY_POLICY = "inventory_policy", "Continue selling when out of stock"


class FieldPolicy(models.TextChoices):
    """What happens to a field: at creation, and whenever the source changes."""

    SYNC = "sync", "Sync: set at creation and kept like the source"
    CREATE_ONLY = "create_only", "Create only: set when the product is created, then left alone"
    IGNORE = "ignore", "Ignore: never set"


# Where a default is not Sync. A product's status is often the destination's own decision, and its address is known to
# search engines.
_UNUSUAL_POLICIES = {
    CatalogueField.HANDLE: FieldPolicy.CREATE_ONLY,
    CatalogueField.STATUS: FieldPolicy.CREATE_ONLY,
    CatalogueField.COST: FieldPolicy.CREATE_ONLY,
}
DEFAULT_POLICIES = {field: _UNUSUAL_POLICIES.get(field, FieldPolicy.SYNC) for field in CatalogueField}


def default_policies() -> dict[str, str]:
    """The table that a new connection starts with: field -> policy, every field named."""
    return {str(field): str(policy) for field, policy in DEFAULT_POLICIES.items()}


def check_policies(policies: object) -> None:
    """Raise ValidationError for a table with an unknown field or policy, or whose title is ignored."""
    if not isinstance(policies, dict):
        raise ValidationError("The table of fields must name a policy for each field.")
    for field, policy in policies.items():
        if field not in CatalogueField.values:
            raise ValidationError(f"There is no field “{str(field)[:40]}”.")
        if policy not in FieldPolicy.values:
            raise ValidationError(f"{CatalogueField(field).label}: choose Sync, Create only or Ignore.")
    if policies.get(CatalogueField.TITLE) == FieldPolicy.IGNORE:
        raise ValidationError("The title cannot be ignored: a product must have one.")
