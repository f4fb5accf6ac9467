"""How thoroughly the slowest tests look: some by default, all of it where TIPOSYNC_LONG=1 is in the environment."""

import os

IS_LONG = os.environ.get("TIPOSYNC_LONG") == "1"

# Properties and state machines try the same examples each time, so that a run says something about the code alone; with
# `make search` they try others each time, and ten times as many.
IS_SEARCH = os.environ.get("TIPOSYNC_SEARCH") == "1"
EXAMPLES = 10 if IS_SEARCH else 1  # times what a test asks for

# How long a test waits for what real processes do at last. No measure of speed: they share two processors with whatever
# else runs, and what comes to its end ends the wait.
PATIENCE_SECONDS = 2400 if IS_LONG else 600

# How often a password of the tests is hashed: a million times, as the product does it, takes a fifth of a second. Here
# and in the processes that people sign in at: one that was hashed less often than is usual is hashed anew at a sign-in.
PASSWORD_ROUNDS = 10


def effects(most: int = 200) -> range:
    """Before which effect of its own a worker dies (tests/support/misfortune/death.py), from 1 on: before each.

    The caller stops at the first one that its worker never reached.
    """
    return range(1, most)
