"""What is made for a whole file is made once, on whatever worker of pytest-xdist its tests run."""

import os

import pytest

workers = pytest.mark.skipif("PYTEST_XDIST_WORKER" not in os.environ, reason="one process has but one of everything")
THIS_FILE = __name__.replace(".", "/") + ".py"


@pytest.fixture(scope="module")
def came() -> list[int]:
    """The tests that this one's worker was given."""
    return []


@workers
@pytest.mark.parametrize("number", range(1, 9))
def test_those_that_share_something_come_to_one_worker(came, number, request):
    if not request.config.getoption("loadgroup"):
        pytest.skip("asked to deal them out in another way")
    came.append(number)
    assert request.node.nodeid.endswith(f"@{THIS_FILE}"), "pytest-xdist told nobody of the group"
    assert came == list(range(1, number + 1))
