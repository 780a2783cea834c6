"""Requests a row by its id to find out why a list no longer returns it."""

from dataclasses import dataclass
from typing import Any

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.errors import (
    ApiError,
    BadRequest,
    PipedrivePaymentRequiredError,
    Refused,
    ScopeMissing,
)
from pipedrive_assets.extract.coerce import coerced_row
from pipedrive_assets.extract.omitted_fields import Names, fewer_fields
from pipedrive_assets.load.soft_delete import Reason
from pipedrive_assets.registry import Entity

CONFIRMED_ROWS = 100
"""How many missing rows of a table are requested by id; others are marked as `vanished`."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """Pipedrive's reply for one row.

    Attributes:
        reason: Why the row is gone; None if it is not known to be gone.
        row: The row; None if it is gone or was refused. If `reason` is None too, the refusal
            proves nothing about this row.
        omitted: The fields that the row lacks because Pipedrive refuses them.
        refusal: Pipedrive's error; None if it returned the row.
    """

    reason: Reason | None = None
    row: Row | None = None
    omitted: Names = ()
    refusal: ApiError | None = None


def look_up_record(
    client: Client, entity: Entity, key: object, stats: RequestStats, omitted: Names = ()
) -> Lookup:
    """Request a row by its id.

    404 and 410 mean that it is deleted, 403 that the user may not see it; other refusals prove
    nothing. A merged record has `merge_what_id` or another id (official docs, merge).

    Args:
        client: The HTTP client.
        entity: The row's table.
        key: The row's id.
        stats: Counts the request.
        omitted: Fields not to request because Pipedrive refuses them.

    Returns:
        The row, the reason why it is gone, or the refusal.

    Raises:
        PipedriveError: The reply concerns more than this row, for example the account (402), the
            token budget or an endpoint that does not answer.
    """
    cost = 2 if entity.path.startswith("v1/") else 1
    all_params = entity.without_fields(omitted).params
    params = tuple((name, value) for name, value in all_params if name == "include_fields")
    try:
        row, _ = client.object(f"{entity.path}/{key}", cost=cost, params=params, stats=stats)
    except (PipedrivePaymentRequiredError, ScopeMissing):
        raise  # 402 concerns the account, a missing scope the table; neither concerns this row.
    except Refused as refusal:
        reason = _BY_STATUS.get(refusal.status)
        return Lookup(reason=reason, refusal=refusal, omitted=omitted)
    except BadRequest as refusal:
        if fewer := fewer_fields(entity, omitted, refusal):
            return look_up_record(client, entity, key, stats, fewer)
        return Lookup(refusal=refusal, omitted=omitted)
    row = coerced_row(entity, entity.path, {"id": key, **row})
    if row.get("merge_what_id") or row["id"] != key:
        return Lookup(reason="merged", omitted=omitted)
    if row.get("is_deleted") is True or row.get("active_flag") is False:
        return Lookup(reason="deleted", omitted=omitted)
    return Lookup(row=row, omitted=omitted)


_BY_STATUS: dict[int, Reason] = {403: "out_of_view", 404: "deleted", 410: "deleted"}
