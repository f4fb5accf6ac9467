"""What makes a walk over all pages shorter, and nothing of it weaker."""

import pytest


@pytest.fixture
def without_sidebar(settings) -> None:
    """The menu and its counts, the same on every page, take more time than most pages' own content.

    What of it a person sees stands in tests/tiposync/console/home, and of limited people in test_limited_people.py.
    """
    menu = {**settings.UNFOLD["SIDEBAR"], "navigation": []}
    settings.UNFOLD = {**settings.UNFOLD, "SIDEBAR": menu}
