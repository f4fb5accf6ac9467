"""How thoroughly the slowest tests look: some by default, all of it where TIPOSYNC_LONG=1 is in the environment."""

import os

IS_LONG = os.environ.get("TIPOSYNC_LONG") == "1"


def statements(most: int = 500) -> range:
    """Before which SQL statement a worker dies, from 1 on: before each, or each third (no pattern of two hides in it).

    The caller stops at the first one that its worker never reached.
    """
    return range(1, most, 1 if IS_LONG else 3)
