"""One HTTP request: returns a reply, or raises an error that explains why there is none.

`requests` is used for its connection pool, proxies and certificates only. Redirects are not
followed, cookies are not kept, and ~/.netrc is not read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import requests

from pipedrive_assets.api.access import Access
from pipedrive_assets.api.connection_errors import (
    CONNECT_SECONDS,
    NOT_TRUSTED,
    READ_SECONDS,
    UNTRUSTED,
    kinds_of,
    trouble,
)
from pipedrive_assets.api.hidden_url_adapter import HiddenUrlAdapter
from pipedrive_assets.api.no_debug_adapter import NoDebugAdapter
from pipedrive_assets.api.verdict import ApiReply
from pipedrive_assets.errors import ConfigurationError, PipedriveError

WHOLE_REPLY_SECONDS = 180.0
USER_AGENT = "pipedrive-assets"
CONNECTIONS = 512
"""Size of the connection pool; more than the number of requests that all tables send at once."""

SLOWEST_BYTES_PER_SECOND = 20_000
"""A file may take longer than other replies, but is not read more slowly than this."""

FILE_HEADERS = {"accept": "*/*", "accept-encoding": "identity"}
"""Headers of the request for a file: the bytes that arrive are those of the file."""

READ_BYTES = 1 << 16
QUOTE_CHARACTERS = 300

SECRET_CHARACTERS = 16
"""A shorter secret, such as the sandbox's token, may be a word of the data."""

Params = Sequence[tuple[str, str]]
Settings = dict[str, Any]
"""Arguments of the adapter: proxies, certificates."""


class NoReply(Exception):
    """No complete reply was received. The message contains nothing that was sent."""


class Sink(Protocol):
    """Takes the body of a successful reply as it arrives, without decompressing it."""

    def begin(self, headers: Mapping[str, str]) -> None:
        """Start over with the body of a reply; the names of its headers are in lower case."""

    def write(self, piece: bytes) -> None:
        """Take the next bytes."""


class Wire:
    """HTTP connection to one account; hides its secrets in quotes of replies. Thread-safe."""

    def __init__(
        self,
        *,
        base_url: str,
        adapter: requests.adapters.BaseAdapter | None,
        user_agent: str = USER_AGENT,
        read_seconds: float = READ_SECONDS,
        monotonic: Callable[[], float],
    ) -> None:
        """Create the session; no request is sent.

        Args:
            base_url: Address of the API, without a trailing slash.
            adapter: Replaces the network; None for the default adapter.
            user_agent: Value of the `User-Agent` header.
            read_seconds: Read timeout: seconds without a received byte.
            monotonic: Returns a monotonic time in seconds.

        Raises:
            ConfigurationError: The user agent is not valid in a header.
        """
        if not (user_agent.isascii() and user_agent.isprintable()):
            raise ConfigurationError(
                f"The user agent {user_agent!r} has characters that are not allowed in an HTTP "
                "header. Nothing was requested. Use printable ASCII characters only."
            )
        self.base_url, self._monotonic = base_url, monotonic
        self._read_seconds = read_seconds
        self._secrets: frozenset[str] = frozenset()
        self._session = requests.Session()
        self._session.headers.update({"accept": "application/json", "user-agent": user_agent})
        self._settings: dict[str, Settings] = {}
        self._adapter = adapter or NoDebugAdapter(pool_maxsize=CONNECTIONS)
        self._storage_adapter = adapter or HiddenUrlAdapter()

    def hide(self, *secrets: str) -> None:
        """Replace these secrets in quotes of replies from now on."""
        self._secrets |= {secret for secret in secrets if secret}

    def get(self, path: str, params: Params, access: Access, sink: Sink | None = None) -> ApiReply:
        """Send one GET request.

        Args:
            path: Path below the base URL.
            params: Query parameters.
            access: The host and the header with the token.
            sink: Takes the body of a 2xx reply, whose `content` is then empty.

        Returns:
            The reply, whatever its status.

        Raises:
            NoReply: No complete reply was received.
            ConfigurationError: The certificate of the host is not trusted, or the file of
                certificates does not exist.
        """
        headers = {**access.headers, **FILE_HEADERS} if sink else access.headers
        return self._send(
            "GET", access.base_url, f"/{path}", headers, sink=sink, params=list(params)
        )

    def get_file(self, url: str, sink: Sink) -> ApiReply:
        """Send one GET request without a token, for example to a signed URL of a storage.

        Args:
            url: The complete URL. It is neither logged nor part of an exception.
            sink: Takes the body of a 2xx reply, whose `content` is then empty.

        Returns:
            The reply, whatever its status.

        Raises:
            NoReply: No complete reply was received.
            ConfigurationError: As for `get`.
        """
        parts = urlsplit(url)
        host = f"{parts.scheme}://{parts.netloc}"
        return self._send("GET", host, url[len(host) :], FILE_HEADERS, sink=sink, is_hidden=True)

    def post(self, url: str, form: Mapping[str, str], headers: Mapping[str, str]) -> ApiReply:
        """Send one POST request with a form.

        Args:
            url: The complete URL.
            form: The form.
            headers: Headers besides those of the session.

        Returns:
            The reply, whatever its status.

        Raises:
            NoReply: No complete reply was received.
            ConfigurationError: As for `get`.
        """
        return self._send("POST", url, "", headers, data=dict(form))

    def _send(  # noqa: PLR0913 - the parts of a request
        self,
        method: str,
        host: str,
        path: str,
        headers: Mapping[str, str],
        *,
        sink: Sink | None = None,
        is_hidden: bool = False,
        **content: Any,
    ) -> ApiReply:
        request = requests.PreparedRequest()
        every = self._session.headers
        try:
            # The session's own method would read ~/.netrc and the environment for each request.
            request.prepare(
                method, host + path, {**every, **headers}, auth=_only_headers, **content
            )
            adapter = self._storage_adapter if is_hidden else self._adapter
            return self._exchange(adapter, request, self._settings_of(host), sink)
        except (NoReply, PipedriveError):
            raise
        except Exception as error:  # noqa: BLE001 - the library lets OSError, ValueError and urllib3's errors through
            if UNTRUSTED & kinds_of(error):
                raise ConfigurationError(NOT_TRUSTED.format(url=_origin(host))) from None
            raise NoReply(trouble(error, _origin(host), self._read_seconds)) from None

    def _settings_of(self, host: str) -> Settings:
        """Return proxies and certificates from the environment variables, read once per host."""
        if host not in self._settings:
            found: Settings = {
                **self._session.merge_environment_settings(host, {}, True, None, None)
            }
            _check_certificates(found["verify"])
            self._settings[host] = found
        return self._settings[host]

    def without_secrets(self, content: bytes) -> bytes:
        """Replace the secrets in the content of a reply, except words that data may contain."""
        for secret in self._secrets:
            if len(secret) >= SECRET_CHARACTERS:
                content = content.replace(secret.encode(), b"***")
        return content

    def clean(self, text: str) -> str:
        """Make text of a reply safe for a message: one short, printable line without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        printable = "".join(sign if sign.isprintable() else " " for sign in text)
        return " ".join(printable.split())[:QUOTE_CHARACTERS]

    def _exchange(
        self,
        adapter: requests.adapters.BaseAdapter,
        request: requests.PreparedRequest,
        settings: Settings,
        sink: Sink | None,
    ) -> ApiReply:
        timeout = (CONNECT_SECONDS, self._read_seconds)
        whole_seconds = max(WHOLE_REPLY_SECONDS, self._read_seconds)
        began = self._monotonic()
        with adapter.send(request, timeout=timeout, **settings) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            content = bytearray()
            take: Callable[[bytes], object] = content.extend
            is_file = sink is not None and 200 <= response.status_code < 300
            if sink is not None and is_file:
                sink.begin(headers)
                take = sink.write
                whole_seconds += length_of(headers) / SLOWEST_BYTES_PER_SECOND
            for piece in _pieces(response, decoded=not is_file):
                take(piece)
                if self._monotonic() > began + whole_seconds:
                    raise NoReply(f"the reply was not complete after {whole_seconds:.0f} s")
            return ApiReply(status=response.status_code, headers=headers, content=bytes(content))


def length_of(headers: Mapping[str, str]) -> int:
    """Return the `content-length` in bytes; 0 if it is missing or not a number."""
    text = headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdecimal() else 0


def _only_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Take no password from the URL; all access is in the headers."""
    return request


def _origin(url: str) -> str:
    """Return a URL without its path, which can contain ids."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _pieces(response: requests.Response, *, decoded: bool) -> Iterator[bytes]:
    """Yield the body as it arrives, decompressed if `decoded`.

    Waiting for pieces of full size would block for ever if a server sends a few bytes at a time.
    """
    raw = response.raw
    raw.decode_content = decoded
    read = getattr(raw, "read1", raw.read)
    while piece := read(READ_BYTES):
        yield piece


def _check_certificates(verify: bool | str) -> None:
    """Raise ConfigurationError if the file of trusted certificates does not exist."""
    if isinstance(verify, str) and not Path(verify).exists():
        raise ConfigurationError(
            f"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE is {verify!r}, which does not exist. Nothing "
            "was requested. Set it to a file of trusted certificates, or remove it."
        )
