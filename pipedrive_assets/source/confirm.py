"""Asking for a row by its id: why a list no longer shows it."""

from typing import Any

from pipedrive_assets.api import Client, Tally
from pipedrive_assets.entities import Entity
from pipedrive_assets.errors import BadRequest, Refused
from pipedrive_assets.reading.coerce import coerced_row
from pipedrive_assets.reading.omitted_fields import Names, fewer_fields
from pipedrive_assets.source.marks import VANISHED, Reason

CONFIRMED_ROWS = 100
"""So many missing rows of a table are asked for by id; more are marked without a reason."""

Row = dict[str, Any]


def confirm(
    client: Client, entity: Entity, key: object, tally: Tally, omitted: Names = ()
) -> tuple[Reason | None, Row | None, Names]:
    """Why the row is gone, or the row itself where it is not; and the fields that it lacks, for
    Pipedrive refuses them (`omitted` to begin with).

    404 and 410 are taken for deleted, 403 for out of the user's view. What a merge leaves behind
    tells of it only in `merge_what_id` or by answering with another id (official docs, merge).
    """
    cost = 2 if entity.path.startswith("v1/") else 1
    told = entity.without_fields(omitted).params
    params = tuple((name, value) for name, value in told if name == "include_fields")
    try:
        row, _ = client.object(f"{entity.path}/{key}", cost=cost, params=params, tally=tally)
    except Refused as refusal:
        return _BY_STATUS.get(refusal.status, VANISHED), None, omitted
    except BadRequest as refusal:
        if fewer := fewer_fields(entity, omitted, refusal):
            return confirm(client, entity, key, tally, fewer)
        return VANISHED, None, omitted
    row = coerced_row(entity, entity.path, {"id": key, **row})
    if row.get("merge_what_id") or row["id"] != key:
        return "merged", None, omitted
    if row.get("is_deleted") is True or row.get("active_flag") is False:
        return "deleted", None, omitted
    return None, row, omitted


_BY_STATUS: dict[int, Reason] = {403: "out_of_view", 404: "deleted", 410: "deleted"}
