"""How properties run: all of them under the one profile of conftest.py, where no clock decides."""

import ast
import time
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TESTS = Path(__file__).parents[1]
PROFILE = {"deadline", "derandomize", "print_blob"}  # what a test does not choose for itself


def _own_choices(path: Path) -> list[str]:
    calls = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
    names = [(call, ast.unparse(call.func)) for call in calls]
    chosen = [
        call for call, name in names if name.endswith("settings") and PROFILE & {word.arg for word in call.keywords}
    ]
    chosen += [call for call, name in names if name.endswith(("register_profile", "load_profile"))]
    return [f"{path.relative_to(TESTS)}:{call.lineno}" for call in chosen]


@settings(max_examples=2)
@given(st.integers())
def test_a_slow_example_is_no_failure(_):
    time.sleep(0.3)  # Hypothesis' own limit is 0.2 s


def test_every_property_runs_under_the_one_profile():
    assert settings.default == settings.get_profile("tiposync")
    assert settings.default.deadline is None and HealthCheck.too_slow in settings.default.suppress_health_check
    others = [path for path in TESTS.rglob("*.py") if path != TESTS / "conftest.py"]
    assert [line for path in others for line in _own_choices(path)] == []
    assert len(_own_choices(TESTS / "conftest.py")) == 2  # registered and loaded
