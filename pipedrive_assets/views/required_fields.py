"""Empty required fields of deals, persons and organizations, as a query.

Pipedrive returns in each field definition (`required_fields`) whether the field is required. For
deals it also returns in which stages of open deals, and for which results by pipeline.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pipedrive_assets.extract.custom_fields import ENDPOINT_OF
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.custom_fields.layouts import COERCION_FAILED_SUFFIX
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.statements import Sql, table

CODES = {"email": "emails", "phone": "phones", "label": "label_ids"}
"""Codes of definitions that differ from the names of the columns."""

Columns = Mapping[str, Sequence[str]]


def empty_required(sql: Sql, record: str, columns: Columns) -> str:
    """Return a query of `id` and `detail`: a row per record and empty required field.

    Args:
        sql: The warehouse.
        record: The table of the records.
        columns: The columns of each table that exists.

    Returns:
        The query in parentheses; empty if no field is required, as far as is known.
    """
    if "required_fields" not in columns.get("fields", ()) or record not in columns:
        return ""
    entity = ENDPOINT_OF[BY_NAME[record].fields or ""]
    places = _custom_columns(sql, entity, columns)
    gaps = []
    for code, label, required in _required(sql, entity):
        if empty := _empty(sql, record, places.get(code, CODES.get(code, code)), columns):
            gaps.append(
                f"SELECT x.id, {dialect.quoted(label)} AS detail FROM {table(sql, record)} x "
                f"WHERE x._deleted_at IS NULL AND {empty} AND {_applies(record, required)}"
            )
    return f"({' UNION ALL '.join(gaps)})" if gaps else ""


def _required(sql: Sql, entity: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield code, label and rule of the fields that are required."""
    rows = sql.execute_sql(
        f"SELECT field_code, field_name, required_fields FROM {table(sql, 'fields')} "
        "WHERE entity = %s AND _deleted_at IS NULL AND required_fields IS NOT NULL ORDER BY 1",
        entity,
    )
    for code, label, sent in rows or ():
        required = json.loads(sent) if isinstance(sent, str) else sent
        if isinstance(required, dict) and required.get("enabled") is True:
            yield code, label or code, required


def _custom_columns(sql: Sql, entity: str, columns: Columns) -> dict[str, str]:
    """Return the columns of an entity's custom fields, by key."""
    held = columns.get("custom_fields_mapping", ())
    if not {"endpoint", "hash_string", "normalized_name"} <= {*held}:
        return {}
    rows = sql.execute_sql(
        "SELECT hash_string, normalized_name "
        f"FROM {table(sql, 'custom_fields_mapping')} WHERE endpoint = %s",
        entity,
    )
    return {str(code): str(name) for code, name in rows or ()}


def _empty(sql: Sql, record: str, name: str, columns: Columns) -> str:
    """Return the condition that a field of record `x` is empty; empty for an unknown column."""
    items = f"{record}__{name}"
    if items in columns:
        value = "AND CAST(v.value AS VARCHAR) <> ''" if "value" in columns[items] else ""
        of_record = f"SELECT 1 FROM {table(sql, items)} v WHERE v._dlt_parent_id = x._dlt_id"
        return f"NOT EXISTS ({of_record} {value})"
    both = [each for each in (name, name + COERCION_FAILED_SUFFIX) if each in columns[record]]
    return " AND ".join(
        f"coalesce(CAST(x.{sql.escape_column_name(each)} AS VARCHAR), '') IN ('', '[]', '{{}}')"
        for each in both
    )


def _applies(record: str, required: Mapping[str, Any]) -> str:
    """Return the condition that a field is required for record `x`."""
    stages = _whole(required.get("stage_ids"))
    statuses = required.get("statuses")
    results = statuses if isinstance(statuses, dict) else {}
    if record != "deals" or not (stages or any(results.values())):
        return "TRUE"
    cases = [f"(x.status = 'open' AND x.stage_id IN ({stages}))"] if stages else []
    for pipeline, ends in results.items():
        these = [each for each in ("won", "lost") if isinstance(ends, list) and each in ends]
        if these and str(pipeline).isdecimal():
            listed = ", ".join(f"'{each}'" for each in these)
            cases.append(f"(x.pipeline_id = {pipeline} AND x.status IN ({listed}))")
    return f"({' OR '.join(cases)})" if cases else "FALSE"


def _whole(values: object) -> str:
    """Return the whole numbers of a list, separated by commas."""
    items = values if isinstance(values, list) else []
    return ", ".join(str(each) for each in items if isinstance(each, int))
