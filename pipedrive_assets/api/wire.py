"""One exchange: from a path and parameters to a reply, or to a sentence on why none came.

A library's session is used for its pool, proxies and certificates only: nothing is redirected,
no cookie is kept, no password file is read.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import requests

from pipedrive_assets.api.no_debug_adapter import NoDebugAdapter
from pipedrive_assets.api.verdict import ApiReply
from pipedrive_assets.errors import ConfigurationError

CONNECT_SECONDS, READ_SECONDS, WHOLE_REPLY_SECONDS = 10.0, 60.0, 180.0
USER_AGENT = "pipedrive-assets"
CONNECTIONS = 512
"""More than all tables at once have calls under way: one beyond would be closed after each call,
with a warning."""

READ_BYTES = 1 << 16
QUOTE_CHARACTERS = 300

Params = Sequence[tuple[str, str]]


class NoReply(Exception):
    """No whole reply came. The text quotes nothing that was sent."""


class Wire:
    """The way to one account; safe from any thread. The api token stays in here."""

    def __init__(  # noqa: PLR0913 - the edges of the world, each replaceable
        self,
        *,
        base_url: str,
        api_token: str,
        adapter: requests.adapters.BaseAdapter | None,
        user_agent: str = USER_AGENT,
        read_seconds: float = READ_SECONDS,
        monotonic: Callable[[], float],
    ) -> None:
        """Raises ConfigurationError for an api token or a user agent that no header can carry."""
        if not (api_token.isascii() and api_token.isprintable() and api_token == api_token.strip()):
            raise ConfigurationError(
                "The api token has characters that no api token has (a line break, a space, an "
                "accent?). Copy it again from Pipedrive > Personal preferences > API."
            )
        if not (user_agent.isascii() and user_agent.isprintable()):
            raise ConfigurationError(
                f"The user agent {user_agent!r} has characters that no header can carry. "
                "Give plain letters, digits and signs."
            )
        self.base_url, self._api_token, self._monotonic = base_url, api_token, monotonic
        self._read_seconds = read_seconds
        self._session = requests.Session()
        # Without this, a password for the same host in ~/.netrc would go along.
        self._session.auth = lambda request: request
        self._session.headers.update(
            {
                "x-api-token": api_token,
                "accept": "application/json",
                "user-agent": user_agent,
            }
        )
        self._door = adapter or NoDebugAdapter(pool_maxsize=CONNECTIONS)

    def get(self, path: str, params: Params) -> ApiReply:
        """Ask once. Raises NoReply or ConfigurationError, and nothing from the library."""
        try:
            return self._exchange(path, params)
        except (NoReply, ConfigurationError):
            raise
        except Exception as error:  # noqa: BLE001 - the library lets OSError, ValueError and urllib3's errors through
            if UNTRUSTED & _kinds(error):
                raise ConfigurationError(_UNTRUSTED.format(url=self.base_url)) from None
            raise NoReply(trouble(error, self.base_url, self._read_seconds)) from None

    def clean(self, text: str) -> str:
        """Text from outside, fit for a message: one line, short, printable, without the api
        token.
        """
        hidden = text.replace(self._api_token, "***") if self._api_token else text
        printable = "".join(sign if sign.isprintable() else " " for sign in hidden)
        return " ".join(printable.split())[:QUOTE_CHARACTERS]

    def _exchange(self, path: str, params: Params) -> ApiReply:
        request = self._session.prepare_request(
            requests.Request("GET", f"{self.base_url}/{path}", params=list(params))
        )
        # Proxies and certificates of the environment.
        settings: dict[str, Any] = {
            **self._session.merge_environment_settings(request.url, {}, True, None, None)
        }
        _check_certificates(settings["verify"])
        timeout = (CONNECT_SECONDS, self._read_seconds)
        whole_seconds = max(WHOLE_REPLY_SECONDS, self._read_seconds)
        deadline = self._monotonic() + whole_seconds
        with self._door.send(request, timeout=timeout, **settings) as response:
            content = bytearray()
            for piece in _pieces(response):
                content += piece
                if self._monotonic() > deadline:
                    raise NoReply(f"the reply was not complete after {whole_seconds:.0f} s")
            headers = {name.lower(): value for name, value in response.headers.items()}
            return ApiReply(status=response.status_code, headers=headers, content=bytes(content))


def _pieces(response: requests.Response) -> Iterator[bytes]:
    """The body, decompressed, as it comes in: waiting for full pieces would wait on a slow drip
    for ever.
    """
    raw = response.raw
    raw.decode_content = True
    read = getattr(raw, "read1", raw.read)
    while piece := read(READ_BYTES):
        yield piece


def _check_certificates(verify: bool | str) -> None:
    """Raise ConfigurationError for a file of certificates that does not exist."""
    if isinstance(verify, str) and not Path(verify).exists():
        raise ConfigurationError(
            f"REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE is {verify!r}, which does not exist. Nothing "
            "was requested. Set it to a file of trusted certificates, or remove it."
        )


UNTRUSTED = {"SSLCertVerificationError", "CertificateError"}
"""What the libraries raise for a certificate that is not trusted; trying again cannot help."""

_UNTRUSTED = (
    "The certificate of {url} is not trusted, so the API token was not sent. Check "
    "PIPEDRIVE_BASE_URL and this machine's clock. Where a proxy inspects TLS, set "
    "REQUESTS_CA_BUNDLE to a file that includes the proxy's root certificate. Then run again."
)

_TROUBLES = (
    (
        {"gaierror", "NameResolutionError"},
        "the name of {url} has no address; check the network, DNS and PIPEDRIVE_BASE_URL",
    ),
    ({"ProxyError", "InvalidProxyURL"}, "the proxy failed; check HTTPS_PROXY and NO_PROXY"),
    (
        {"SSLError"},
        "the TLS handshake with {url} failed; check the network, firewall and proxy",
    ),
    (
        {"ConnectionRefusedError"},
        "nobody listens at {url}; check PIPEDRIVE_BASE_URL and the proxy settings",
    ),
    (
        {"ConnectTimeout", "ConnectTimeoutError"},
        f"no connection to {{url}} within {CONNECT_SECONDS:.0f} s; check network, firewall, proxy",
    ),
    (
        {"ReadTimeout", "ReadTimeoutError", "TimeoutError"},
        "nothing came for {seconds:g} s",
    ),
    ({"ContentDecodingError", "DecodeError"}, "the reply could not be decompressed"),
)


def trouble(error: BaseException, url: str, read_seconds: float = READ_SECONDS) -> str:
    """What went wrong on the wire and what to check, by kinds alone: the library's texts quote
    what was sent.
    """
    kinds = _kinds(error)
    for some, sentence in _TROUBLES:
        if kinds & some:
            return sentence.format(url=url, seconds=read_seconds)
    return f"the line broke ({type(error).__name__})"


def _kinds(error: BaseException) -> set[str]:
    """Class names of an error, its bases, and all that it wraps."""
    seen: list[BaseException] = [error]
    for each in seen:
        inner = (*each.args, getattr(each, "reason", None), each.__cause__, each.__context__)
        seen += [one for one in inner if isinstance(one, BaseException) and one not in seen]
    return {kind.__name__ for each in seen for kind in type(each).__mro__}
