"""What makes Pipedrive accept a request: the API token, or an OAuth access token."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pipedrive_assets.api.verdict import Verdict
from pipedrive_assets.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The host of a request and the header that authenticates it.

    Attributes:
        base_url: Address of the API, without a trailing slash.
        headers: The header with the token.
    """

    base_url: str
    headers: Mapping[str, str] = field(repr=False)


class AccessUnavailable(Exception):
    """There is no valid access token; the verdict says whether to try again."""

    def __init__(self, verdict: Verdict) -> None:
        """Build the exception.

        Args:
            verdict: What the client does next.
        """
        super().__init__(verdict.quote)
        self.verdict = verdict


class Authentication(Protocol):
    """Gives each request its token. Thread-safe."""

    @property
    def scopes(self) -> frozenset[str]:
        """The granted OAuth scopes; empty for an API token or if they are unknown."""

    def access(self) -> Access:
        """Return the host and the header of the next request.

        Raises:
            AccessUnavailable: There is no valid access token.
            ConfigurationError: The token file is not usable.
        """

    def refused(self, access: Access) -> bool:
        """Note that Pipedrive answered 401; return whether the next access is another one."""


class ApiToken:
    """Authentication by a user's API token, which does not expire."""

    scopes: frozenset[str] = frozenset()

    def __init__(self, api_token: str, base_url: str) -> None:
        """Check the token.

        Args:
            api_token: The API token.
            base_url: Address of the API, without a trailing slash.

        Raises:
            ConfigurationError: The API token is not valid in a header.
        """
        if not (api_token.isascii() and api_token.isprintable() and api_token == api_token.strip()):
            raise ConfigurationError(
                "The API token has invalid characters (a line break, a space or an accent). "
                "Nothing was requested. Set PIPEDRIVE_API_TOKEN to the token in Pipedrive > "
                "Personal preferences > API."
            )
        self._access = Access(base_url=base_url, headers={"x-api-token": api_token})

    def access(self) -> Access:
        """Return the header with the API token."""
        return self._access

    def refused(self, access: Access) -> bool:  # noqa: ARG002 - there is only one
        """Return False: there is no other token."""
        return False
