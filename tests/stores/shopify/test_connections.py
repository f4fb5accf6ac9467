"""What real sockets do: refused, cut before the answer, cut in the middle of it, kept open between requests."""

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from stores.shopify import bulk, errors
from stores.shopify.auth import StaticToken
from stores.shopify.client import Client
from stores.shopify.throttle import LocalBucket
from tests.stores.shopify.wire import READ, TOKEN, VERSION, WRITE, Naps

ANSWER = json.dumps({"data": {"touch": {"ok": True}}}).encode()


class Server(ThreadingHTTPServer):
    """Answers by a plan: one of "answer", "cut", "half" for each request; then "answer"."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.plan: list[str] = []
        self.requests, self.connections = 0, 0
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests += 1
        step = self.server.plan.pop(0) if self.server.plan else "answer"
        if step != "cut":
            self.send_response(200)
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            self.wfile.write(ANSWER if step == "answer" else ANSWER[:9])
        if step != "answer":
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    do_GET = do_POST

    def log_message(self, *args) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join()


def client(url: str) -> Client:
    return Client(url, VERSION, StaticToken(TOKEN), LocalBucket(), sleep=Naps())


def test_connections_stay_open_between_requests(server):
    asking = client(server.url)
    for _ in range(3):
        asking.execute(READ, cost=1)
    assert (server.requests, server.connections) == (3, 1)


@pytest.mark.parametrize("step", ["cut", "half"])
def test_a_write_whose_answer_is_cut_is_sent_once_and_unknown(server, step):
    server.plan = [step]
    with pytest.raises(errors.AnswerLost) as caught:
        client(server.url).execute(WRITE, cost=10)
    assert caught.value.outcome_unknown is True
    assert server.requests == 1


@pytest.mark.parametrize("step", ["cut", "half"])
def test_a_write_on_a_connection_that_was_open_before_is_not_sent_twice_either(server, step):
    asking = client(server.url)
    asking.execute(WRITE, cost=10)
    server.plan = [step]
    with pytest.raises(errors.AnswerLost):
        asking.execute(WRITE, cost=10)
    assert server.requests == 2


@pytest.mark.parametrize("step", ["cut", "half"])
def test_a_query_whose_answer_is_cut_is_asked_again(server, step):
    server.plan = [step]
    assert client(server.url).execute(READ, cost=1) == {"touch": {"ok": True}}
    assert server.requests == 2


def test_a_bulk_file_that_is_shorter_than_announced_is_not_taken_for_whole(server):
    server.plan = ["half"]
    with pytest.raises(errors.AnswerLost):
        list(bulk.stream(f"{server.url}/file.jsonl"))


def test_a_refused_connection_sent_nothing():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(errors.Unreachable) as caught:
        client(f"http://127.0.0.1:{port}").execute(WRITE, cost=10)
    assert caught.value.outcome_unknown is False


def test_text_that_is_no_address_is_told_as_such():
    with pytest.raises(errors.QueryRejected, match="domain"):
        client("http://").execute(WRITE, cost=10)
