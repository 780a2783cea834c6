"""What Pipedrive answers by id for rows that its lists do not return, and what that proves."""

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
    """Answers for missing rows, by id, and for listed rows as a control."""

    def __init__(self, client: Client, entity: Entity, stats: RequestStats, omitted: Names) -> None:
        self._client, self._entity, self._stats = client, entity, stats
        self._omitted = omitted
        self.gone: dict[Key, Reason] = {}
        self.alive: set[Key] = set()
        self.unclear: dict[Key, ApiError] = {}
        """Rows for which Pipedrive's refusal proves nothing."""

        self._refused: dict[Key, ApiError] = {}
        self._control_refused: ApiError | None = None
        self._has_control = False

    @property
    def asked(self) -> set[Key]:
        """The rows that were asked for."""
        return {*self.gone, *self.alive, *self.unclear}

    def ask(self, keys: Sequence[Key], listed: Sequence[Key]) -> Iterator[Chunk]:
        """Ask for missing rows, in the reader's thread; rows that still exist are loaded.

        Args:
            keys: The rows to ask for.
            listed: Rows that the lists return. They are asked for where a missing row is refused:
                if Pipedrive refuses them too, the refusals concern the endpoint, not the rows.
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
        """Why the lists cannot be believed, as half a sentence; None: they can.

        Args:
            before: Rows that still exist, and that the scan before this one did not list either.
            nothing_listed: Whether the lists returned no row at all.
        """
        if self._refused and self._control_refused and not self._has_control:
            said = self._control_refused.quote or f"status {self._control_refused.status}"
            return f"refuses rows by their id as well, even those that it lists («{said}»)"
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
    """At most so many of the keys, evenly spread over all of them."""
    count = len(keys)
    return list(keys) if count <= most else [keys[i * count // most] for i in range(most)]
