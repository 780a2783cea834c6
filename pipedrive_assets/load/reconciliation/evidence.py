"""Requests rows by id that Pipedrive's lists do not return, and decides what the replies prove."""

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.extract.chunk import Chunk
from pipedrive_assets.extract.omitted_fields import Names
from pipedrive_assets.load.plausible_loss import FEW_ROWS
from pipedrive_assets.load.reconciliation.lookup import Lookup, look_up_record
from pipedrive_assets.load.soft_delete import Key, Reason
from pipedrive_assets.registry import Entity

if TYPE_CHECKING:
    from pipedrive_assets.errors import ApiError


class Evidence:
    """Pipedrive's replies for missing rows, and for listed rows as a control."""

    def __init__(self, client: Client, entity: Entity, stats: RequestStats, omitted: Names) -> None:
        self._client, self._entity, self._stats = client, entity, stats
        self._omitted = omitted
        self.gone: dict[Key, Reason] = {}
        """Missing rows that no longer exist, with the reason."""

        self.alive: set[Key] = set()
        """Missing rows that still exist."""

        self.unclear: dict[Key, ApiError] = {}
        """Missing rows for which Pipedrive's refusal proves nothing."""

        self._refused: dict[Key, ApiError] = {}
        self._control_refused: ApiError | None = None
        self._has_control = False

    @property
    def asked(self) -> set[Key]:
        """The keys that were requested."""
        return {*self.gone, *self.alive, *self.unclear}

    def ask(self, keys: Sequence[Key], listed: Sequence[Key]) -> Iterator[Chunk]:
        """Request missing rows by id, in the reader thread.

        Args:
            keys: The rows to request.
            listed: Rows that the lists return. If Pipedrive refuses a missing row, these are
                requested as a control: if it refuses them too, the refusals concern the endpoint,
                not the rows.

        Yields:
            Chunks with the rows that still exist.
        """
        for key in keys:
            found = self._look_up(key)
            if found.reason:
                self.gone[key] = found.reason
            elif found.row:
                self.alive.add(key)
                yield Chunk(rows=[(None, found.row)], omitted=found.omitted, complete=True)
            elif found.refusal:
                self.unclear[key] = found.refusal
            if found.refusal:
                self._refused[key] = found.refusal
        if self._refused:
            self._ask_control(listed)

    def _ask_control(self, listed: Sequence[Key]) -> None:
        for key in listed:
            found = self._look_up(key)
            self._control_refused = found.refusal
            self._has_control = found.refusal is None
            if self._has_control:
                return

    def _look_up(self, key: Key) -> Lookup:
        return look_up_record(self._client, self._entity, key[0], self._stats, self._omitted)

    def contradiction(self, before: Collection[Key], *, nothing_listed: bool) -> str | None:
        """Return why the lists cannot be trusted.

        Args:
            before: Rows that still exist, and that were also missing in the previous scan.
            nothing_listed: Whether the lists returned no row.

        Returns:
            A clause for the error message, or None if the replies agree with the lists.
        """
        if self._refused and self._control_refused and not self._has_control:
            quote = self._control_refused.quote or f"status {self._control_refused.status}"
            return f"refuses rows by their id as well, even those that it lists («{quote}»)"
        if nothing_listed and "out_of_view" in self.gone.values():
            return "it lists no row at all"
        exist, asked = len(self.alive - set(before)), len(self.asked) - len(before)
        if exist and (nothing_listed or (exist > FEW_ROWS and 2 * exist >= asked)):
            return (
                f"{exist:,} of the {asked:,} that were requested by id still exist, so the list is "
                "incomplete"
            )
        return None


def sample_evenly(keys: Sequence[Key], most: int) -> list[Key]:
    """Return at most `most` of the keys, spread evenly over all of them."""
    count = len(keys)
    return list(keys) if count <= most else [keys[i * count // most] for i in range(most)]
