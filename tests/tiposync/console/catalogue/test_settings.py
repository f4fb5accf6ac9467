"""The rows of the catalogue: what the database itself refuses, and what a form says about wrong settings."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from stores.models import (
    CatalogueFile,
    CatalogueSettings,
    Connection,
    CurrencyRate,
    ProductLink,
    ResourceLink,
)

SOURCE_GID, GID = "gid://shopify/Product/1", "gid://shopify/Product/2"


@pytest.fixture
def connection(source, north) -> Connection:
    return Connection.objects.create(source=source, destination=north, state=Connection.State.RUNNING)


@pytest.fixture
def settings_row(connection) -> CatalogueSettings:
    return CatalogueSettings.objects.create(connection=connection)


def test_a_new_catalogue_updates_only_and_takes_all_that_is_shared(settings_row):
    assert (settings_row.product_mode, settings_row.unlink) == ("update_only", "unpublish")
    settings_row.full_clean()


def test_nothing_travels_before_the_catalogue_is_started(settings_row):
    assert "not started" in settings_row.why_inert()
    settings_row.start()
    assert settings_row.why_inert() == ""


def test_a_field_that_the_stored_table_does_not_name_has_its_default(settings_row):
    settings_row.field_policies = {"price": "ignore"}
    assert settings_row.policy_of("price") == "ignore"
    assert settings_row.policy_of("title") == "sync"
    assert settings_row.policy_of("status") == "create_only"


@pytest.mark.parametrize(
    ("policies", "words"),
    [
        ({"title": "ignore"}, "cannot be ignored"),
        ({"colour": "sync"}, "no field"),
        ({"price": "sometimes"}, "Price: choose"),
        (["title"], "must name a policy"),
    ],
)
def test_a_wrong_table_of_fields_is_refused(settings_row, policies, words):
    settings_row.field_policies = policies
    with pytest.raises(ValidationError, match=words):
        settings_row.full_clean()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"metafield_namespaces": ["a", " "]}, "list of texts"),
        ({"collection_selection": "chosen"}, "at least one collection"),
        ({"fixed_rate": Decimal(0)}, "greater than or equal"),
        ({"rounding_ending": Decimal("1.00")}, "smaller than the step"),
        ({"price_percent": Decimal(-100)}, "greater than or equal"),
        ({"poll_minutes": 0}, "greater than or equal"),
    ],
)
def test_a_wrong_setting_is_explained(settings_row, fields, words):
    for name, value in fields.items():
        setattr(settings_row, name, value)
    with pytest.raises(ValidationError, match=words):
        settings_row.full_clean()


@pytest.mark.parametrize("fields", [{"fixed_rate": 0}, {"rounding_ending": 2}, {"price_percent": -100}])
def test_the_database_refuses_a_price_rule_that_cannot_be(settings_row, fields):
    with pytest.raises(IntegrityError):
        CatalogueSettings.objects.filter(pk=settings_row.pk).update(**fields)


def test_a_product_of_the_destination_is_linked_once_whatever_the_source(connection, north, south):
    ProductLink.objects.create(connection=connection, source_gid=SOURCE_GID, destination_gid=GID, state="linked")
    other = Connection.objects.create(source=connection.source, destination=south)
    ProductLink.objects.create(connection=other, source_gid=SOURCE_GID, destination_gid=GID, state="linked")
    ProductLink.objects.create(connection=connection, source_gid="gid://shopify/Product/5", destination_gid=GID)
    with pytest.raises(IntegrityError):
        ProductLink.objects.create(
            connection=connection, source_gid="gid://shopify/Product/9", destination_gid=GID, state="linked"
        )


def test_a_linked_resource_has_a_partner(connection):
    with pytest.raises(IntegrityError):
        ResourceLink.objects.create(
            connection=connection, kind="page", source_gid="gid://shopify/Page/1", state="linked"
        )


def test_an_address_of_any_length_leads_to_one_file(north):
    url = "https://cdn.shopify.com/" + "a" * 5000 + ".png"
    CatalogueFile.objects.create(store=north, source_url=url, file_gid="gid://shopify/MediaImage/1")
    with pytest.raises(IntegrityError):
        CatalogueFile.objects.create(store=north, source_url=url, file_gid="gid://shopify/MediaImage/2")


def test_a_rate_of_zero_or_to_itself_is_refused():
    rate = CurrencyRate(base="EUR", quote="EUR", rate=Decimal(0), valid_from=date(2026, 1, 1))
    with pytest.raises(ValidationError) as raised:
        rate.full_clean(validate_unique=False, validate_constraints=False)
    assert set(raised.value.message_dict) == {"rate", "quote"}
