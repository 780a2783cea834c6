"""The sandbox as an HTTP server on a local port, for browsers and other programs."""

import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from urllib.parse import parse_qsl, unquote, urlsplit

from pipedrive_assets.sandbox.exchange import Call, Dropped, Reply
from pipedrive_assets.sandbox.sandbox import Sandbox

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Server:
    """A running HTTP server for the sandbox; leaving its context stops it."""

    def __init__(self, http: ThreadingHTTPServer) -> None:
        self._http = http
        self._thread = Thread(
            target=http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Address of the server, without a slash at the end."""
        host, port = self._http.server_address[:2]
        name = str(host)
        return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"

    def wait(self) -> None:
        """Block until the server is stopped."""
        self._thread.join()

    def stop(self) -> None:
        """Stop the server and close its port."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def __enter__(self) -> "Server":  # noqa: PYI034 -- Self needs Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def serve(
    sandbox: Sandbox,
    port: int = 0,
    host: str = "127.0.0.1",
    *,
    latency: float = 0.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Server:
    """Start an HTTP server for the sandbox on this machine.

    Args:
        sandbox: The account to serve.
        port: Port number; 0 takes a free port.
        host: Loopback address or name.
        latency: Seconds by which each reply is delayed.
        sleep: Function that waits for the latency.

    Returns:
        The running server.

    Raises:
        ValueError: If `host` is not a loopback address.
    """
    if host not in LOOPBACK:
        raise ValueError(f"The sandbox listens on {', '.join(LOOPBACK)} only, not on {host!r}")
    kind = _Server6 if ":" in host else _Server
    handler = type("Handler", (_Handler,), {"sandbox": sandbox, "latency": latency, "sleep": sleep})
    return Server(kind((host, port), handler))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore connections that the client closed; report other errors as usual."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    sandbox: Sandbox
    latency: float
    sleep: Callable[[float], None]
    protocol_version = "HTTP/1.1"
    server_version = "sandbox"
    sys_version = ""
    # The defaults allow only 23 replies a second: each waits for a delayed acknowledgement.
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_GET(self) -> None:
        """Answer a call."""
        parts = urlsplit(self.path)
        call = Call(
            path=unquote(parts.path),
            method=self.command,
            params=tuple(parse_qsl(parts.query, keep_blank_values=True)),
            headers={key.lower(): value for key, value in self.headers.items()},
            # An unread body would be parsed as the next call on the same connection.
            body=self.rfile.read(int(self.headers.get("content-length", "0"))),
        )
        if self.latency:
            type(self).sleep(self.latency)
        try:
            reply = self.sandbox.answer(call)
        except Dropped:
            self._hang_up()
            return
        self._write(reply)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 -- names of the base class

    def _write(self, reply: Reply) -> None:
        self.send_response_only(reply.status)
        for key, value in reply.headers.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        self.wfile.write(reply.body[: reply.cut])
        self.wfile.flush()
        if reply.cut is not None:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Log nothing: the sandbox has its own log."""
