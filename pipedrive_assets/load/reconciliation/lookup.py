"""Asking for a row by its id: why a list no longer shows it."""

from dataclasses import dataclass
from typing import Any

from pipedrive_assets.api import Client, RequestStats
from pipedrive_assets.errors import ApiError, BadRequest, PipedrivePaymentRequiredError, Refused
from pipedrive_assets.extract.coerce import coerced_row
from pipedrive_assets.extract.omitted_fields import Names, fewer_fields
from pipedrive_assets.load.soft_delete import Reason
from pipedrive_assets.registry import Entity

CONFIRMED_ROWS = 100
"""So many missing rows of a table are asked for by id; more are marked without a reason."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """What Pipedrive answers for one row.

    `reason` is why it is gone, `row` the row where it is not. Neither: the refusal says nothing
    about this row. `omitted` are the fields that the row lacks because Pipedrive refuses them.
    """

    reason: Reason | None = None
    row: Row | None = None
    omitted: Names = ()
    refusal: ApiError | None = None


def look_up_record(
    client: Client, entity: Entity, key: object, stats: RequestStats, omitted: Names = ()
) -> Lookup:
    """Ask for a row by its id.

    404 and 410 mean deleted, 403 out of the user's view; any other refusal proves nothing. What a
    merge leaves behind shows only in `merge_what_id` or in another id (official docs, merge).

    Raises:
        PipedriveError: What concerns more than this row: the account (402), the token budget, an
            endpoint that does not answer.
    """
    cost = 2 if entity.path.startswith("v1/") else 1
    told = entity.without_fields(omitted).params
    params = tuple((name, value) for name, value in told if name == "include_fields")
    try:
        row, _ = client.object(f"{entity.path}/{key}", cost=cost, params=params, stats=stats)
    except PipedrivePaymentRequiredError:
        raise  # it concerns the account
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
