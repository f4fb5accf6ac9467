"""Who sends a body drop by drop: a real server, a real connection, and a thread that is free again."""

import contextlib
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from tests.benchmarks.staging.stage import free_port

LENGTH, MOST_DROPS = 100_000, 3000


@pytest.fixture
def server(product_env, tmp_path):
    """gunicorn as Procfile starts it, with one thread and little patience."""
    port = free_port()
    options = ["--worker-class", "gthread", "--workers", "1", "--threads", "1", "--bind", f"127.0.0.1:{port}"]
    options += ["--no-control-socket", "--log-level", "warning"]
    env = product_env | {"BODY_SECONDS": "1", "ALLOWED_HOSTS": "127.0.0.1", "SECURE_SSL_REDIRECT": "false"}
    with subprocess.Popen([sys.executable, "-m", "gunicorn", "tiposync.wsgi", *options], env=env) as process:
        try:
            _wait_for(port)
            yield port
        finally:
            process.terminate()


def _wait_for(port: int) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10):
            return
        time.sleep(0.1)
    raise AssertionError("the server did not start")


@pytest.mark.process
@pytest.mark.parametrize("path", ["/webhooks/shopify/", "/admin/login/"])
def test_a_body_that_comes_drop_by_drop_is_answered_408_and_holds_no_thread(server, path):
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {LENGTH}", "Connection: keep-alive"]
    lines += ["Content-Type: application/x-www-form-urlencoded", f"X-Shopify-Hmac-Sha256: {'A' * 43}=", "", ""]
    with socket.create_connection(("127.0.0.1", server), timeout=60) as slow:
        slow.sendall("\r\n".join(lines).encode())
        slow.settimeout(0.02)
        answer, sent = b"", 0
        while not answer and sent < MOST_DROPS:  # never silent, and never done
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                slow.sendall(b"a")
            sent += 1
            with contextlib.suppress(TimeoutError):
                answer = slow.recv(1000)
    assert answer.startswith(b"HTTP/1.1 408 "), answer
    with urllib.request.urlopen(f"http://127.0.0.1:{server}/healthz", timeout=60) as healthy:
        assert healthy.status == 200  # by the only thread there is
