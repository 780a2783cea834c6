"""Creates the readable views, which show names instead of ids, and all other views.

A load that changes something creates them again. A view replaces tables that were never loaded by
empty ones, and shows the id if it finds no name.
"""

import logging
from collections.abc import Collection, Iterable, Mapping

from dlt.common.normalizers.naming.snake_case import NamingConvention

from pipedrive_assets.views import fingerprint
from pipedrive_assets.views.comments import comments, history_comments
from pipedrive_assets.views.derived_views import make_views
from pipedrive_assets.views.event_keys import event_keys, event_kinds, has_events
from pipedrive_assets.views.linked_activities import linked_activities
from pipedrive_assets.views.live import live_views
from pipedrive_assets.views.option_labels import option_columns
from pipedrive_assets.views.readable_queries import EMPTY, VIEWS, View, row_alias
from pipedrive_assets.views.record_url import URL, record_url
from pipedrive_assets.views.sql import DERIVED_TABLES
from pipedrive_assets.warehouse import dialect
from pipedrive_assets.warehouse.comments import write_comments
from pipedrive_assets.warehouse.history.history_table import histories, make_macros
from pipedrive_assets.warehouse.ledger import DESCRIPTIONS, all_columns
from pipedrive_assets.warehouse.own_views import OwnViews, remember
from pipedrive_assets.warehouse.statements import Sql, table

log = logging.getLogger(__name__)

NAMING = NamingConvention()

READABLE_THEN = ("deals_readable", "activities_readable", "leads_readable", "deals_flow_readable")
"""The readable views of versions that had no list of views in the ledger."""


def refresh(sql: Sql) -> None:
    """Create or replace all views whose table exists, unless they are current."""
    typed = all_columns(sql)
    if not fingerprint.are_current(sql, typed):
        rebuild(sql)
        fingerprint.record(sql, typed)


def rebuild(sql: Sql) -> None:
    """Create or replace all views whose table exists."""
    columns = {name: list(held) for name, held in all_columns(sql).items()}
    own = OwnViews(sql)
    for name, query in live_views(sql, columns):
        _create(own, name, query)
    for view in VIEWS:
        if view.base in columns:
            query = dialect.translate(sql, _query(sql, view, columns))
            _create(own, view.name, query, view.description)
    make_views(sql, columns)
    if has_events(columns):
        taken = {*columns, *(view.name for view in VIEWS)}
        for kind, keys in event_keys(sql).items():
            name, query = _flow_view(sql, kind, keys)
            if name not in taken:
                _create(own, name, query, "Events of one kind in the history of deals.")
    past = histories(sql)
    make_macros(sql, past)
    texts = comments(sql, columns)
    write_comments(sql, {**texts, **history_comments(past, texts), **DESCRIPTIONS})


def drop(sql: Sql) -> None:
    """Drop all views of this project, so that columns can be changed or dropped."""
    OwnViews(sql).drop_all()


def adopt(sql: Sql) -> None:
    """Add the views to the ledger that versions without a list of views created."""
    columns = {name: list(held) for name, held in all_columns(sql).items()}
    made = {name for name, _ in live_views(sql, columns)}
    made |= set(READABLE_THEN) | {each.name for each in DERIVED_TABLES}
    if has_events(columns):
        made |= {f"deals_flow_{_name(kind)}" for kind in event_kinds(sql)}
    rows = sql.execute_sql(
        "SELECT table_name FROM information_schema.tables "
        "WHERE table_schema = %s AND table_type = 'VIEW'",
        sql.dataset_name,
    )
    remember(sql, sorted({row[0] for row in rows or ()} & made))


def _query(sql: Sql, view: View, columns: Mapping[str, list[str]]) -> str:
    """Return the query of a view, listing the columns of its table.

    In DuckDB a view with `*` fails as soon as its table gets a column.
    """
    names = _Names(sql, view, columns)
    query = view.query.format_map(names)
    row = row_alias(view)
    shown = ", ".join(
        f"{row}.{sql.escape_column_name(column)}"
        for column in columns[view.base]
        if column not in view.replaced
    )
    link = record_url(view.record, f"{row}.{view.record_id}").format_map(names)
    return query.replace(f"{row}.*", f"{shown}, {link} AS {_url(columns[view.base])}", 1)


def _url(held: Collection[str]) -> str:
    """Return the column's name, or another if a custom field has it."""
    return f"record_{URL}" if URL in held else URL


class _Names(dict[str, str]):
    """Replaces the placeholders in the query of a view.

    `{deals}` becomes the table, or an empty one if it does not exist. `{old_labels}` and
    `{new_labels}` become the labels of the options in the old and new value of an event.
    """

    def __init__(self, sql: Sql, view: View, columns: Mapping[str, list[str]]) -> None:
        existing = set(columns)
        super().__init__(
            {
                f"{side}_labels": dialect.chosen_labels(sql, f"f.{side}_value", "m.options")
                for side in ("old", "new")
            }
        )
        self._sql, self._existing = sql, existing
        self["row"] = row_alias(view)
        shown = option_columns(sql, view, columns)
        self["option_labels"] = "".join(
            f",\n  {each.value} AS {sql.escape_column_name(each.name)}" for each in shown
        ).format_map(self)
        self["option_joins"] = "\n  ".join(each.join for each in shown).format_map(self)
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


def _create(own: OwnViews, name: str, query: str, description: str = "") -> None:
    """Create or replace a view; log a warning if that fails, for example for excluded columns."""
    if reason := own.replace(name, query, description):
        log.warning("The view %s was not created. %s", name, reason)


def _flow_view(sql: Sql, kind: str, event_keys: Iterable[str]) -> tuple[str, str]:
    """Return name and query of a view of the events of one kind, with a column per key.

    The names are those that dlt's first Pipedrive source used.
    """
    literal = sql.capabilities.escape_literal
    keys = {_name(key): key for key in event_keys}
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


def _name(text: str) -> str:
    """Convert a text of Pipedrive to the name of a column or view; it may be empty."""
    return NAMING.normalize_identifier(text.strip() or "nameless")
