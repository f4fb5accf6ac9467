"""The environment of the tests, set before Django reads its settings: imported first by conftest, and only there."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import django
import psycopg

from tiposync.embedded import start_embedded_database

# Everything that would change what is tested, so that neither a .env file nor the caller's environment counts; above
# all no DATABASE_URL of theirs. TEST_DATABASE_URL names a server to test on instead of the embedded one.
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "tiposync.settings",
    "DEBUG": "true",
    "SECRET_KEY": "a-secret-key-for-tests-only-0123456789",
    "CREDENTIAL_KEYS": "a-credential-key-for-tests-only",
    "CONN_MAX_AGE": "60",
    "PUBLIC_URL": "http://127.0.0.1:8000",
    "SHOPIFY_BASE_URL": "http://127.0.0.1:9/{domain}",  # nothing listens there: a test that needs Shopify asks for it
    "SHOPIFY_API_VERSION": "2026-10",
    "QUEUE_WORKERS": "2",
    "QUEUE_TIMEOUT": "600",
    "QUEUE_RETRY": "660",
    "QUEUE_POLL": "0.05",
    "LOG_LEVEL": "WARNING",
}


# Its input ends with our process, however that ends: then the database must not run on.
TIDY_UP = """
import os, pathlib, shutil, signal, sys, time
sys.stdin.read()
folder = pathlib.Path(sys.argv[1])
pid_file = folder / "postgres" / "postmaster.pid"
if pid_file.exists():
    os.kill(int(pid_file.read_text().split()[0]), signal.SIGINT)
    end = time.monotonic() + 10
    while pid_file.exists() and time.monotonic() < end:
        time.sleep(0.05)
shutil.rmtree(folder, ignore_errors=True)
"""


def _tidy_up_after_us(folder: Path) -> subprocess.Popen:
    # Usually the server was stopped in good order by then, and only the folder is left.
    command = [sys.executable, "-c", TIDY_UP, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def _start_database(folder: Path) -> str:
    url = start_embedded_database(folder / "postgres")
    with psycopg.connect(url, autocommit=True) as connection:
        # Nothing of it outlives the tests, so nothing has to reach the disk.
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {name} = off")
        connection.execute("SELECT pg_reload_conf()")
    return url


def _keep_bytecode() -> None:
    # Container images often forbid it. Here each worker and each of the processes that tests start and kill would then
    # compile all of the product anew, and each worker all tests too.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def _prepare() -> subprocess.Popen:
    if "tiposync.settings" in sys.modules:
        raise SystemExit("The settings were read before the tests could choose them: unset DJANGO_SETTINGS_MODULE.")
    _keep_bytecode()
    folder = Path(tempfile.mkdtemp(prefix="tiposync-tests-"))
    tidier = _tidy_up_after_us(folder)
    os.environ.update(ENVIRONMENT)
    os.environ["DATA_DIR"] = str(folder)
    os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL") or _start_database(folder)
    django.setup()
    return tidier


# A worker of pytest-xdist inherits all this from the process that started it, and has a database of its own there.
if "PYTEST_XDIST_WORKER" not in os.environ:
    TIDIER = _prepare()  # kept: its pipe must stay open as long as we live
