"""The HTTP side: GraphQL per shop and version, OAuth, result downloads, the control API and the pages."""

from __future__ import annotations

import json
import re
import socket
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from tests.simulator.documents.executor import Answer
from tests.simulator.pages import installing
from tests.simulator.wire import auth
from tests.simulator.wire.faults import HTML, WAITS, strike_after, strike_before
from tests.simulator.wire.problems import HttpError, LostConnection, RequestError

GRAPHQL = re.compile(r"/([^/]+)/admin/api/([^/]+)/graphql\.json\Z")
TOKEN = re.compile(r"/([^/]+)/admin/oauth/access_token\Z")
RESULT = re.compile(r"/_bulk/([\w-]+)\.jsonl\Z")
MAX_BODY_BYTES = 50_000_000
NOT_FOUND = {"errors": "Not Found"}


class Server:
    """Threads of one ThreadingHTTPServer; `url` is where it listens."""

    def __init__(self, simulator, host: str, port: int):
        handler = type("BoundHandler", (Handler,), {"simulator": simulator})
        self._http = _Listener((host, port), handler)
        self.url = f"http://{host}:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), name="simulator", daemon=True)
        self._thread.start()

    def finish_requests(self, timeout: float = 10.0) -> bool:
        """Answer what has arrived, and close every connection, so that nothing of who is gone is carried out later.

        False when that took longer (real seconds). Who is still there connects anew.
        """
        self._http.close_connections()
        return self._http.wait_until_closed(timeout)

    def stop(self) -> None:
        self._http.shutdown()
        self._http.close_connections()
        self._http.server_close()
        self._thread.join(timeout=5)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    def process_request(self, request, client_address):
        with self._lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        with self._lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """A stopped simulator answers nobody, kept-alive connections included."""
        with self._lock:
            for request in self._open:
                try:
                    request.shutdown(socket.SHUT_RDWR)
                except OSError:
                    continue

    def wait_until_closed(self, timeout: float) -> bool:
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            with self._lock:
                if not self._open:
                    return True
            time.sleep(0.005)
        return False

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    simulator = None
    wbufsize = 64 * 1024

    def log_message(self, *_):
        """The shops keep their own log of requests."""

    def date_time_string(self, timestamp=None):
        """The Date header is Shopify's clock, not this machine's."""
        return super().date_time_string(self.simulator.clock.seconds() if timestamp is None else timestamp)

    def send_header(self, keyword, value):
        if keyword != "Date" or self._tells_the_time():
            super().send_header(keyword, value)

    def _tells_the_time(self) -> bool:
        found = GRAPHQL.match(self.path)
        shop = self.simulator.shops.get(found[1]) if found else None
        return shop is None or shop.knobs.tells_the_time

    def do_GET(self):
        self._answer(self._get)

    def do_POST(self):
        self._answer(self._post)

    def _answer(self, produce) -> None:
        try:
            produce()
        except LostConnection:
            self._hang_up()
        except ConnectionError:
            self.close_connection = True
        except Exception:
            traceback.print_exc()
            self._send_json(500, {"errors": "the simulator is broken: see its output"})

    def _hang_up(self) -> None:
        """Closes without a byte of an answer."""
        self.close_connection = True
        try:
            self.connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            return

    # Routes

    def _get(self) -> None:
        path = urlsplit(self.path).path
        result = RESULT.match(path)
        if path.startswith("/_control/"):
            return self._control("GET", path, dict(parse_qsl(urlsplit(self.path).query)))
        if result:
            return self._result(result[1])
        if asked := installing.PATH.match(path):
            return self._authorize(asked[1], dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True)))
        picture = self.simulator.picture(path)
        if picture is not None:
            return self._send(200, picture[0], picture[1])
        page = self.simulator.page(self.path)
        if page is None:
            return self._send_json(404, NOT_FOUND)
        return self._send(200, page.encode(), "text/html; charset=utf-8")

    def _post(self) -> None:
        path = urlsplit(self.path).path
        body = self._body()
        if body is None:
            return self._send_json(413, {"errors": "Payload Too Large"})
        if path.startswith("/_staged/"):
            return self._staged(path, body)
        graphql, token = GRAPHQL.match(path), TOKEN.match(path)
        if graphql:
            return self._graphql(graphql[1], graphql[2], body)
        if token:
            return self._token(token[1], body)
        if path.startswith("/_control/"):
            return self._control("POST", path, _read_json(body) if body else {})
        form = dict(parse_qsl(body.decode(errors="replace"), keep_blank_values=True))
        if pressed := installing.PATH.match(path):
            return self._authorize(pressed[1], form, is_form=True)
        place = self.simulator.act(path, form)
        if place is None:
            return self._send_json(404, NOT_FOUND)
        return self._send(303, b"", "text/plain", {"Location": place})

    def _staged(self, path: str, body: bytes) -> None:
        """The storage for staged uploads wants to know a length before."""
        if self.headers.get("Content-Length") is None:
            return self._send(411, b"", "text/plain")
        status, text = self.simulator.receive_upload(path, self.headers.get("Content-Type") or "", body)
        return self._send(status, text.encode(), "application/xml")

    def _body(self) -> bytes | None:
        size = int(self.headers.get("Content-Length") or 0)
        return self.rfile.read(size) if size <= MAX_BODY_BYTES else None

    def _graphql(self, domain: str, version: str, body: bytes) -> None:
        shop = self.simulator.shops.get(domain)
        if shop is None:
            self._send_on(domain)
        elif not (self.headers.get("Content-Type") or "").startswith("application/json"):
            self._send_json(400, {"errors": {"query": "Required parameter missing or invalid"}})
        else:
            started = time.perf_counter()
            request = _read_json(body)
            shop.counters.own_seconds += time.perf_counter() - started
            token = self.headers.get("X-Shopify-Access-Token")
            self._send_answer(self.simulator.executor.answer(shop, version, token, request), shop)

    def _send_on(self, domain: str) -> None:
        """A store that was renamed answers under its former name with its new one (row 66)."""
        new = self.simulator.renamed.get(domain)
        if new is None:
            return self._send_json(404, NOT_FOUND)
        place = self.simulator.base_url + self.path.replace(f"/{domain}/", f"/{new}/", 1)
        return self._send(301, b"", "text/html", {"Location": place})

    def _send_answer(self, answer: Answer, shop=None) -> None:
        if answer.lost:
            self._hang_up()
        elif answer.html:
            self._send(answer.status, HTML.encode(), "text/html; charset=utf-8", answer.headers)
        else:
            started = time.perf_counter()
            text = json.dumps(answer.body).encode()
            if shop is not None:
                shop.counters.own_seconds += time.perf_counter() - started
            self._send(answer.status, text, "application/json; charset=utf-8", answer.headers)

    def _token(self, domain: str, body: bytes) -> None:
        shop = self.simulator.shops.get(domain)
        if shop is None and domain in self.simulator.renamed:
            return self._send_on(domain)
        kind = (self.headers.get("Content-Type") or "").partition(";")[0]
        form = _read_json(body) if kind == "application/json" else dict(parse_qsl(body.decode(errors="replace")))
        drawn = self.simulator.faults(shop).draw((), "oauth") if shop is not None else []
        struck = next((fault for fault in drawn if fault.kind not in WAITS), None)
        time.sleep(sum(fault.seconds for fault in drawn if fault.kind in WAITS))
        try:
            if struck is not None:
                strike_before(struck)
            granted = auth.grant(shop, form if isinstance(form, dict) else {}, self.simulator.clock)
            if struck is not None:
                strike_after(struck)
            self._send_json(200, granted)
        except auth.OAuthError as problem:
            self._send_json(problem.status, problem.body())
        except HttpError as problem:
            body = None if problem.html else {"errors": problem.errors}
            self._send_answer(Answer(problem.status, body, problem.html, dict(problem.headers)))
        except RequestError as problem:
            self._send_json(500, {"errors": problem.errors[0]["message"]})

    def _authorize(self, domain: str, given: dict[str, str], *, is_form: bool = False) -> None:
        status, page, place = installing.answer(self.simulator, domain, given, is_form=is_form)
        self._send(status, page.encode(), "text/html; charset=utf-8", {"Location": place} if place else None)

    def _control(self, method: str, path: str, given: object) -> None:
        status, body = self.simulator.control(method, path.removeprefix("/_control/"), given)
        self._send_json(status, body)

    def _result(self, token: str) -> None:
        found = self.simulator.bulk.open_result(token)
        if found is None:
            return self._send(403, b"<Error><Code>ExpiredToken</Code></Error>", "application/xml")
        size, chunks = found
        self.send_response(200)
        self.send_header("Content-Type", "application/jsonl")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        for chunk in chunks:
            self.wfile.write(chunk)
        self.wfile.flush()
        return None

    # Answers

    def _send_json(self, status: int, body: object) -> None:
        self._send(status, json.dumps(body).encode(), "application/json; charset=utf-8")

    def _send(self, status: int, body: bytes, kind: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


def _read_json(body: bytes) -> object:
    """None for what is no JSON: the executor answers 400 to that."""
    try:
        return json.loads(body)
    except ValueError:
        return None
