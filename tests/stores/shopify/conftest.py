"""The fixture of the wire tests: nothing reaches a network, and unexpected requests fail."""

from collections.abc import Iterator
from types import ModuleType

import pytest
import responses


@pytest.fixture
def wire() -> Iterator[ModuleType]:
    """Canned answers while the test runs; `wire.calls` is what went out."""
    responses.start()
    yield responses
    responses.stop()
    responses.reset()
