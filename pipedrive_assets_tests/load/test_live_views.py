"""Views without the rows that are marked, and views that cannot be made."""

import logging

import pytest

from pipedrive_assets.views import readable


def test_live_views_hide_marked_rows_their_children_and_their_lists(make_office):
    office = make_office(deals=12)
    tables = ("deals", "persons", "deals_participants")
    office.load(*tables)
    office.world.purge("persons", 7)
    deal = next(key for (key,) in office.query("SELECT DISTINCT deal_id FROM deals_participants"))
    office.world.purge("deals", deal)

    office.reconcile("deals", "persons")

    for table in tables:
        marks = office.query(f"SELECT count(*) FROM {table} WHERE _deleted_at IS NULL")
        assert marks == office.query(f"SELECT count(*) FROM {table}_live")
    assert [] == office.query("SELECT * FROM persons_live WHERE id = 7")
    assert [] != office.query("SELECT * FROM persons__emails_live")
    ((hidden,),) = office.query(
        "SELECT count(*) FROM persons__emails_live e "
        "JOIN persons p ON p._dlt_id = e._dlt_parent_id WHERE p._deleted_at IS NOT NULL"
    )
    assert 0 == hidden


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize("view", ["deals_live", "deals_readable", "deal_stage_history"])
def test_a_new_column_breaks_no_view(make_office, view):
    office = make_office(deals=12)
    office.load("deals", "deals_flow")

    with office.warehouse.sql() as sql:
        sql.execute_sql("ALTER TABLE deals ADD COLUMN new_one VARCHAR")

    assert [] != office.query(f"SELECT * FROM {view}")


def test_a_view_that_cannot_be_made_is_a_warning_that_names_it(office, monkeypatch, caplog):
    broken = readable.View(
        name="stages_broken", base="stages", query="SELECT nowhere FROM {stages}"
    )
    monkeypatch.setattr(readable, "VIEWS", (broken, *readable.VIEWS))

    with caplog.at_level(logging.WARNING):
        office.load("stages")

    (said,) = [text for text in caplog.messages if "stages_broken" in text]
    assert said.startswith(
        "The view stages_broken was not created. Its query failed: BinderException"
    )
    assert "nowhere" in said
    assert [] != office.query("SELECT * FROM stages_live")
