"""One GraphQL call on its way through the simulator: who asks, which shop, what was found wrong so far."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.simulator.state.apps import App
from tests.simulator.state.shop import Shop
from tests.simulator.wire.problems import FieldError


@dataclass(slots=True)
class Call:
    """Resolvers get this as their second argument."""

    simulator: object  # the Simulator; typed loosely because it owns everything here
    shop: Shop
    app: App
    scopes: frozenset[str]
    version: str  # the one that really serves
    now: int = 0  # whole seconds of the simulator's clock
    variables: dict = field(default_factory=dict)
    path: list = field(default_factory=list)
    errors: list[dict] = field(default_factory=list)
    seen: dict = field(default_factory=dict)  # field plan -> largest count returned, for the actual cost
    search_warnings: list[dict] = field(default_factory=list)
    unlimited: bool = False  # a bulk operation reads whole connections
    before_execute: list[Callable[[Call], None]] = field(default_factory=list)
    ticket: object | None = None  # idempotency.Ticket of the mutation that runs now
    asleep_seconds: float = 0.0  # planned waiting is not the simulator's own time

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.asleep_seconds += seconds
            time.sleep(seconds)

    def run_before_execute(self) -> None:
        """Hooks and slow faults, once; a mutation with a key runs them while the key counts as running."""
        hooks, self.before_execute = self.before_execute, []
        for hook in hooks:
            hook(self)

    def record(self, problem: FieldError, path: list) -> None:
        self.errors.append({"message": problem.message, "path": path, "extensions": problem.extensions})
