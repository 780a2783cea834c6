"""Readable views: names in place of ids, a deal's history in words. Made anew after every load.

A view reads only tables that exist: for a table that was never loaded it reads an empty one in its
place, and shows the id where it finds no name.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

from dlt.common.normalizers.naming.snake_case import NamingConvention

from pipedrive_assets.views.derived import make_views
from pipedrive_assets.views.linked_activities import linked_activities
from pipedrive_assets.views.live import live_views
from pipedrive_assets.views.sql import DERIVED_TABLES, WEIGHTED_VALUE
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.ledger import all_columns
from pipedrive_assets.warehouse.own_views import OwnViews, remember
from pipedrive_assets.warehouse.statements import Sql, table

log = logging.getLogger(__name__)

NAMING = NamingConvention()

EMPTY: Mapping[str, str] = {
    "users": "CAST(NULL AS BIGINT) AS id, CAST(NULL AS VARCHAR) AS name",
    "pipelines": (
        "CAST(NULL AS BIGINT) AS id, CAST(NULL AS VARCHAR) AS name, "
        "CAST(NULL AS BOOLEAN) AS is_deal_probability_enabled"
    ),
    "stages": (
        "CAST(NULL AS BIGINT) AS id, CAST(NULL AS VARCHAR) AS name, "
        "CAST(NULL AS BIGINT) AS deal_probability, CAST(NULL AS BIGINT) AS pipeline_id"
    ),
    "organizations": "CAST(NULL AS BIGINT) AS id, CAST(NULL AS VARCHAR) AS name",
    "persons": "CAST(NULL AS BIGINT) AS id, CAST(NULL AS VARCHAR) AS name",
    "activity_types": "CAST(NULL AS VARCHAR) AS key_string, CAST(NULL AS VARCHAR) AS name",
    "activities": (
        "CAST(NULL AS BIGINT) AS id, CAST(NULL AS VARCHAR) AS subject, "
        "CAST(NULL AS VARCHAR) AS type, CAST(NULL AS DATE) AS due_date, "
        "CAST(NULL AS VARCHAR) AS due_time"
    ),
    "deals": "CAST(NULL AS BIGINT) AS id, CAST(NULL AS VARCHAR) AS title",
    "custom_fields_mapping": (
        "CAST(NULL AS VARCHAR) AS endpoint, CAST(NULL AS VARCHAR) AS hash_string, "
        "CAST(NULL AS VARCHAR) AS name, CAST(NULL AS JSON) AS options, "
        "CAST(NULL AS VARCHAR) AS column_type"
    ),
    "fields": (
        "CAST(NULL AS VARCHAR) AS entity, CAST(NULL AS VARCHAR) AS field_code, "
        "CAST(NULL AS VARCHAR) AS field_name"
    ),
}
"""What stands in for a table that views join and that was never loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view over `base` (made only where that table exists); `{name}` stands for a table.

    `replaced` columns of `base` are left out of `*`: the query has its own in their place.
    """

    name: str
    base: str
    query: str
    replaced: frozenset[str] = frozenset()


NAMES = """
  coalesce(owner.name, CAST({row}.owner_id AS VARCHAR)) AS owner_name,
  coalesce(organization.name, CAST({row}.{org} AS VARCHAR)) AS organization_name,
  coalesce(person.name, CAST({row}.person_id AS VARCHAR)) AS person_name
"""
JOINS = """
  LEFT JOIN {{users}} owner ON owner.id = {row}.owner_id
  LEFT JOIN {{organizations}} organization ON organization.id = {row}.{org}
  LEFT JOIN {{persons}} person ON person.id = {row}.person_id
"""

DEALS = f"""
SELECT d.*,
  {NAMES.format(row="d", org="org_id").strip()},
  coalesce(p.name, CAST(d.pipeline_id AS VARCHAR)) AS pipeline_name,
  coalesce(s.name, CAST(d.stage_id AS VARCHAR)) AS stage_name,
  {WEIGHTED_VALUE} AS weighted_value,
  following.id AS next_activity_id, latest.id AS last_activity_id,
  following.subject AS next_activity_subject, following.type AS next_activity_type,
  following.due_date AS next_activity_date, following.due_time AS next_activity_time,
  latest.subject AS last_activity_subject, latest.type AS last_activity_type,
  latest.due_date AS last_activity_date
FROM {{deals}} d
  {JOINS.format(row="d", org="org_id").strip()}
  LEFT JOIN {{pipelines}} p ON p.id = d.pipeline_id
  LEFT JOIN {{stages}} s ON s.id = d.stage_id
  LEFT JOIN {{deals_next_activity}} following ON following.row_id = d.id
  LEFT JOIN {{deals_last_activity}} latest ON latest.row_id = d.id
"""

ACTIVITIES = f"""
SELECT a.*,
  {NAMES.format(row="a", org="org_id").strip()},
  coalesce(kind.name, a.type) AS type_name,
  coalesce(deal.title, CAST(a.deal_id AS VARCHAR)) AS deal_title
FROM {{activities}} a
  {JOINS.format(row="a", org="org_id").strip()}
  LEFT JOIN {{activity_types}} kind ON kind.key_string = a.type
  LEFT JOIN {{deals}} deal ON deal.id = a.deal_id
"""

LEADS = f"""
SELECT l.*,
  {NAMES.format(row="l", org="organization_id").strip()},
  following.id AS next_activity_id,
  following.subject AS next_activity_subject, following.type AS next_activity_type,
  following.due_date AS next_activity_date
FROM {{leads}} l
  {JOINS.format(row="l", org="organization_id").strip()}
  LEFT JOIN {{leads_next_activity}} following ON following.row_id = l.id
"""


def _value(side: str) -> str:
    """A field change's value in words: labels for option ids, names for ids of built-in fields."""
    value = f"f.{side}_value"

    def _name_of(names: str, *keys: str) -> str:
        these = ", ".join(f"'{key}'" for key in keys)
        found = f"SELECT n.name FROM {{{names}}} n WHERE n.id = TRY_CAST({value} AS BIGINT)"
        return f"WHEN f.field_key IN ({these}) THEN coalesce(({found}), {value})"

    return f"""
  CASE
    WHEN {value} IS NULL THEN NULL
    WHEN m.column_type IN ('enum', 'set') THEN {{{side}_labels}}
    {_name_of("stages", "stage_id")}
    {_name_of("pipelines", "pipeline_id")}
    {_name_of("users", "user_id", "owner_id", "creator_user_id")}
    {_name_of("persons", "person_id")}
    {_name_of("organizations", "org_id")}
    ELSE {value}
  END AS {side}_value_readable"""


FLOW = f"""
SELECT f.*, coalesce(deal.title, CAST(f.deal_id AS VARCHAR)) AS deal_title,
  coalesce(actor.name, CAST(f.user_id AS VARCHAR)) AS user_name,
  coalesce(m.name, definition.field_name, f.field_key) AS field_name,{_value("old")},{_value("new")}
FROM {{deals_flow}} f
  LEFT JOIN {{deals}} deal ON deal.id = f.deal_id
  LEFT JOIN {{users}} actor ON actor.id = f.user_id
  LEFT JOIN {{custom_fields_mapping}} m
    ON m.endpoint = 'deal' AND m.hash_string = left(f.field_key, 40) AND length(f.field_key) >= 40
  LEFT JOIN {{fields}} definition
    ON definition.entity = 'deal' AND definition.field_code = f.field_key
"""

VIEWS: tuple[View, ...] = (
    View(
        name="deals_readable",
        base="deals",
        query=DEALS,
        replaced=frozenset({"next_activity_id", "last_activity_id"}),
    ),
    View(name="activities_readable", base="activities", query=ACTIVITIES),
    View(
        name="leads_readable",
        base="leads",
        query=LEADS,
        replaced=frozenset({"next_activity_id"}),
    ),
    View(name="deals_flow_readable", base="deals_flow", query=FLOW),
)


def rebuild(sql: Sql) -> None:
    """Make every view anew whose base exists."""
    columns = {name: list(held) for name, held in all_columns(sql).items()}
    own = OwnViews(sql)
    for name, query in live_views(sql, columns):
        _create(own, name, query)
    for view in VIEWS:
        if view.base in columns:
            _create(own, view.name, dialect.translate(sql, _query(sql, view, columns)))
    make_views(sql, columns)
    if "deals_flow" in columns:
        taken = {*columns, *(view.name for view in VIEWS)}
        for kind in _flow_kinds(sql):
            name, query = _flow_view(sql, kind)
            if name not in taken:
                _create(own, name, query)


def drop(sql: Sql) -> None:
    """Drop every view of this project, before a column is changed or goes."""
    OwnViews(sql).drop_all()


def adopt(sql: Sql) -> None:
    """List the views that versions before the list of views made."""
    columns = {name: list(held) for name, held in all_columns(sql).items()}
    made = {name for name, _ in live_views(sql, columns)}
    made |= {view.name for view in VIEWS} | {each.name for each in DERIVED_TABLES}
    if "deals_flow" in columns:
        made |= {f"deals_flow_{_name(kind)}" for kind in _flow_kinds(sql)}
    rows = sql.execute_sql(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = %s AND table_type = 'VIEW'",
        sql.dataset_name,
    )
    remember(sql, sorted({row[0] for row in rows or ()} & made))


def _query(sql: Sql, view: View, columns: Mapping[str, list[str]]) -> str:
    """The view's query, its base's columns spelled out: a view of `*` breaks in DuckDB as soon as
    its table gets a column.
    """
    query = view.query.format_map(_Names(sql, set(columns)))
    row = re.match(r"\s*SELECT (\w)\.\*", query)
    if row is None:
        return query
    shown = ", ".join(
        f"{row[1]}.{sql.escape_column_name(column)}"
        for column in columns[view.base]
        if column not in view.replaced
    )
    return query.replace(f"{row[1]}.*", shown, 1)


class _Names(dict[str, str]):
    """`{deals}` in a query: the table, or an empty one in its place; `{old_labels}`: of an event's
    old value, the labels of what was chosen.
    """

    def __init__(self, sql: Sql, existing: set[str]) -> None:
        super().__init__(
            {
                f"{side}_labels": dialect.chosen_labels(sql, f"f.{side}_value", "m.options")
                for side in ("old", "new")
            }
        )
        self._sql, self._existing = sql, existing
        self.update(
            {
                name: source.format_map(self)
                for name, source in linked_activities(sql, existing).items()
            }
        )

    def __missing__(self, name: str) -> str:
        if name in self._existing:
            return table(self._sql, name)
        return f"(SELECT {EMPTY[name]} WHERE false)"


def _create(own: OwnViews, name: str, query: str) -> None:
    """A view that needs a column which a setting keeps out cannot be made, and is not there."""
    if reason := own.replace(name, query):
        log.warning("The view %s was not made. %s", name, reason)


def _flow_kinds(sql: Sql) -> list[str]:
    rows = sql.execute_sql(
        f"SELECT DISTINCT object FROM {table(sql, 'deals_flow')} "
        "WHERE object IS NOT NULL ORDER BY 1"
    )
    return [row[0] for row in rows or ()]


def _flow_view(sql: Sql, kind: str) -> tuple[str, str]:
    """The events of one kind with a column per key, named as dlt's first Pipedrive source did."""
    rows = sql.execute_sql(
        f"SELECT DISTINCT {dialect.json_keys(sql, 'event', 'data')} "
        f"FROM {table(sql, 'deals_flow')} WHERE object = %s ORDER BY 1",
        kind,
    )
    literal = sql.capabilities.escape_literal
    keys = {_name(row[0]): row[0] for row in rows or ()}
    columns = "".join(
        f", {dialect.json_text(sql, 'event', 'data', key)} AS {sql.escape_column_name(name)}"
        for name, key in keys.items()
        if name not in {"deal_id", "timestamp"}
    )
    query = (
        f"SELECT deal_id, timestamp{columns} FROM {table(sql, 'deals_flow')} "
        f"WHERE object = {literal(kind)}"
    )
    return f"deals_flow_{_name(kind)}", query


def _name(told: str) -> str:
    """A name for a column or view, from a word of Pipedrive's that may be no name at all."""
    return NAMING.normalize_identifier(told.strip() or "nameless")
