"""The product as it runs in life: a web process, workers and a database, with the simulator in place of Shopify."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from urllib.parse import urlsplit

from django.core.management import call_command
from django.test import override_settings

from syncing.queue.supervisor import die_with_parent
from tests.benchmarks.staging.stage import free_port, wait_for_port
from tests.simulator import Simulator
from tests.support.databases import at_home_in, find_migrated_database, new_database
from tests.support.thoroughness import PATIENCE_SECONDS

ROOT = Path(__file__).resolve().parents[2]
STOP_SECONDS = 8
# One process with threads is enough for one visitor, and up sooner than two.
GUNICORN = ("-m", "gunicorn", "tiposync.wsgi", "--workers=1", "--threads=4", "--log-level=critical")


@dataclass
class Product:
    """A running product. `url` is where its console is; `log` what its processes said."""

    sim: Simulator
    url: str
    log: Path
    environment: dict[str, str]
    processes: list[subprocess.Popen] = field(default_factory=list)

    @property
    def webhook_url(self) -> str:
        return f"{self.url}/webhooks/shopify/"

    def start(self, *arguments: str) -> None:
        """Start python with these arguments; it is killed with the tests, however these end."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=die_with_parent,
            )
        self.processes.append(process)

    def stop(self) -> None:
        """Ask each process to end; then end what is left of its group."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def wait_until(self, is_so: Callable[[], object], what: str = "it", seconds: float = PATIENCE_SECONDS) -> object:
        """What `is_so` returns as soon as it is true; the processes' log where it never is."""
        end = monotonic() + seconds
        while not (found := is_so()):
            assert monotonic() < end, f"waited {seconds} s for {what} in vain\n{self.log.read_text()[-3000:]}"
            sleep(0.1)
        return found


@contextmanager
def running_product(folder: Path, template: str, host: str = "127.0.0.1") -> Iterator[Product]:
    """Web and one cluster of workers on a copy of `template`, which is the tests' own, too, until the block ends."""
    url = f"http://{host}:{free_port()}"
    # The processes work on it between the tests, which the tests' other database, emptied after each, would not allow.
    with Simulator() as sim, new_database(f"browser_{os.getpid()}", template) as name, at_home_in(name):
        database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{name}").geturl()
        shopify = sim.serve() + "/{domain}"
        with override_settings(SHOPIFY_BASE_URL=shopify, PUBLIC_URL=url):
            product = Product(sim, url, folder / "product.log", _environment(database, shopify, url))
            try:
                product.start(*GUNICORN, f"--bind=127.0.0.1:{urlsplit(url).port}")
                product.start("manage.py", "work")
                wait_for_port(urlsplit(url).port)
                yield product
            finally:
                product.stop()


@contextmanager
def released_database() -> Iterator[str]:
    """A database after the release step, for running_product to copy; its name."""
    with new_database(f"browser_template_{os.getpid()}", find_migrated_database()) as name:
        with at_home_in(name):
            call_command("upsert_schedules", verbosity=0)
        yield name


def _environment(database: str, shopify: str, url: str) -> dict[str, str]:
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.browser.settings",
        "DATABASE_URL": database,
        "SHOPIFY_BASE_URL": shopify,
        "PUBLIC_URL": url,
        "QUEUE_WORKERS": "2",
        "STOCK_LINGER_SECONDS": "0.1",
        "WEBHOOK_PATIENCE_SECONDS": "0.1",
        "STOP_SECONDS": "2",
        "LOG_LEVEL": "WARNING",
    }
