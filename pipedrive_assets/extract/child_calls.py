"""Request the children of one parent, or of up to a hundred, and classify the reply.

A refusal for a single parent has several possible causes, so the parent's own record is requested.
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
"""Token cost of a single record per API version (official docs)."""

Batch = tuple[Parent, ...]
"""The parents of one request."""

OF_ONE_CALL = (TransientApiError, PageMarkerExpired, DataError)
"""Errors that can concern a single request; the requests for other parents continue."""


class Record(Enum):
    """State of a parent according to its own record."""

    ALIVE = "alive"
    DELETED = "deleted"
    MISSING = "missing"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The children that a request returned.

    Attributes:
        rows: Each child with the id of its parent.
        read_at: Time of the reply (UTC).
    """

    rows: list[tuple[int | None, Row]]
    read_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """The parent was not found, or it is deleted and Pipedrive refused its children.

    Attributes:
        read_at: Time of the reply (UTC).
        is_deleted: Whether the parent's record is marked as deleted.
        error: The refusal of its children; None if they were not requested.
    """

    read_at: datetime
    is_deleted: bool
    error: PipedriveError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declined:
    """Pipedrive refused the request, although the parent may exist."""

    error: PipedriveError


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The request failed without a usable reply."""

    error: PipedriveError


Outcome = Answered | Gone | Declined | Failed


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildCalls:
    """Requests the children of one child table. Thread-safe.

    Attributes:
        client: The client for Pipedrive.
        entity: The child table.
        stats: Statistics that the requests are added to.
    """

    client: Client
    entity: Entity
    stats: RequestStats

    def ask(self, batch: Batch) -> Outcome:
        """Request the children of one or more parents.

        Args:
            batch: The parents; more than one only if the entity has a bulk parameter.

        Returns:
            The children, or why they could not be read.

        Raises:
            PipedriveError: The error concerns more than this request, for example if the token
                budget is spent, or if Pipedrive answers 402 even to requests for single records.
        """
        try:
            return self._ask(batch)
        except OF_ONE_CALL as error:
            return Failed(error=error)

    def _ask(self, batch: Batch) -> Outcome:
        lone = batch[0] if len(batch) == 1 else None
        record: Record | None = None
        if lone and lone.doubted and not self.entity.bulk:
            # The record costs less than the children, and a missing parent does not come back.
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

    def counts_children(self, parent: Parent) -> bool | None:
        """Request the parent's own record, and return whether it counts children of this table.

        Args:
            parent: A parent of a table with a counter of its own.

        Returns:
            Whether the counter is above zero; None if Pipedrive refuses the record or returns it
            without the counter.

        Raises:
            PipedriveError: The request failed, or Pipedrive answers 402.
        """
        column = self.entity.count_column or ""
        try:
            record = self._request_record(parent, (("include_fields", column),))
        except PipedrivePaymentRequiredError:
            raise  # 402 concerns the whole account
        except Missing:
            return False
        except (Refused, BadRequest):
            return None
        if record["id"] != parent.id:
            return False  # merged into the record that was returned
        count = record.get(column)
        return None if count is None else bool(count)

    def _request_record(self, parent: Parent, params: tuple[tuple[str, str], ...] = ()) -> Row:
        entity = BY_NAME[self.entity.parent or ""]
        cost = RECORD_COST["v1" if entity.path.startswith("v1/") else "v2"]
        path = f"{entity.path}/{parent.id}"
        found, _ = self.client.object(path, cost=cost, params=params, stats=self.stats)
        return coerced_row(entity, entity.path, {"id": parent.id, **found})

    def _record(self, parent: Parent) -> Record:
        try:
            record = self._request_record(parent)
        except Missing:
            return Record.MISSING
        except PipedrivePaymentRequiredError:
            raise  # 402 concerns the whole account
        except (Refused, BadRequest):
            return Record.UNCLEAR
        return _shown(parent, record)


def _shown(parent: Parent, record: Row) -> Record:
    if record["id"] != parent.id:
        return Record.MISSING  # merged into the record that was returned
    is_deleted = (
        record.get("is_deleted") is True
        or record.get("active_flag") is False
        or record.get("status") == "deleted"
    )
    return Record.DELETED if is_deleted else Record.ALIVE


def of_parents(entity: Entity, batch: Batch, rows: list[Row]) -> list[tuple[int | None, Row]]:
    """Match the rows of a reply to their parents.

    Args:
        entity: The child table.
        batch: The parents that were requested.
        rows: The rows of the reply.

    Returns:
        Each row with the id of its parent.

    Raises:
        DataError: A row belongs to a parent that was not requested.
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
        f"Pipedrive returned a row of {entity.name} with {column} {shown(value)}, which was not "
        "requested. The reply was not loaded; rows already loaded are kept. Run again; if the "
        "error remains, report this message."
    )
