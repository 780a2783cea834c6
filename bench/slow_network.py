"""Reading the lists of an account over a slow network, without writing anything."""

import threading
import time
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.api.budget import RateLimiter
from pipedrive_assets.api.no_debug_adapter import NoDebugAdapter
from pipedrive_assets.api.wire import CONNECTIONS
from pipedrive_assets.extract.plan import Scan
from pipedrive_assets.extract.scans import read_windowed
from pipedrive_assets.registry import DEFAULT_ENTITIES, Entity, Kind

SECONDS_PER_CALL = 0.4
BURST = 40
"""Calls in two seconds: the limit of the plan Growth."""

NOTICEABLE = 0.01
"""A request that waits for less, in seconds, does not count as waiting."""

ALLOWED = BURST / 2 * SECONDS_PER_CALL
"""Calls that can be in flight without exceeding the limit."""


@dataclass(slots=True)
class InFlight:
    """Counts the calls in flight of a client; thread-safe.

    Attributes:
        changes: Times in seconds, each with the calls in flight from then on.
    """

    changes: list[tuple[float, int]] = field(default_factory=lambda: [(0.0, 0)])
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _began: float = field(default_factory=time.monotonic)

    def count(self, difference: int) -> None:
        """Note that a call begins (1) or has ended (-1)."""
        with self._lock:
            last = self.changes[-1][1]
            self.changes.append((time.monotonic() - self._began, last + difference))

    def share(self, until: float) -> float:
        """Return the mean of calls in flight up to a time, as a share of those allowed."""
        spans = pairwise([*self.changes, (until, 0)])
        area = sum(max(0.0, min(end, until) - begin) * calls for (begin, calls), (end, _) in spans)
        return area / until / ALLOWED


class CountingAdapter(NoDebugAdapter):
    """An HTTP adapter that counts its calls in flight."""

    def __init__(self, flights: InFlight) -> None:
        super().__init__(pool_maxsize=CONNECTIONS)
        self._flights = flights

    def send(self, *request: Any, **how: Any) -> Any:
        """Send a request."""
        self._flights.count(1)
        try:
            return super().send(*request, **how)
        finally:
            self._flights.count(-1)


class NotingLimiter(RateLimiter):
    """A burst rate limiter that notes when a request last had to wait.

    Attributes:
        waited_at: Monotonic time in seconds.
    """

    waited_at = 0.0

    def take(self) -> float:
        """Wait until the burst limit allows a request."""
        came = time.monotonic()
        started = super().take()
        if started - came > NOTICEABLE:
            self.waited_at = max(self.waited_at, started)
        return started


def read_lists(url: str, instant: datetime) -> dict[str, float]:
    """Read the lists of all windowed default tables, each in a thread of its own.

    Args:
        url: Address of the account.
        instant: Time of the account.

    Returns:
        `wall`: seconds; `least`: seconds that the burst limit requires for as many calls;
        `requests`; `busy`: seconds during which there were more requests than the limit allows;
        `share`: the mean of calls in flight during that time, as a share of those allowed.
    """
    flights = InFlight()
    client = Client(
        base_url=url,
        api_token="sandbox",  # noqa: S106 - valid for the invented account only
        adapter=CountingAdapter(flights),
        now=lambda: instant,
    )
    client.pace = pace = NotingLimiter(sleep=time.sleep, monotonic=time.monotonic)
    began = time.monotonic()
    tables = [entity for entity in DEFAULT_ENTITIES if entity.kind is Kind.WINDOWED]

    def read(entity: Entity) -> None:
        scan = Scan(initial_load=True, advances=True)
        for _ in read_windowed(client, entity, scan, RequestStats()):
            pass

    threads = [threading.Thread(target=read, args=(entity,)) for entity in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    busy, requests = max(0.0, pace.waited_at - began), client.stats.requests
    return {
        "wall": time.monotonic() - began,
        "least": requests / (BURST / 2),
        "requests": requests,
        "busy": busy,
        "share": flights.share(busy) if busy else 1.0,
    }
