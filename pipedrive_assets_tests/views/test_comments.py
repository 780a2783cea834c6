"""Comments on tables, columns and views: complete, kept, and written only where they differ."""

import logging

import pytest

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.views import readable
from pipedrive_assets.views.comments import comments
from pipedrive_assets.warehouse import comments as written
from pipedrive_assets.warehouse.ledger import all_columns

TABLES = ("deals", "persons", "stages", "custom_fields_mapping")


def comment(office, table, column):
    ((text,),) = office.query(
        "SELECT comment FROM duckdb_columns() "
        f"WHERE table_name = '{table}' AND column_name = '{column}'"
    )
    return text


@pytest.fixture(scope="module")
def loaded(whole):
    return whole[0]


def test_every_column_of_every_table_has_a_comment(loaded):
    assert [] == loaded.query(
        "SELECT table_name, column_name FROM duckdb_columns() c JOIN duckdb_tables() t "
        "USING (schema_name, table_name) WHERE schema_name = 'pipedrive_data' "
        "AND c.comment IS NULL AND NOT starts_with(table_name, '_')"
    )


def test_tables_have_their_description_and_views_one_of_their_own(loaded):
    tables = dict(
        loaded.query(
            "SELECT table_name, comment FROM duckdb_tables() "
            "WHERE schema_name = 'pipedrive_data' AND NOT starts_with(table_name, '_')"
        )
    )

    assert BY_NAME["deals"].description == tables["deals"]
    assert None not in tables.values()
    assert [] == loaded.query(
        "SELECT view_name FROM duckdb_views() WHERE comment IS NULL AND NOT internal "
        "AND NOT ends_with(view_name, '_live')"
    )


def test_the_ledger_for_people_is_described(loaded):
    assert "Time (UTC) up to which the table has every change." == comment(
        loaded, "_pipedrive_coverage", "complete_until"
    )
    assert "Token cost of these requests." == comment(loaded, "_pipedrive_loads", "tokens")


@pytest.mark.slow
def test_a_custom_field_has_its_name_in_pipedrive_also_after_a_renaming(make_office):
    office = make_office(deals=4)
    field = next(each for each in office.world.fields["deals"].values() if each["options"])
    field["field_name"] = "Müller's 100 %s \\ field"
    office.load(*TABLES)
    ((column,),) = office.query(
        "SELECT normalized_name FROM custom_fields_mapping WHERE endpoint = 'deal' "
        f"AND hash_string = '{field['field_code']}'"
    )
    assert "Custom field: Müller's 100 %s \\ field" == comment(office, "deals", column)

    field["field_name"] = "Renamed"
    office.load(*TABLES)

    assert "Custom field: Renamed" == comment(office, "deals", column)


@pytest.mark.slow
def test_a_load_without_changes_writes_no_comment_on_a_table(make_office, monkeypatch):
    office = make_office(deals=4)
    office.load(*TABLES)
    said = []
    monkeypatch.setattr(written, "_execute", lambda *given: said.append(given))

    office.load(*TABLES)

    assert [] == said


@pytest.mark.slow
def test_a_missing_comment_comes_back_and_a_new_column_gets_one(make_office):
    office = make_office(deals=4)
    office.load(*TABLES)
    with office.warehouse.sql() as sql:
        sql.execute_sql("COMMENT ON COLUMN deals.title IS NULL")
        sql.execute_sql("ALTER TABLE deals ADD COLUMN value__v_text VARCHAR")
    office.load("stages")

    assert comment(office, "deals", "title")
    assert "The value of value as text" in comment(office, "deals", "value__v_text")


@pytest.mark.slow
def test_a_table_whose_comments_are_refused_ends_no_load(make_office, caplog):
    office = make_office(deals=4)
    office.load(*TABLES)

    with office.warehouse.sql() as sql, caplog.at_level(logging.INFO):
        written.write_comments(sql, {("deals", "nowhere"): "x", ("stages", "name"): "y"})

    assert "y" == comment(office, "stages", "name")
    assert "The table deals has no comments" in caplog.text


@pytest.mark.slow
def test_comments_do_not_need_the_mapping_of_custom_fields(make_office):
    office = make_office(deals=4)
    office.load(*TABLES)
    with office.warehouse.sql() as sql:
        columns = {name: list(held) for name, held in all_columns(sql).items()}
        del columns["custom_fields_mapping"]
        found = comments(sql, columns)
        readable.rebuild(sql)

    assert found["deals", "title"] == comment(office, "deals", "title")
