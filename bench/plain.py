"""Configuration of a minimal pipeline with dlt's REST API source, for comparison."""

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import requests

from bench.least import cost_of
from pipedrive_assets.registry import ENTITIES, Entity, Kind


def resources() -> list[Any]:
    """Configure one resource per windowed table and list, merged by key."""
    return [
        {
            "name": f"{entity.name}{'_archived' if number else ''}",
            "table_name": entity.name,
            "primary_key": list(entity.key),
            "write_disposition": "merge",
            "endpoint": {
                "path": listing.path,
                "params": _params(entity),
                "data_selector": "data",
                "paginator": _paginator(entity),
            },
        }
        for entity in ENTITIES
        if entity.kind is Kind.WINDOWED
        for number, listing in enumerate(entity.endpoints)
    ]


def _params(entity: Entity) -> dict[str, Any]:
    own = dict(entity.params)
    if entity.paging == "offset":
        return {**own, "sort": "id ASC"}
    return {**own, "limit": entity.page_rows, "sort_by": "id", "sort_direction": "asc"}


def _paginator(entity: Entity) -> Any:
    if entity.paging == "offset":
        return {
            "type": "offset",
            "limit": entity.page_rows,
            "offset_param": "start",
            "total_path": None,
            "stop_after_empty_page": True,
        }
    return {
        "type": "cursor",
        "cursor_path": "additional_data.next_cursor",
        "cursor_param": "cursor",
    }


@contextlib.contextmanager
def requests_in() -> Iterator[dict[str, int]]:
    """Count the requests sent within the context and their tokens."""
    counted = {"requests": 0, "tokens": 0}
    send = requests.Session.send

    def counting(session: requests.Session, request: requests.PreparedRequest, **how: Any) -> Any:
        path = (request.path_url or "").partition("?")[0].strip("/")
        counted["requests"] += 1
        counted["tokens"] += cost_of(path)
        return send(session, request, **how)

    with mock.patch.object(requests.Session, "send", counting):
        yield counted
