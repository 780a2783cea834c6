"""An OAuth app, its tokens, and the hosts that may receive them."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from pipedrive_assets.errors import ConfigurationError

PIPEDRIVE_OAUTH = "https://oauth.pipedrive.com"
"""Address of Pipedrive's OAuth server (official docs, OAuth authorization)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthApp:
    """A registered app and where its tokens are kept.

    Attributes:
        client_id: Client ID.
        client_secret: Client secret.
        refresh_token: The refresh token in the settings; empty if it is in the token file only.
        token_file: The file that keeps the tokens.
    """

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    token_file: Path

    @property
    def origin(self) -> str:
        """Fingerprint of the refresh token in the settings; empty without one."""
        token = self.refresh_token.encode()
        return hashlib.sha256(token).hexdigest() if token else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The tokens of one reply of the OAuth server.

    Attributes:
        access_token: Authenticates requests.
        refresh_token: Authenticates the next renewal.
        lifetime: Lifetime of the access token in seconds.
        scopes: The granted scopes; empty if they were not reported.
        api_domain: Address of the company; empty if it was not reported.
        obtained_at: When the tokens were requested (UTC).
        origin: `OAuthApp.origin` of the refresh token that they descend from; empty after a login.
    """

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    lifetime: float
    scopes: frozenset[str]
    api_domain: str
    obtained_at: datetime
    origin: str = ""


def is_pipedrive(url: str) -> bool:
    """Whether a URL is an https URL of Pipedrive, without a port or a password."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return (
        parts.scheme == "https"
        and parts.netloc.lower() == host
        and (host == "pipedrive.com" or host.endswith(".pipedrive.com"))
    )


def oauth_url(base_url: str) -> str:
    """Return the address of the OAuth server: Pipedrive's, or the configured other host."""
    return PIPEDRIVE_OAUTH if is_pipedrive(base_url) else base_url


def api_host(api_domain: str, base_url: str) -> str:
    """Return the address that requests with an access token go to.

    Args:
        api_domain: The company's address in a token reply.
        base_url: The configured address. If it is not Pipedrive's, it is used.

    Raises:
        ConfigurationError: The company's address is not a host of Pipedrive.
    """
    if not is_pipedrive(base_url) or not api_domain:
        return base_url
    if not is_pipedrive(api_domain):
        raise ConfigurationError(
            f"The OAuth server named {urlsplit(api_domain).hostname!r} as the company's host. It "
            "is not a host of Pipedrive. The access token was not sent. Check the proxy and "
            "PIPEDRIVE_BASE_URL, then run again."
        )
    return f"https://{urlsplit(api_domain).hostname}"
