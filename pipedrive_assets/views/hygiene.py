"""Builds the queries of the derived tables `hygiene` and `hygiene_rules` from the table of rules.

A rule is part of them only if everything that it needs was loaded.
"""

from collections import ChainMap
from collections.abc import Collection, Mapping, MutableMapping, Sequence

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.views.record_url import record_url
from pipedrive_assets.views.required_fields import empty_required
from pipedrive_assets.views.sql.hygiene_rules import REQUIRED, RULES, Rule
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.statements import Sql, table

Columns = Mapping[str, Sequence[str]]

NO_FINDINGS = (
    "SELECT CAST(NULL AS VARCHAR) AS rule, CAST(NULL AS VARCHAR) AS record_table, "
    "CAST(NULL AS VARCHAR) AS record_id, CAST(NULL AS BIGINT) AS owner_id, "
    "CAST(NULL AS VARCHAR) AS detail, CAST(NULL AS VARCHAR) AS pipedrive_url WHERE 1 = 0"
)


def hygiene_queries(
    sql: Sql, columns: Columns, derived: Collection[str], names: MutableMapping[str, str]
) -> dict[str, str]:
    """Return the placeholders of the two tables with their queries.

    Args:
        sql: The warehouse, whose ledger exists.
        columns: The columns of each table that exists.
        derived: The derived tables that exist.
        names: The tables, by the name of their placeholder in a rule.
    """
    loaded = _loaded(sql)
    findings, checked = [NO_FINDINGS], []
    for rule in RULES:
        required = empty_required(sql, rule.record, columns) if REQUIRED in rule.join else ""
        reason = _unmet(rule, columns, derived, loaded)
        if not reason and REQUIRED in rule.join and not required:
            reason = "Pipedrive returns no required fields for these records."
        known = ChainMap({REQUIRED.strip("{}"): required}, names)
        if not reason:
            findings.append(_findings(rule).format_map(known))
        checked.append(_checked(rule, reason).format_map(known))
    return {
        "_hygiene_findings": f"({' UNION ALL '.join(findings)})",
        "_hygiene_checked": f"({' UNION ALL '.join(checked)})",
    }


def _loaded(sql: Sql) -> set[str]:
    """Return the tables whose first load is finished."""
    rows = sql.execute_sql(
        f"SELECT entity FROM {table(sql, '_pipedrive_coverage')} WHERE baseline_at IS NOT NULL"
    )
    return {row[0] for row in rows or ()}


def _unmet(rule: Rule, columns: Columns, derived: Collection[str], loaded: Collection[str]) -> str:
    """Return why a rule cannot be checked; empty if it can."""
    for name, needed in rule.columns.items():
        root, nested, _ = name.partition("__")
        if root not in BY_NAME:
            if name not in derived:
                return f"It needs {name}, which does not exist."
            continue
        if root not in columns:
            return f"It needs {root}, which is not loaded."
        if root not in loaded:
            return f"It needs {root}, whose first load is not finished."
        absent = [each for each in needed if each not in columns.get(name, ())]
        if nested and name not in columns:
            return f"It needs {name}, which does not exist: no row has a value, or it is excluded."
        if absent:
            return f"It needs {name}.{absent[0]}, which the warehouse does not have."
    return ""


def _records(rule: Rule) -> str:
    return f"FROM {{{rule.record}}} r {{join}} WHERE r._deleted_at IS NULL AND {rule.checked}"


def _findings(rule: Rule) -> str:
    owner = f"r.{rule.owner}" if rule.owner else "CAST(NULL AS BIGINT)"
    source = _records(rule).replace("{join}", rule.join)
    return (
        f"SELECT '{rule.name}' AS rule, '{rule.record}' AS record_table, "
        f"CAST(r.id AS VARCHAR) AS record_id, {owner} AS owner_id, {rule.detail} AS detail, "
        f"{record_url(rule.record, f'r.{rule.link}')} AS pipedrive_url "
        f"{source} AND {rule.found}"
    )


def _checked(rule: Rule, reason: str) -> str:
    count = f"(SELECT count(*) {_records(rule).replace('{join}', '')})"
    return (
        f"SELECT '{rule.name}' AS rule, '{rule.record}' AS record_table, "
        f"{dialect.quoted(rule.meaning)} AS meaning, "
        f"{'CAST(NULL AS BIGINT)' if reason else count} AS checked, "
        f"{dialect.quoted(reason) if reason else 'CAST(NULL AS VARCHAR)'} AS not_checked"
    )
