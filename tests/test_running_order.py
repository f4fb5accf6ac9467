"""What is made for a whole file is made once, on whatever worker of pytest-xdist its tests run."""

import os
import subprocess
import sys

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


def test_a_test_has_the_same_name_in_every_worker(request):
    """Else pytest-xdist runs none at all. What differs is mostly the second in which the worker read the file."""
    options = ("-n0", "--collect-only", "-q", "-p", "no:cacheprovider", *request.config.args)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options],
        cwd=request.config.rootpath,
        env=_own_environment() | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert {_name(item) for item in request.session.items} <= set(done.stdout.splitlines())


def _own_environment() -> dict[str, str]:
    """Without what this run has put there for itself."""
    ours = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "PYTEST_ADDOPTS")
    return {name: value for name, value in os.environ.items() if name not in ours and "XDIST" not in name}


def _name(item: pytest.Item) -> str:
    """Without the group that pytest-xdist adds in its workers."""
    group = item.get_closest_marker("xdist_group")
    return item.nodeid.removesuffix(f"@{group.args[0]}") if group else item.nodeid
