"""A step computes each derived table once, and its rows are those of the view."""

import pytest

from pipedrive_assets.views import derive_with_rules
from pipedrive_assets.views.sql import DERIVED_TABLES

TABLES = ("deals", "deals_flow", "stages", "pipelines", "activities", "users", "persons")


@pytest.fixture
def loaded(make_office):
    office = make_office(deals=12)
    office.load(*TABLES)
    return office


def in_order(rows):
    """Rows in an order of their own; sums of floats depend on the order of their terms."""
    return sorted((tuple(map(rounded, row)) for row in rows), key=repr)


def rounded(value):
    return round(value, 6) if isinstance(value, float) else value


def test_each_table_is_computed_once_and_has_the_rows_of_its_view(loaded, monkeypatch):
    statements = []
    with loaded.warehouse.sql() as sql:
        run = sql.execute_sql
        monkeypatch.setattr(
            sql, "execute_sql", lambda text, *how: statements.append(text) or run(text, *how)
        )
        found, rules = derive_with_rules(loaded.warehouse, DERIVED_TABLES)

    made = [text.split()[3] for text in statements if text.startswith("CREATE TEMP TABLE")]
    assert len(DERIVED_TABLES) == len(made) == len(set(made))
    for each in found:
        shown = loaded.query(f"SELECT {', '.join(each.table.columns)} FROM {each.table.name}")
        assert in_order(shown) == in_order(each.content), each.table.name
        assert len(shown) == each.rows
    counted = loaded.query("SELECT rule, coalesce(found, 0) FROM hygiene_rules ORDER BY rule")
    assert counted == [(rule.rule, rule.found) for rule in rules]
