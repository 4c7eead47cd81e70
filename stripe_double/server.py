"""The HTTP server and `Double`, the stand-in as one object for tests and demos."""

import json
import socket
import threading
import time
from contextlib import suppress
from datetime import datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from stripe_double import admin, pages
from stripe_double.api import Api
from stripe_double.core import Endpoint, Sim
from stripe_double.routes import connect
from stripe_double.spec import document
from stripe_double.store import Store
from stripe_double.webhooks import Webhooks

LARGEST_BODY = 1 << 20


class Handler(BaseHTTPRequestHandler):
    """One connection; kept alive between requests."""

    protocol_version = "HTTP/1.1"
    server_version = "SimulatedStripe"
    sys_version = ""
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60
    server: "Server"

    def log_message(self, *args: Any) -> None:
        """Quiet: a replay makes many thousands of requests."""

    def _handle(self) -> None:
        length = self.headers.get("Content-Length") or "0"
        if not length.isdigit() or int(length) > LARGEST_BODY:
            self._send_json(413, {"error": {"type": "invalid_request_error"}}, {})
            self.close_connection = True
            return
        body = self.rfile.read(int(length))
        path = urlsplit(self.path).path
        double = self.server.double
        if double.closed:
            self.close_connection = True
        elif path.startswith("/_double/"):
            kind = self.headers.get("Content-Type") or ""
            status, answer = admin.answer(
                double.sim, double.webhooks, self.command, path, kind, body
            )
            self._send_json(status, answer, {})
        elif path == "/favicon.ico":
            self._send(204, b"", {})
        elif path.startswith(("/c/", "/setup/")):
            page = pages.answer(double.sim, self.command, path, body)
            self._send(page.status, page.html.encode(), page.headers())
        else:
            self._send_api(body)

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = _handle  # noqa: N815 named by the standard library

    def _send_api(self, body: bytes) -> None:
        answer = self.server.double.api.answer(self.command, self.path, self.headers, body)
        if answer.hang_up:
            # Committed, but the client never hears of it: the double-pay test.
            time.sleep(answer.hang_up.hold_seconds)
            self.close_connection = True
            return
        self._send_json(answer.status, answer.body, answer.headers)

    def _send_json(self, status: int, body: dict[str, Any], headers: dict[str, str]) -> None:
        headers = {"Content-Type": "application/json", **headers}
        self._send(status, json.dumps(body).encode(), headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            # A stored address is a client's word; it must not become a header of its own.
            self.send_header(name, value.replace("\r", "").replace("\n", ""))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], double: "Double") -> None:
        super().__init__(address, Handler)
        self.double = double

        self.connections: set[socket.socket] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """End the connections that clients keep alive; their threads then close them."""
        for connection in list(self.connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news."""


class Double:
    """A running stand-in. `with Double.start(webhook=..., secret=...) as double: double.url`."""

    def __init__(self, sim: Sim, address: tuple[str, int], public_url: str | None) -> None:
        self.closed = False
        self.sim = sim
        self.webhooks = Webhooks(sim)
        sim.wake = self.webhooks.notify
        self.api = Api(connect(sim))
        self.server = Server(address, self)
        host, port = self.server.server_address[:2]
        self.url = f"http://{host!s}:{port}"
        sim.public_url = (public_url or self.url).rstrip("/")
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)

    @classmethod
    def start(
        cls,
        *,
        webhook: str | None = None,
        secret: str | None = None,
        connect_webhook: str | None = None,
        connect_secret: str | None = None,
        state: str | Path | None = None,
        now: str | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        public_url: str | None = None,
    ) -> Self:
        """Start serving at once, on a free port by default.

        `now` (ISO 8601) is where the double's clock starts; `state` a SQLite file that survives
        kill -9 and wins over `now`. An endpoint without its secret is a ValueError.
        """
        endpoints = {}
        for name, url, key in (
            ("platform", webhook, secret),
            ("connect", connect_webhook, connect_secret),
        ):
            if bool(url) != bool(key):
                raise ValueError(f"The {name} webhook needs both an address and a secret.")
            if url and key:
                endpoints[name] = Endpoint(url, key)
        start = int(datetime.fromisoformat(now).timestamp()) if now else None
        document()
        sim = Sim(Store(state), endpoints=endpoints, start=start)
        try:
            double = cls(sim, (host, port), public_url)
        except OSError:
            sim.store.close()
            raise
        double._thread.start()
        double.webhooks.start()
        return double

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop serving and delivering; what is in the state file stays there."""
        if self.closed:
            return
        self.closed = True
        self.server.shutdown()
        self.server.server_close()
        self.server.hang_up()
        self.webhooks.stop()
        self.sim.store.close()

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """POST to one of the stand-in's own endpoints, for example `/_double/clock`."""
        return self._own("POST", path, json.dumps(body or {}))

    def get(self, path: str) -> dict[str, Any]:
        return self._own("GET", path, None)

    def _own(self, method: str, path: str, body: str | None) -> dict[str, Any]:
        connection = HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            parsed = json.loads(answer.read())
        finally:
            connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {parsed['error']['message']}")
        return parsed

    def advance(self, seconds: int) -> None:
        """Move the double's clock forward; what becomes due happens at once."""
        self.post("/_double/clock", {"advance_seconds": seconds})

    def drain(self, timeout: float = 10.0) -> int:
        """Wait for all webhooks to be delivered or given up; returns how many are left."""
        return self.webhooks.drain(timeout)
