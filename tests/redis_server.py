"""A Redis in this process that really listens, and can go away and come back (fakeredis: no server to install)."""

import threading

from fakeredis import FakeServer, TcpFakeServer

from tests.benchmarks.stage import free_port

PASSWORD = "a-redis-password"


class RedisServer:
    """Starts at once. What it held is forgotten with a stop, as by a Redis that writes no disk."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"
        self.is_running = False
        self.start()

    def start(self) -> None:
        self.server = TcpFakeServer(("127.0.0.1", self.port))
        self.server.fake_server = FakeServer(version=(8, 0), config={b"requirepass": PASSWORD.encode()})
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.is_running = True

    def stop(self) -> None:
        if self.is_running:
            self.is_running = False
            self.server.shutdown()
            self.server.server_close()
