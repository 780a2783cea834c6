"""One HTTP request: returns a reply, or raises an error that explains why there is none.

`requests` is used for its connection pool, proxies and certificates only. Redirects are not
followed, cookies are not kept, and ~/.netrc is not read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

from pipedrive_assets.api.access import Access
from pipedrive_assets.api.no_debug_adapter import NoDebugAdapter
from pipedrive_assets.api.verdict import ApiReply
from pipedrive_assets.errors import ConfigurationError

CONNECT_SECONDS, READ_SECONDS, WHOLE_REPLY_SECONDS = 10.0, 60.0, 180.0
USER_AGENT = "pipedrive-assets"
CONNECTIONS = 512
"""Size of the connection pool; more than the number of requests that all tables send at once."""

READ_BYTES = 1 << 16
QUOTE_CHARACTERS = 300

SECRET_CHARACTERS = 16
"""A shorter secret, such as the sandbox's token, may be a word of the data."""

Params = Sequence[tuple[str, str]]
Settings = dict[str, Any]
"""Arguments of the adapter: proxies, certificates."""


class NoReply(Exception):
    """No complete reply was received. The message contains nothing that was sent."""


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

    def hide(self, *secrets: str) -> None:
        """Replace these secrets in quotes of replies from now on."""
        self._secrets |= {secret for secret in secrets if secret}

    def get(self, path: str, params: Params, access: Access) -> ApiReply:
        """Send one GET request.

        Args:
            path: Path below the base URL.
            params: Query parameters.
            access: The host and the header with the token.

        Returns:
            The reply, whatever its status.

        Raises:
            NoReply: No complete reply was received.
            ConfigurationError: The certificate of the host is not trusted, or the file of
                certificates does not exist.
        """
        return self._send("GET", access.base_url, f"/{path}", access.headers, params=list(params))

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

    def _send(
        self, method: str, host: str, path: str, headers: Mapping[str, str], **content: Any
    ) -> ApiReply:
        request = requests.PreparedRequest()
        every = self._session.headers
        try:
            # The session's own method would read ~/.netrc and the environment for each request.
            request.prepare(
                method, host + path, {**every, **headers}, auth=_only_headers, **content
            )
            return self._exchange(request, self._settings_of(host))
        except (NoReply, ConfigurationError):
            raise
        except Exception as error:  # noqa: BLE001 - the library lets OSError, ValueError and urllib3's errors through
            if UNTRUSTED & _kinds(error):
                raise ConfigurationError(_UNTRUSTED.format(url=_origin(host))) from None
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

    def _exchange(self, request: requests.PreparedRequest, settings: Settings) -> ApiReply:
        timeout = (CONNECT_SECONDS, self._read_seconds)
        whole_seconds = max(WHOLE_REPLY_SECONDS, self._read_seconds)
        deadline = self._monotonic() + whole_seconds
        with self._adapter.send(request, timeout=timeout, **settings) as response:
            content = bytearray()
            for piece in _pieces(response):
                content += piece
                if self._monotonic() > deadline:
                    raise NoReply(f"the reply was not complete after {whole_seconds:.0f} s")
            headers = {name.lower(): value for name, value in response.headers.items()}
            return ApiReply(status=response.status_code, headers=headers, content=bytes(content))


def _only_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Take no password from the URL; all access is in the headers."""
    return request


def _origin(url: str) -> str:
    """Return a URL without its path, which can contain ids."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """Yield the decompressed body as it arrives.

    Waiting for pieces of full size would block for ever if a server sends a few bytes at a time.
    """
    raw = response.raw
    raw.decode_content = True
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


UNTRUSTED = {"SSLCertVerificationError", "CertificateError"}
"""Exceptions of the libraries for a certificate that is not trusted; retrying cannot help."""

_UNTRUSTED = (
    "The certificate of {url} is not trusted, so no token was sent. Check "
    "PIPEDRIVE_BASE_URL and this machine's clock. Where a proxy inspects TLS, set "
    "REQUESTS_CA_BUNDLE to a file that includes the proxy's root certificate. Then run again."
)

_TROUBLES = (
    (
        {"gaierror", "NameResolutionError"},
        "the host name of {url} has no address; check the network, DNS and PIPEDRIVE_BASE_URL",
    ),
    ({"ProxyError", "InvalidProxyURL"}, "the proxy failed; check HTTPS_PROXY and NO_PROXY"),
    (
        {"SSLError"},
        "the TLS handshake with {url} failed; check the network, firewall and proxy",
    ),
    (
        {"ConnectionRefusedError"},
        "the connection to {url} was refused; check PIPEDRIVE_BASE_URL and the proxy settings",
    ),
    (
        {"ConnectTimeout", "ConnectTimeoutError"},
        f"no connection to {{url}} within {CONNECT_SECONDS:.0f} s; check the firewall and proxy",
    ),
    (
        {"ReadTimeout", "ReadTimeoutError", "TimeoutError"},
        "no data was received for {seconds:g} s",
    ),
    ({"ContentDecodingError", "DecodeError"}, "the reply could not be decompressed"),
)


def trouble(error: BaseException, url: str, read_seconds: float = READ_SECONDS) -> str:
    """Describe a connection error and what to check.

    Only the class names of the error are used, because the libraries' messages quote the request.

    Args:
        error: The exception.
        url: Base URL of the account.
        read_seconds: The read timeout, in seconds.

    Returns:
        The cause and what to check, as a clause without a period.
    """
    kinds = _kinds(error)
    for some, sentence in _TROUBLES:
        if kinds & some:
            return sentence.format(url=url, seconds=read_seconds)
    return f"the connection failed ({type(error).__name__})"


def _kinds(error: BaseException) -> set[str]:
    """Return the class names of an error, of its base classes, and of all errors it wraps."""
    seen: list[BaseException] = [error]
    for each in seen:
        inner = (*each.args, getattr(each, "reason", None), each.__cause__, each.__context__)
        seen += [one for one in inner if isinstance(one, BaseException) and one not in seen]
    return {kind.__name__ for each in seen for kind in type(each).__mro__}
