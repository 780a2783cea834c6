"""Replies in which every column that decisions depend on has a value of another type."""

import json
from collections.abc import Iterator
from itertools import count
from typing import Any

from pipedrive_assets.extract.coerce import decisive
from pipedrive_assets.registry import ENTITIES, Entity, Kind
from pipedrive_assets.sandbox import Reply
from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets.sandbox.faults import Fault, changed

ODD = ("7", "0000-00-00 00:00:00", "soon", "", 1.5, None, True, [1], {"a": 1}, "1066-10-14")
"""Values that no reply has according to the documents."""


def decisive_columns(entity: Entity, *, is_key: bool) -> list[str]:
    return [name for name, _, key in decisive(entity.name, is_record=False) if key is is_key]


def pattern(path: str) -> str:
    return path.replace("{id}", "*")


def odd_columns() -> Iterator[Fault]:
    """Every list returns odd values in each column that decisions depend on, save the keys: another
    value in each row."""
    for entity in ENTITIES:
        if names := decisive_columns(entity, is_key=False):
            for endpoint in entity.endpoints:
                yield edited_rows(endpoint.path, entity, names)


def edited_rows(path: str, entity: Entity, names: list[str]) -> Fault:
    turn = count()

    def edit(row: dict[str, Any]) -> dict[str, Any]:
        first = next(turn)
        odd = {name: ODD[(first + place) % len(ODD)] for place, name in enumerate(names)}
        if entity.parent:
            # The id of another parent is an error of its own.
            odd = {name: None if value == "7" else value for name, value in odd.items()}
        return {**row, **{name: value for name, value in odd.items() if name in row}}

    def change(genuine: Reply) -> Reply:
        body = json.loads(genuine.body)
        data = body["data"]
        rows = data[entity.data_key] if entity.data_key and data else data
        if genuine.status != 200 or not rows:
            return genuine
        if isinstance(rows, list):
            rows[:] = map(edit, rows)
        else:
            body["data"] = edit(rows)
        return json_reply(200, body, genuine.headers)

    return changed(pattern(path), change).always()


def numbers_as_text() -> Iterator[Fault]:
    """Every key that is a number arrives as text."""

    def as_text(names: list[str]) -> Any:
        def change(genuine: Reply) -> Reply:
            body = json.loads(genuine.body)
            data = body.get("data")
            for row in data if isinstance(data, list) else ():
                row |= {name: str(row[name]) for name in names if type(row.get(name)) is int}
            return json_reply(genuine.status, body, genuine.headers)

        return change

    for entity in ENTITIES:
        if entity.kind is Kind.CHILD and not entity.bulk:
            continue
        if names := decisive_columns(entity, is_key=True):
            for endpoint in entity.endpoints:
                yield changed(pattern(endpoint.path), as_text(names)).always()
