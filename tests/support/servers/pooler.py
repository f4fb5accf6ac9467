"""A pooler of connections as PgBouncer in transaction mode is one: each transaction may get another session.

It understands as much of PostgreSQL's protocol as it takes to see where a transaction ends:
https://www.postgresql.org/docs/current/protocol-message-formats.html
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

SSL, GSS = 80877103, 80877104
PORT = 5432


class Session:
    """One connection to the server, and what it said when it was opened."""

    def __init__(self, url: str, startup: bytes) -> None:
        parts = urlsplit(url)
        folder = parse_qs(parts.query).get("host", [""])[0]
        if folder:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(f"{folder}/.s.PGSQL.{parts.port or PORT}")
        else:
            self.socket = socket.create_connection((parts.hostname, parts.port or PORT))
        self.file = self.socket.makefile("rb")
        self.socket.sendall(startup)
        self.greeting = b"".join(self.answer())
        self.is_free = True

    def answer(self) -> Iterator[bytes]:
        """Messages up to and with “ready for query”; notes whether that is outside of a transaction."""
        while True:
            kind, body = read_message(self.file)
            yield kind + body
            if kind == b"Z":
                self.is_free = body[-1:] == b"I"
                return


def read_message(file) -> tuple[bytes, bytes]:
    """Its kind, and its length with what follows."""
    kind = file.read(1)
    if not kind:
        raise ConnectionError("It hung up.")
    size = file.read(4)
    return kind, size + file.read(int.from_bytes(size) - 4)


class Pooler:
    """Listens on `port`. `is_round`: hands sessions out in turn, else the one that was given back last."""

    def __init__(self, url: str, size: int, is_round: bool = False) -> None:
        self.url, self.size, self.is_round = url, size, is_round
        self.made, self.idle = 0, []
        self.sessions: list[Session] = []
        self.changed = threading.Condition()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        self.listener.close()
        for session in self.sessions:
            with contextlib.suppress(OSError):
                session.socket.shutdown(socket.SHUT_RDWR)

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self.listener.accept()[0]
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _acquire(self, startup: bytes) -> Session:
        with self.changed:
            while not self.idle and self.made >= self.size:
                self.changed.wait()
            if self.idle and not (self.is_round and self.made < self.size):
                return self.idle.pop(0 if self.is_round else -1)
            self.made += 1
        self.sessions.append(Session(self.url, startup))
        return self.sessions[-1]

    def _free(self, session: Session) -> None:
        with self.changed:
            self.idle.append(session)
            self.changed.notify()

    def _serve(self, client: socket.socket) -> None:
        file = client.makefile("rb")
        session = None
        with client, contextlib.suppress(ConnectionError, OSError):
            startup = self._greet(client, file)
            while True:
                kind, body = read_message(file)
                if kind == b"X":
                    return
                if session is None:
                    session = self._acquire(startup)
                session.socket.sendall(kind + body)
                if kind in (b"Q", b"S"):
                    for message in session.answer():
                        client.sendall(message)
                    if session.is_free:
                        self._free(session)
                        session = None

    def _greet(self, client: socket.socket, file) -> bytes:
        while True:
            size = file.read(4)
            body = file.read(int.from_bytes(size) - 4)
            if int.from_bytes(body[:4]) not in (SSL, GSS):
                break
            client.sendall(b"N")
        session = self._acquire(size + body)
        client.sendall(session.greeting)
        self._free(session)
        return size + body
