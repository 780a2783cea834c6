"""Receives the code of an OAuth consent on this machine."""

import hmac
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from threading import Thread
from types import TracebackType
from urllib.parse import parse_qs, urlsplit

from pipedrive_assets.errors import ConfigurationError, LoginFailed

CALLBACK = "/callback"
RECEIVED = "The sign-in was received. Close this window and go back to the terminal."
UNKNOWN = "This address does not belong to the sign-in that is in progress."
STALLED_SECONDS = 10
"""A browser opens connections in advance; one without a request is closed after this time."""


class Loopback:
    """An HTTP server on 127.0.0.1 that waits for the callback of one consent."""

    def __init__(self, port: int, state: str) -> None:
        """Open the port.

        Args:
            port: The port; 0 takes a free one.
            state: The random text that the callback has to contain.

        Raises:
            ConfigurationError: The port cannot be opened.
        """
        self._answers: Queue[dict[str, str]] = Queue()
        handler = type("Handler", (_Handler,), {"state": state, "answers": self._answers})
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        except (OSError, OverflowError) as error:
            raise ConfigurationError(
                f"Port {port} cannot be opened ({error}). Nothing was requested. Use another one, "
                "for example --port 8125, and change the app's callback URL in Developer Hub."
            ) from None
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def redirect_uri(self) -> str:
        """The callback URL. Pipedrive accepts http for localhost."""
        return f"http://localhost:{self._server.server_port}{CALLBACK}"

    def wait(self, seconds: float) -> str:
        """Return the code.

        Args:
            seconds: How long to wait.

        Raises:
            LoginFailed: The user declined, or nothing was received in time.
        """
        try:
            answer = self._answers.get(timeout=seconds)
        except Empty:
            raise LoginFailed(
                f"No sign-in was received on {self.redirect_uri} within {seconds:.0f} seconds. "
                "Nothing was stored. Check that the app's callback URL in Developer Hub is this "
                "address, then run `pipedrive-assets login` again."
            ) from None
        if "code" in answer:
            return answer["code"]
        raise LoginFailed(
            f"Pipedrive returned «{answer['error']}» instead of a code. Nothing was stored. Run "
            "`pipedrive-assets login` again, and allow the app to access the account."
        )

    def __enter__(self) -> "Loopback":  # noqa: PYI034 - Self needs Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: str
    answers: "Queue[dict[str, str]]"
    timeout = STALLED_SECONDS

    def do_GET(self) -> None:
        """Accept the callback with the expected state; refuse everything else."""
        parts = urlsplit(self.path)
        given = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        is_ours = hmac.compare_digest(given.get("state", "").encode(), self.state.encode())
        if parts.path != CALLBACK or not is_ours or not given.keys() & {"code", "error"}:
            self._write(400, UNKNOWN)
            return
        try:
            self._write(200, RECEIVED)
        finally:
            self.answers.put(given)

    def _write(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: the path contains the code."""
