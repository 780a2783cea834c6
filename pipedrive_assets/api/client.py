"""The HTTP client for Pipedrive's API, shared by all tables of a run: objects and pages.

It is thread-safe. The API token is sent in the `x-api-token` header and nowhere else,
an access token of an OAuth app in `Authorization`.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import KW_ONLY, dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import requests

from pipedrive_assets.api.access import ApiToken, Authentication
from pipedrive_assets.api.budget import RequestStats
from pipedrive_assets.api.calls import ATTEMPTS, ApiCall, Caller
from pipedrive_assets.api.connection_errors import READ_SECONDS
from pipedrive_assets.api.download import ATTEMPTS as DOWNLOAD_ATTEMPTS
from pipedrive_assets.api.download import (
    DOWNLOAD_TOKENS,
    FileBody,
    fetch,
    judge_download,
    read_location,
)
from pipedrive_assets.api.oauth import OAuthAccess, OAuthApp
from pipedrive_assets.api.paging import (
    EMPTY_PAGES,
    Page,
    Paging,
    endless_pages,
    looping_pagination,
    page_params,
    read_object,
    read_page,
)
from pipedrive_assets.api.verdict import Action
from pipedrive_assets.api.wire import USER_AGENT, Params, Wire
from pipedrive_assets.windows import utc_now


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A page and the time at which it was read.

    Attributes:
        page: The rows and the marker of the next page.
        read_at: The reply's `Date` header (UTC), or this machine's time if that is earlier.
        size: Length of the reply in bytes.
    """

    page: Page
    read_at: datetime
    size: int = 0


class Client(Caller):
    """Client for Pipedrive's API with retries, rate limiting and token accounting. Thread-safe."""

    def __init__(  # noqa: PLR0913 - external dependencies, each replaceable
        self,
        *,
        base_url: str,
        api_token: str = "",
        oauth: OAuthApp | None = None,
        adapter: requests.adapters.BaseAdapter | None = None,
        user_agent: str = USER_AGENT,
        read_seconds: float = READ_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = utc_now,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Create a client; no request is sent.

        Args:
            base_url: Address of the API.
            api_token: The API token; not used with an OAuth app.
            oauth: The OAuth app to authenticate with.
            adapter: Replaces the network, for example with the sandbox.
            user_agent: Value of the `User-Agent` header.
            read_seconds: Read timeout: seconds without a received byte.
            sleep: Waits the given number of seconds.
            monotonic: Returns a monotonic time in seconds.
            now: Returns the current time (UTC).
            jitter: Returns a random number from 0 to 1, for the pauses between retries.
        """
        wire = Wire(
            base_url=base_url.rstrip("/"),
            adapter=adapter,
            user_agent=user_agent,
            read_seconds=read_seconds,
            monotonic=monotonic,
        )
        authentication: Authentication = ApiToken(api_token, wire.base_url)
        if oauth:
            authentication = OAuthAccess(oauth, wire, monotonic=monotonic, now=now)
        wire.hide(api_token)
        super().__init__(
            wire, authentication, sleep=sleep, monotonic=monotonic, now=now, jitter=jitter
        )

    @property
    def scopes(self) -> frozenset[str]:
        """The granted OAuth scopes, known after the first request; empty for an API token."""
        return self._authentication.scopes

    def __repr__(self) -> str:
        """Show the base URL, and not the API token."""
        return f"Client({self.base_url!r})"

    def object(
        self, path: str, *, cost: int, params: Params = (), stats: RequestStats | None = None
    ) -> tuple[dict[str, Any], datetime]:
        """Request an endpoint whose `data` is a single object.

        Args:
            path: Path below the base URL, e.g. `v1/users/me`.
            cost: Token cost of the request.
            params: Query parameters.
            stats: Statistics that the request is added to.

        Returns:
            The object, and the time at which it was read (UTC).

        Raises:
            ApiError: Pipedrive refused the request, or retries were exhausted.
            CapReached: A token cap does not allow the request.
            ConfigurationError: The certificate of the host is not trusted.
        """
        call = ApiCall(path=path, cost=cost, params=params, stats=stats or RequestStats())
        found = self._ask(call, read_object)
        return found.result, found.read_at

    def pages(  # noqa: PLR0913 - the properties of a list endpoint
        self,
        path: str,
        *,
        cost: int,
        paging: Paging,
        page_rows: int,
        params: Params = (),
        marker: str | None = None,
        stats: RequestStats | None = None,
        null_is_empty: bool = False,
        data_key: str | None = None,
        attempts: int = ATTEMPTS,
    ) -> Iterator[Answer]:
        """Read a list endpoint page by page, up to its last page.

        Args:
            path: Path below the base URL, e.g. `v2/deals`.
            cost: Token cost of each page.
            paging: Pagination of the endpoint.
            page_rows: Rows to request per page.
            params: Query parameters.
            marker: Marker of the first page to read; None for the start of the list.
            stats: Statistics that the requests are added to.
            null_is_empty: Whether a first page of API v2 is empty if `data` is null twice in a row.
            data_key: Key of the list of rows, if `data` is an object.
            attempts: Attempts per page before a transient fault becomes an error.

        Yields:
            Each page in order.

        Raises:
            ApiError: Pipedrive refused a request or the marker, or retries were exhausted.
            CapReached: A token cap does not allow the next request.
            DataError: The pagination is looping.
        """
        stats = stats or RequestStats()
        call = ApiCall(path=path, cost=cost, params=params, stats=stats, attempts=attempts)
        form = _ListForm(paging, page_rows, null_is_empty=null_is_empty, data_key=data_key)
        yield from self._follow(call, form, marker)

    def download(self, path: str, to: FileBody, *, stats: RequestStats | None = None) -> None:
        """Download a file. Costs 20 API tokens per request to Pipedrive.

        Args:
            path: Path below the base URL, e.g. `v1/files/7/download`.
            to: What the file is written to; it is whole if no error is raised.
            stats: Statistics that the requests are added to.

        Raises:
            ApiError: Pipedrive or its storage refused the request, or retries were exhausted.
            CapReached: A token cap does not allow the request.
            ConfigurationError: The certificate of a host is not trusted.
            WarehouseError: The disk does not take the file.
        """
        call = ApiCall(
            path=path,
            cost=DOWNLOAD_TOKENS,
            stats=stats or RequestStats(),
            attempts=DOWNLOAD_ATTEMPTS,
            sink=to,
            judge=judge_download,
        )
        location = self._ask(call, partial(read_location, to=to)).result
        if location is not None:
            self._fetch(call, location, to)

    def _fetch(self, call: ApiCall, location: str, to: FileBody) -> None:
        """Request the file from the storage, again after a passing fault."""
        attempts = 0
        while True:
            attempts += 1
            began = self._monotonic()
            verdict = fetch(self._wire, location, to)
            call.stats.add(asking=self._monotonic() - began)
            if verdict.action is Action.GO_ON:
                return
            if verdict.action is not Action.RETRY or attempts == call.attempts:
                raise self._error(call, None, verdict, attempts)
            self._back_off(call, verdict, attempts)

    def _follow(self, call: ApiCall, form: "_ListForm", marker: str | None) -> Iterator[Answer]:
        seen, last_rows, empty = {marker}, None, 0
        while True:
            found = self._ask(form.page_call(call, marker), form.reader(call.path, marker))
            page: Page = found.result
            if page.marker is not None and (page.marker in seen or page.rows == last_rows != []):
                raise looping_pagination(call.path)
            empty = 0 if page.rows else empty + 1
            if page.marker is not None and empty == EMPTY_PAGES:
                raise endless_pages(call.path)
            yield Answer(page=page, read_at=found.read_at, size=found.size)
            if page.marker is None:
                return
            marker, last_rows = page.marker, page.rows
            seen.add(marker)


@dataclass(frozen=True, slots=True)
class _ListForm:
    """How the pages of a list endpoint are requested and read."""

    paging: Paging
    page_rows: int
    _: KW_ONLY
    null_is_empty: bool
    data_key: str | None

    def page_call(self, call: ApiCall, marker: str | None) -> ApiCall:
        """Return the request for the page at a marker; `call` is the one for the list."""
        params = (*call.params, *page_params(self.paging, self.page_rows, marker))
        paged_on = self.paging == "cursor" and marker is not None
        return replace(call, params=params, paged_on=paged_on)

    def reader(self, path: str, marker: str | None) -> Callable[[dict[str, Any]], Page]:
        """Return the function that reads this page from the body of a reply."""
        read = partial(
            read_page,
            paging=self.paging,
            marker=marker,
            page_rows=self.page_rows,
            v1=path.startswith("v1/"),
            data_key=self.data_key,
        )
        return _NullTwice(read) if self.null_is_empty else read


class _NullTwice:
    """Reads a page; the second `data: null` in a row is read as an empty list."""

    def __init__(self, read: Callable[..., Page]) -> None:
        self._read, self._nulls = read, 0

    def __call__(self, body: dict[str, Any]) -> Page:
        self._nulls += body.get("data") is None
        return self._read(body, null_is_empty=self._nulls > 1)
