"""A bounded HTTP load: a few connections that stay open, each with one request under way, and how long each took."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

READY_PER_SECOND = 1500


@dataclass
class Load:
    """What a run of `seconds` measured: how long each good answer took (seconds), and answers other than 200."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds


def request_bytes(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """One POST as it goes over the wire."""
    lines = [
        f"POST {path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def run_load(port: int, requests: Callable[[int], Iterator[bytes]], seconds: float, connections: int) -> Load:
    """Send what `requests(connection number)` yields over each connection, one after the other, for `seconds`."""
    load = Load(seconds)
    # Most are made beforehand: on a small machine, making them would take time from the server.
    queues = []
    for number in range(connections):
        rest = requests(number)
        queues.append(chain(list(islice(rest, round(READY_PER_SECOND * seconds / connections))), rest))
    deadline = time.perf_counter() + seconds
    threads = [threading.Thread(target=_drive, args=(port, queue, deadline, load), daemon=True) for queue in queues]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return load


def _drive(port: int, requests: Iterator[bytes], deadline: float, load: Load) -> None:
    link = connect(port)
    for request in requests:
        started = time.perf_counter()
        if started > deadline:
            break
        try:
            status, closes = exchange(link, request)
        except ConnectionError:  # the server closed an idle or worn-out connection: ask again on a new one
            link = connect(port)
            status, closes = exchange(link, request)
        if status == 200:
            load.latencies.append(time.perf_counter() - started)
        else:
            load.refused += 1
        if closes:
            link.close()
            link = connect(port)
    link.close()


def connect(port: int) -> socket.socket:
    """A connection to the web server that stays open."""
    link = socket.create_connection(("127.0.0.1", port), timeout=30)
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return link


def exchange(link: socket.socket, request: bytes) -> tuple[int, bool]:
    """Send a request, read the whole answer; its status, and whether the server closes the connection."""
    link.sendall(request)
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _receive(link)
    head, _, body = answer.partition(b"\r\n\r\n")
    lowered = head.lower()
    start = lowered.find(b"content-length:")
    length = int(lowered[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
    while len(body) < length:
        body += _receive(link)
    return int(head[9:12]), b"connection: close" in lowered


def _receive(link: socket.socket) -> bytes:
    received = link.recv(65536)
    if not received:
        raise ConnectionResetError("the server closed the connection")
    return received
