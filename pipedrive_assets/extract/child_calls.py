"""One call for the children of one parent, or of up to a hundred, and what its reply means.

A refusal of one parent's children says little by itself: the parent's own record is asked for.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.errors import (
    BadRequest,
    DataError,
    Missing,
    PageMarkerExpired,
    PipedriveError,
    PipedrivePaymentRequiredError,
    Refused,
    TransientApiError,
)
from pipedrive_assets.extract.chunk import Parent, Row
from pipedrive_assets.extract.coerce import coerced_row
from pipedrive_assets.extract.list_pages import whole_list
from pipedrive_assets.fault_text import shown
from pipedrive_assets.registry import BY_NAME, Endpoint, Entity

RECORD_COST = {"v1": 2, "v2": 1}
"""Tokens that a single record takes in either API version (official docs); a mail thread, 20."""

Batch = tuple[Parent, ...]
"""The parents of one call."""

OF_ONE_CALL = (TransientApiError, PageMarkerExpired, DataError)
"""Failures that may concern one call only: the others are still made."""


class Record(Enum):
    """What a parent's own record shows."""

    ALIVE = "alive"
    DELETED = "deleted"
    MISSING = "missing"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The children that a call returned, each with its parent's id."""

    rows: list[tuple[int | None, Row]]
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """The parent was not found, or is deleted and its children were refused."""

    read_at: datetime
    is_deleted: bool
    error: PipedriveError | None = None
    """The refusal of its children; None where they were not asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """Pipedrive refused the call; of a single parent, although it may well exist."""

    error: PipedriveError


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """There was no usable reply."""

    error: PipedriveError


Outcome = Answered | Gone | Declined | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildCalls:
    """Makes the calls of one child table; may be used by several threads at once."""

    client: Client
    entity: Entity
    stats: RequestStats

    def ask(self, batch: Batch) -> Outcome:
        """Ask for the children of the parents.

        Raises:
            PipedriveError: What concerns more than this call, such as a spent token budget, or an
                account that answers 402 even for single records.
        """
        try:
            return self._ask(batch)
        except OF_ONE_CALL as error:
            return Failed(error=error)

    def _ask(self, batch: Batch) -> Outcome:
        lone = batch[0] if len(batch) == 1 else None
        record: Record | None = None
        if lone and lone.doubted and not self.entity.bulk:
            # The record is cheaper than the children, and a parent that is gone stays gone.
            record = self._record(lone)
            if record is Record.MISSING:
                return Gone(read_at=self.client.now(), is_deleted=False)
        try:
            return self._children(batch)
        except (Refused, BadRequest) as error:
            refusal = error
        if lone is None:
            return Declined(error=refusal)
        record = record or self._record(lone)
        if record in {Record.MISSING, Record.DELETED}:
            deleted = record is Record.DELETED
            return Gone(read_at=self.client.now(), is_deleted=deleted, error=refusal)
        return Declined(error=refusal)

    def _children(self, batch: Batch) -> Answered:
        entity = self.entity
        path = entity.path if entity.bulk else entity.path.format(id=batch[0].id)
        ids = ",".join(str(parent.id) for parent in batch)
        named = entity.bulk or entity.parent_param
        params = (*entity.params, *(((named, ids),) if named else ()))
        endpoint = Endpoint(path=path, tokens_per_page=entity.tokens_per_page)
        rows, read_at = whole_list(self.client, entity, endpoint, self.stats, params)
        return Answered(rows=of_parents(entity, batch, rows), read_at=read_at)

    def _record(self, parent: Parent) -> Record:
        entity = BY_NAME[self.entity.parent or ""]
        cost = RECORD_COST["v1" if entity.path.startswith("v1/") else "v2"]
        try:
            found, _ = self.client.object(f"{entity.path}/{parent.id}", cost=cost, stats=self.stats)
        except Missing:
            return Record.MISSING
        except PipedrivePaymentRequiredError:
            raise  # it concerns the account
        except (Refused, BadRequest):
            return Record.UNCLEAR
        record = coerced_row(entity, entity.path, {"id": parent.id, **found})
        return _shown(parent, record)


def _shown(parent: Parent, record: Row) -> Record:
    if record["id"] != parent.id:
        return Record.MISSING  # merged into the one that is shown
    is_deleted = (
        record.get("is_deleted") is True
        or record.get("active_flag") is False
        or record.get("status") == "deleted"
    )
    return Record.DELETED if is_deleted else Record.ALIVE


def of_parents(entity: Entity, batch: Batch, rows: list[Row]) -> list[tuple[int | None, Row]]:
    """Each row with the id of its parent.

    Raises:
        DataError: A row belongs to a parent that was not asked for.
    """
    column, asked = entity.key[0], {parent.id for parent in batch}
    lone = None if entity.bulk else batch[0].id
    matched: list[tuple[int | None, Row]] = []
    for row in rows:
        own = row.get(column)
        parent = lone if own is None else own
        if parent not in asked:
            raise _foreign(entity, column, own)
        matched.append((parent, row))
    return matched


def _foreign(entity: Entity, column: str, value: object) -> DataError:
    return DataError(
        f"Pipedrive returned a row of {entity.name} whose {column} is {shown(value)}, which was "
        "not asked for. The reply was not loaded; rows held stay as they are. "
        "Run again; if the message stays the same, report it."
    )
