"""Which addresses of the CDN mean the same picture."""

import pytest

from stores.shopify.cdn import identity_of

URL = "https://cdn.shopify.com/s/files/1/0533/files/lamp.jpg"


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (f"{URL}?v=1571722509", f"{URL}?v=1571722509&width=300", True),
        (f"{URL}?width=300&v=1571722509", "http://CDN.shopify.com/s/files/1/0533/files/lamp.jpg?v=1571722509", True),
        (f"{URL}?v=1571722509", f"{URL}?v=1571722510", False),
        (f"{URL}?v=1571722509", URL, False),
        (f"{URL}?v=1", f"{URL.replace('lamp', 'chair')}?v=1", False),
        (f"{URL}?v=1", f"{URL.replace('0533', '0534')}?v=1", False),
        ("", "", True),
    ],
)
def test_host_path_and_version_tell_pictures_apart_and_nothing_else_does(one, other, is_same):
    assert (identity_of(one) == identity_of(other)) is is_same
