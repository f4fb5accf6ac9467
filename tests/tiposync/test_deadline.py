"""That a body has its deadline, each its own, and that no thread is begun for each of them."""

import io
import socket
import threading

import pytest

from tiposync.deadline import TimedBody


class Drops:
    """A body that comes over a connection and never ends, as gunicorn reads it."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def read(self, size: int) -> bytes:
        found = b""
        while len(found) < size and (some := self.connection.recv(1)):
            found += some
        return found


@pytest.fixture
def line():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def test_a_body_that_does_not_come_is_cut_off_and_another_is_not(line):
    ours, theirs = line
    theirs.sendall(b"ab")
    with pytest.raises(TimeoutError, match=r"within 0\.3 seconds"):
        TimedBody(Drops(ours), ours, 0.3).read(3)
    theirs_too, ours_too = socket.socketpair()
    with theirs_too, ours_too:
        body = TimedBody(Drops(ours_too), ours_too, 30)
        threading.Timer(0.6, theirs_too.sendall, [b"abc"]).start()
        assert body.read(3) == b"abc"


def test_its_seconds_count_from_its_first_read(line):
    ours, theirs = line
    body = TimedBody(Drops(ours), ours, 0.5)
    theirs.sendall(b"a")
    assert body.read(1) == b"a"
    first_until = body.until
    with pytest.raises(TimeoutError):
        body.read(1)
    assert body.until == first_until


def test_a_thousand_bodies_begin_one_thread(line):
    ours, _ = line
    TimedBody(io.BytesIO(b"x"), ours, 30).read()
    before = threading.active_count()
    seen = set()
    for _ in range(1000):
        assert TimedBody(io.BytesIO(b"a body"), ours, 30).read() == b"a body"
        seen.add(threading.active_count())
    assert max(seen) <= before
