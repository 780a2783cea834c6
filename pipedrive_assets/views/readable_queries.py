"""The queries of the readable views."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipedrive_assets.views.sql import WEIGHTED_VALUE

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
    "lead_labels": "CAST(NULL AS VARCHAR) AS id, CAST(NULL AS VARCHAR) AS name",
    "fields": (
        "CAST(NULL AS VARCHAR) AS entity, CAST(NULL AS VARCHAR) AS field_code, "
        "CAST(NULL AS VARCHAR) AS field_name, CAST(NULL AS JSON) AS options"
    ),
}
"""The columns of the empty table that replaces a joined table that was never loaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A view that is created if its table exists.

    Attributes:
        name: The name of the view.
        base: The table whose columns it has.
        query: Its SQL for DuckDB; `{name}` becomes a table.
        replaced: Columns of `base` that the query replaces.
        of: The table of the records that its links open, if that is not `base`, and the column
            with their ids.
        options: Built-in fields whose option labels it shows. `{option_labels}` and
            `{option_joins}` become their columns and joins.
    """

    name: str
    base: str
    query: str
    replaced: frozenset[str] = frozenset()
    options: tuple[str, ...] = ()
    of: tuple[str, str] | None = None

    @property
    def record(self) -> str:
        """The table of the records that the links open."""
        return self.of[0] if self.of else self.base

    @property
    def record_id(self) -> str:
        """The column with the ids of these records."""
        return self.of[1] if self.of else "id"

    @property
    def description(self) -> str:
        """What the view contains, for its comment."""
        return f"{self.base} with names and labels in addition to ids. Has deleted rows too."


def row_alias(view: View) -> str:
    """Return the alias of the view's table, which its query begins with: `SELECT d.*`."""
    return view.query.split(".*", 1)[0].split()[-1]


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
  latest.due_date AS last_activity_date{{option_labels}}
FROM {{deals}} d
  {JOINS.format(row="d", org="org_id").strip()}
  LEFT JOIN {{pipelines}} p ON p.id = d.pipeline_id
  LEFT JOIN {{stages}} s ON s.id = d.stage_id
  LEFT JOIN {{deals_next_activity}} following ON following.row_id = d.id
  LEFT JOIN {{deals_last_activity}} latest ON latest.row_id = d.id
  {{option_joins}}
"""

ACTIVITIES = f"""
SELECT a.*,
  {NAMES.format(row="a", org="org_id").strip()},
  coalesce(kind.name, a.type) AS type_name,
  coalesce(deal.title, CAST(a.deal_id AS VARCHAR)) AS deal_title{{option_labels}}
FROM {{activities}} a
  {JOINS.format(row="a", org="org_id").strip()}
  LEFT JOIN {{activity_types}} kind ON kind.key_string = a.type
  LEFT JOIN {{deals}} deal ON deal.id = a.deal_id
  {{option_joins}}
"""

LEADS = f"""
SELECT l.*,
  {NAMES.format(row="l", org="organization_id").strip()},
  following.id AS next_activity_id,
  following.subject AS next_activity_subject, following.type AS next_activity_type,
  following.due_date AS next_activity_date{{option_labels}}
FROM {{leads}} l
  {JOINS.format(row="l", org="organization_id").strip()}
  LEFT JOIN {{leads_next_activity}} following ON following.row_id = l.id
  {{option_joins}}
"""

PERSONS = """
SELECT p.*,
  coalesce(owner.name, CAST(p.owner_id AS VARCHAR)) AS owner_name,
  coalesce(organization.name, CAST(p.org_id AS VARCHAR)) AS organization_name{option_labels}
FROM {persons} p
  LEFT JOIN {users} owner ON owner.id = p.owner_id
  LEFT JOIN {organizations} organization ON organization.id = p.org_id
  {option_joins}
"""


def _owned(table: str) -> str:
    """Return the query for a table whose rows only have an owner and options."""
    return f"""
SELECT r.*,
  coalesce(owner.name, CAST(r.owner_id AS VARCHAR)) AS owner_name{{option_labels}}
FROM {{{table}}} r
  LEFT JOIN {{users}} owner ON owner.id = r.owner_id
  {{option_joins}}
"""


def _value(side: str) -> str:
    """Return SQL for the value of a field change, with labels for option ids and names for ids."""
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
        options=("label_ids", "channel", "visible_to"),
    ),
    View(
        name="persons_readable",
        base="persons",
        query=PERSONS,
        options=("label_ids", "visible_to"),
    ),
    View(
        name="organizations_readable",
        base="organizations",
        query=_owned("organizations"),
        options=("label_ids", "industry", "visible_to"),
    ),
    View(
        name="activities_readable",
        base="activities",
        query=ACTIVITIES,
        options=("priority", "outcome"),
    ),
    View(
        name="products_readable",
        base="products",
        query=_owned("products"),
        options=("category", "visible_to"),
    ),
    View(
        name="leads_readable",
        base="leads",
        query=LEADS,
        replaced=frozenset({"next_activity_id"}),
        options=("label_ids", "channel", "visible_to"),
    ),
    View(
        name="projects_readable",
        base="projects",
        query=_owned("projects"),
        options=("label_ids",),
    ),
    View(name="deals_flow_readable", base="deals_flow", query=FLOW, of=("deals", "deal_id")),
)
