"""The account's own truth, read past the client, and compared with a warehouse by value."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import duckdb

from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.rows.flow import content_key, event_key
from pipedrive_assets.sandbox import Limits, Sandbox, call

Row = dict[str, Any]
HASH = re.compile("[0-9a-f]{40}")
ABSENT = (None, "", [], {})


def account_rows(sandbox: Sandbox, entity: Entity) -> list[Row]:
    """Every row the account holds of an entity, archived and deleted ones included.

    Children come in the form their table has. Read through a door of its own, so that the account's
    limits and log stay the client's.
    """
    rows = _rows(Sandbox(sandbox.world, limits=Limits(burst=1_000_000)), entity)
    return [
        {
            name: _opens_nothing(value) if name.endswith("url") else value
            for name, value in row.items()
            if name not in entity.secret
        }
        for row in map(_with_label, rows)
    ]


def _with_label(row: Row) -> Row:
    """A lost reason as the table has it, label and id apart, whatever its form."""
    reason = row.get("lost_reason")
    if not isinstance(reason, dict):
        return row
    return {**row, "lost_reason": reason["label"], "lost_reason_id": reason["id"]}


def _opens_nothing(link: Any) -> Any:
    """A link as it may be kept: without its user, its signature hidden."""
    if not isinstance(link, str):
        return link
    return re.sub(r"(Signature=)[^&]+", r"\1***", re.sub(r"//[^/@]*@", "//", link))


def _rows(sandbox: Sandbox, entity: Entity) -> list[Row]:
    if entity.per_interval:
        return list(_results(sandbox, entity))
    if entity.list_per:
        return [
            {entity.key[0]: parent["id"], **row} if entity.shape == "child" else row
            for parent in _rows(sandbox, BY_NAME[entity.list_per])
            for row in _scan(sandbox, entity.path.format(id=parent["id"]), _named(entity, parent))
        ]
    if entity.bulk:
        parents = _rows(sandbox, BY_NAME[entity.parent])
        return [
            row
            for parent in parents
            for row in _scan(sandbox, entity.path, [(entity.bulk, str(parent["id"]))])
        ]
    if entity.parent:
        parents = _rows(sandbox, BY_NAME[entity.parent])
        return [
            _child(entity, parent["id"], row)
            for parent in parents
            for row in _scan(
                sandbox,
                entity.path.format(id=parent["id"]),
                _named(entity, parent),
                entity.data_key,
            )
        ]
    found: dict[Any, Row] = {}
    for endpoint in entity.endpoints:
        for row in _listed(sandbox, entity, endpoint.path):
            found[_key(entity, row)] = row
    return list(found.values())


def _results(sandbox: Sandbox, entity: Entity) -> Iterator[Row]:
    """The results that each load reads: of the current interval and of the one before."""
    for goal in _rows(sandbox, BY_NAME[entity.list_per]):
        now = sandbox.world.instant.date()
        for _ in range(2):
            first = _first_day(goal["interval"], now)
            last = _first_day(goal["interval"], first + timedelta(days=40))
            if goal["interval"] == "weekly":
                last = first + timedelta(days=7)
            start = max(str(first), goal["duration"]["start"])
            end = min(str(last - timedelta(days=1)), goal["duration"]["end"] or "9")
            now = first - timedelta(days=1)
            if start > end:
                continue
            params = [("period.start", start), ("period.end", end)]
            (found,) = _scan(sandbox, entity.path.format(id=goal["id"]), params)
            yield {
                "goal_id": goal["id"],
                "period": f"{start}/{end}",
                "period_start": start,
                "period_end": end,
                "progress": found["progress"],
                "expected_outcome": goal["expected_outcome"],
            }


def _first_day(interval: str, day: date) -> date:
    return day.replace(day=1) if interval == "monthly" else day - timedelta(days=day.weekday())


def _listed(sandbox: Sandbox, entity: Entity, path: str) -> Iterator[Row]:
    for variant in entity.variants:
        yield from _scan(sandbox, path, (*entity.params, *variant), entity.data_key)


def _participant(deal_id: int, row: Row) -> Row:
    return {
        "deal_id": deal_id,
        "id": row["id"],
        "person_id": row["person_id"]["value"],
        "add_time": row["add_time"],
        "active_flag": row["active_flag"],
        "person": row["person"],
    }


def _event(deal_id: int, row: Row) -> Row:
    data = row["data"]
    change = row["object"] == "dealChange"
    if "body_url" in data:
        row = {**row, "data": {**data, "body_url": _opens_nothing(data["body_url"])}}
    return {
        "deal_id": deal_id,
        "event_key": event_key(row),
        "object": row["object"],
        "timestamp": row["timestamp"],
        "event_id": str(data["id"]) if data.get("id") is not None else None,
        "field_key": data["field_key"] if change else None,
        "event": row,
    }


def _named(entity: Entity, parent: Row) -> list[tuple[str, str]]:
    named = [(entity.parent_param, str(parent["id"]))] if entity.parent_param else []
    return [*entity.params, *named]


def _child(entity: Entity, parent: Any, row: Row) -> Row:
    if entity.shape == "participant":
        return _participant(parent, row)
    if entity.shape == "flow":
        return _event(parent, row)
    if entity.record_key:
        row = {**row, **row[entity.record_key]}
        del row[entity.record_key]
    keyed = {"change_key": content_key(row)} if entity.shape == "changelog" else {}
    return {entity.key[0]: parent, **keyed, **row}


def _scan(
    sandbox: Sandbox,
    path: str,
    params: Iterable[tuple[str, str]],
    nested: str | None = None,
) -> Iterator[Row]:
    extra: list[tuple[str, str]] = []
    headers = {"x-api-token": sandbox.api_token}
    while True:
        reply = sandbox.answer(call(path, [*params, *extra], headers))
        if reply.status == 404 and path.endswith("/assignments"):
            return  # nobody has it
        assert reply.status == 200, reply.body
        body = reply.json()
        data = body["data"][nested] if nested else body["data"]
        yield from [data] if isinstance(data, dict) else data or []
        told = body.get("additional_data") or {}
        if cursor := told.get("next_cursor"):
            extra = [("cursor", cursor)]
        elif (told.get("pagination") or {}).get("more_items_in_collection"):
            start = told["pagination"]["start"] + len(body["data"])
            extra = [("start", str(start))]
        else:
            return


def opened(database: Any) -> Any:
    """A connection to a DuckDB file by its path, or to whatever else makes one of the same kind."""
    return database() if callable(database) else duckdb.connect(database, read_only=True)


def differences(database: Any, dataset: str, entity: Entity, expected: list[Row]) -> list[str]:
    """What a table lacks or has otherwise than the account; empty when they are equal."""
    found: list[str] = []
    with opened(database) as connection:
        held = _table(connection, dataset, entity.name)
        keys = [_key(entity, row) for row in expected]
        stored = {tuple(row[name] for name in entity.key): row for row in held}
        alive = {key for key, row in stored.items() if row["_deleted_at"] is None}
        found += [f"{entity.name} {key} is missing" for key in keys if key not in stored]
        if not entity.per_interval:  # earlier intervals are in the account as well
            found += [f"{entity.name} {key} is not in the account" for key in alive - set(keys)]
        if len(stored) != len(held):
            found.append(f"{entity.name} holds {len(held) - len(stored)} rows twice")
        for row in expected:
            mine = stored.get(_key(entity, row))
            if mine is None:
                continue
            for name, value in row.items():
                if name == "custom_fields" or HASH.match(name):
                    continue
                if isinstance(value, list) and name not in mine:
                    held_list = _list(connection, dataset, entity, name, mine)
                    if not _same(_plain(value), held_list):
                        found.append(
                            f"{entity.name} {_key(entity, row)}.{name}: {value} != {held_list}"
                        )
                else:
                    found += _leaves(entity, mine, name, value)
    return found


def _key(entity: Entity, row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in entity.key)


def _leaves(entity: Entity, mine: Row, name: str, value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value.keys() == {"id", "label"} and f"{name}_id" in mine:
        yield from _leaves(entity, mine, name, value["label"])
        yield from _leaves(entity, mine, f"{name}_id", value["id"])
    elif isinstance(value, dict) and name not in mine:
        for leaf, inner in value.items():
            yield from _leaves(entity, mine, f"{name}__{leaf}", inner)
    elif name not in mine:
        if value not in ABSENT:
            yield f"{entity.name}.{name} has no column for {value!r}"
    elif not _same(value, mine[name]):
        yield f"{entity.name} {_key(entity, mine)}.{name}: {value!r} != {mine[name]!r}"


def _same(theirs: Any, mine: Any) -> bool:
    if isinstance(theirs, dict | list) and isinstance(mine, str):
        return bool(json.loads(mine) == theirs)
    if theirs in ABSENT or mine in ABSENT:
        return theirs in ABSENT and mine in ABSENT
    if isinstance(mine, date):
        return _is_moment(theirs, mine)
    if isinstance(mine, int) and isinstance(theirs, str):
        return theirs == str(mine).lower()
    if isinstance(mine, Decimal | float):
        return float(theirs) == float(mine)
    return bool(theirs == mine)


def _is_moment(text: str, held: date) -> bool:
    if isinstance(held, datetime):
        return _moment(text) == held.astimezone(timezone.utc)
    return text == held.isoformat()


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace(" ", "T", 1))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _plain(items: list[Any]) -> list[Any]:
    """Items as a child table would give them back: nothing for nulls, empty text like null."""
    return [
        {name: value for name, value in item.items() if value not in ABSENT}
        if isinstance(item, dict)
        else item
        for item in items
        if item is not None
    ]


def _list(connection: Any, dataset: str, entity: Entity, name: str, mine: Row) -> list[Any]:
    try:
        rows = _table(connection, dataset, f"{entity.name}__{name}", parent=mine["_dlt_id"])
    except duckdb.CatalogException:
        return []
    plain = [
        {key: value for key, value in row.items() if not key.startswith("_dlt")} for row in rows
    ]
    if plain and set(plain[0]) == {"value"}:
        return [row["value"] for row in plain]
    return [{key: value for key, value in row.items() if value not in ABSENT} for row in plain]


def _table(connection: Any, dataset: str, name: str, *, parent: str | None = None) -> list[Row]:
    where, order = ("WHERE _dlt_parent_id = ?", "ORDER BY _dlt_list_idx") if parent else ("", "")
    cursor = connection.execute(
        f'SELECT * FROM "{dataset}"."{name}" {where} {order}', [parent] if parent else []
    )
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


# Custom fields


def custom_differences(
    sandbox: Sandbox, database: Any, dataset: str, entity: Entity, expected: list[Row]
) -> list[str]:
    """Which custom values the named columns do not hold, by the account's own definitions."""
    with opened(database) as connection:
        held = _table(connection, dataset, entity.name)
        mapping = _table(connection, dataset, "custom_fields_mapping")
    named = {row["hash_string"]: row["normalized_name"] for row in mapping}
    stored = {tuple(row[name] for name in entity.key): row for row in held}
    return custom_values(sandbox, entity, expected, stored, named)


def custom_values(
    sandbox: Sandbox,
    entity: Entity,
    expected: list[Row],
    stored: Mapping[tuple[Any, ...], Row],
    named: Mapping[str, str],
) -> list[str]:
    """The same for rows by their keys; `named` are the columns by the fields' keys."""
    door = Sandbox(sandbox.world, limits=Limits(burst=1_000_000))
    defined = {row["field_code"]: row for row in _scan(door, f"api/v2/{entity.fields}", ())}
    found: list[str] = []
    for row in expected:
        mine = stored.get(_key(entity, row), {})
        flat = {
            code: _nested(row, field)
            for code, field in defined.items()
            if code in row and field["is_custom_field"]
        }
        for code, value in {**(row.get("custom_fields") or {}), **flat}.items():
            if value is None or code not in defined:
                continue
            for column, wanted in _columns_of_value(named[code], defined[code], value).items():
                if not _same(wanted, mine.get(column)):
                    found.append(
                        f"{entity.name} {_key(entity, row)} {defined[code]['field_name']!r} "
                        f"{column}: {wanted!r} != {mine.get(column)!r}"
                    )
    return found


def _nested(row: Row, definition: Row) -> Any:
    """The value of a flat custom field (v1) as v2 would give it."""
    code, kind = definition["field_code"], definition["field_type"]
    value = row[code]
    parts = {key[41:]: each for key, each in row.items() if key.startswith(f"{code}_")}
    if value is None:
        return None
    if kind == "enum":
        return int(value)
    if kind == "set":
        return [int(each) for each in value.split(",")] if value else []
    if kind in {"user", "org", "people"}:
        return int(value)
    return {"value": value, **parts} if parts else value


def _columns_of_value(name: str, definition: Row, value: Any) -> Row:
    labels = {option["id"]: option["label"] for option in definition["options"] or ()}
    match definition["field_type"]:
        # The account has no label for a removed option; the warehouse keeps the last one it had.
        case "enum":
            return {f"{name}_id": value} | ({name: labels[value]} if value in labels else {})
        case "set":
            texts = {name: [labels[each] for each in value]} if labels.keys() >= {*value} else {}
            return texts | {f"{name}_ids": value}
        case "monetary":
            return {name: value["value"], f"{name}_currency": value["currency"]}
        case "daterange" | "timerange" | "time":
            return {
                name if part == "value" else f"{name}_{part}": each for part, each in value.items()
            }
        case "address":
            parts = {f"{name}_{part}": each for part, each in value.items() if part != "value"}
            return {name: value.get("formatted_address") or value["value"], **parts}
        case _:
            return {name: value}
