"""Gives requests a valid access token, and renews it once for all threads and processes."""

import logging
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from threading import Lock

from pipedrive_assets import errors
from pipedrive_assets.api.access import Access, AccessUnavailable
from pipedrive_assets.api.oauth.app import OAuthApp, Tokens, api_host
from pipedrive_assets.api.oauth.endpoint import request_tokens
from pipedrive_assets.api.oauth.token_file import TokenFile
from pipedrive_assets.api.verdict import Action, Verdict
from pipedrive_assets.api.wire import Wire

log = logging.getLogger(__name__)

MARGIN_SECONDS = 120.0
"""An access token is renewed so long before it ends, but not before half of its lifetime."""


class OAuthAccess:
    """Authentication by an OAuth app. Thread-safe.

    The time to the end of an access token is measured with a monotonic clock. This machine's clock
    is used for tokens of other processes only. If it is wrong, Pipedrive answers 401, and the token
    is renewed.
    """

    def __init__(
        self,
        app: OAuthApp,
        wire: Wire,
        *,
        monotonic: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        """Take what renews the tokens; nothing is read or requested.

        Args:
            app: The OAuth app.
            wire: The HTTP connection.
            monotonic: Returns a monotonic time in seconds.
            now: Returns the current time (UTC).
        """
        self._app, self._wire, self._monotonic, self._now = app, wire, monotonic, now
        self._file = TokenFile(app.token_file)
        self._lock = Lock()
        self._tokens: Tokens | None = None
        self._access = Access(base_url=wire.base_url, headers={})
        self._ends = -math.inf
        self._refused = ""
        self._failures, self._failure = 0, Verdict(action=Action.RETRY)

    @property
    def scopes(self) -> frozenset[str]:
        """The granted scopes; empty before the first request or if they are unknown."""
        return self._tokens.scopes if self._tokens else frozenset()

    def access(self) -> Access:
        """Return the company's host and a valid access token, renewed if necessary.

        Raises:
            AccessUnavailable: The token could not be renewed.
            ConfigurationError: The token file is not usable.
        """
        failures = self._failures
        with self._lock:
            if self._monotonic() >= self._ends:
                if self._failures != failures:
                    # Another thread has just tried, while this one waited for the lock.
                    raise AccessUnavailable(self._failure)
                self._renew()
            return self._access

    def refused(self, access: Access) -> bool:
        """Note that Pipedrive answered 401, so that the token is renewed once for all threads."""
        with self._lock:
            if self._access is access and self._tokens:
                self._ends, self._refused = -math.inf, self._tokens.access_token
        return True

    def _renew(self) -> None:
        with self._file.locked():
            stored = self._file.read()
            if stored and self._is_valid(stored):
                self._use(stored)
                return
            with self._file.replacing() as write:
                try:
                    tokens = self._request(stored)
                except AccessUnavailable as failed:
                    self._failures, self._failure = self._failures + 1, failed.verdict
                    raise
                write(tokens)
        log.info("The OAuth access token was renewed")
        self._use(tokens)

    def _is_valid(self, stored: Tokens) -> bool:
        """Whether the access token of another process can be used."""
        age = (self._now() - stored.obtained_at).total_seconds()
        return (
            stored.access_token != self._refused
            and stored.origin == self._app.origin
            and 0 <= age < _usable_seconds(stored)
        )

    def _request(self, stored: Tokens | None) -> Tokens:
        """Request new tokens with the newest refresh token that is accepted."""
        ended: AccessUnavailable | None = None
        for refresh_token in self._refresh_tokens(stored):
            form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
            try:
                found = request_tokens(self._wire, self._app, form, self._now())
            except AccessUnavailable as refusal:
                if refusal.verdict.error is not errors.ConsentEnded:
                    raise
                ended = refusal
            else:
                return replace(found, origin=self._app.origin)
        raise ended or errors.MissingTokenError(NO_GRANT)

    def _refresh_tokens(self, stored: Tokens | None) -> Iterator[str]:
        """Yield refresh tokens to try. The file is read again: it may have a newer one by then."""
        held = stored.refresh_token if stored else ""
        is_known = stored is not None and stored.origin == self._app.origin
        found = [held, self._app.refresh_token] if is_known else [self._app.refresh_token, held]
        tried = {""}
        for token in found:
            if token not in tried:
                tried.add(token)
                yield token
        again = self._file.read()
        if again and again.refresh_token not in tried:
            yield again.refresh_token

    def _use(self, tokens: Tokens) -> None:
        self._wire.hide(tokens.access_token, tokens.refresh_token)
        base_url = api_host(tokens.api_domain, self._wire.base_url)
        age = max(0.0, (self._now() - tokens.obtained_at).total_seconds())
        self._tokens = tokens
        self._access = Access(
            base_url=base_url, headers={"authorization": f"Bearer {tokens.access_token}"}
        )
        self._ends = self._monotonic() + _usable_seconds(tokens) - age


NO_GRANT = (
    "There is no refresh token for the OAuth app. Run `pipedrive-assets login`, or set "
    "PIPEDRIVE_REFRESH_TOKEN."
)


def _usable_seconds(tokens: Tokens) -> float:
    """Return the age in seconds at which an access token is renewed."""
    return tokens.lifetime - min(MARGIN_SECONDS, tokens.lifetime / 2)
