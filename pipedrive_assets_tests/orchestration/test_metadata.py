"""What a materialization says of itself: counted apart, typed so that Dagster plots it, and no
person's data unless asked for."""

from dataclasses import replace
from datetime import datetime, timezone

import dagster as dg
import pytest

from pipedrive_assets.cli.load import _line
from pipedrive_assets.config.download_rules import download_rules
from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.load import purge_person
from pipedrive_assets.load.attachments.target import AttachmentTarget
from pipedrive_assets.orchestration.metadata import metadata, sample_facts, schema_facts, sentence
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets.sandbox import faults
from pipedrive_assets.windows import utc_now

PLOTTED = (
    *("rows_loaded", "rows_new", "rows_updated", "rows_removed", "rows_in_table"),
    *("marked_deleted", "requests", "tokens", "replies_429", "retries", "seconds"),
    *("seconds_asking", "seconds_waiting", "seconds_shaping", "seconds_committing"),
)


def told(office, report, preview="full"):
    """A report's metadata as if the account were a real one."""
    real = replace(report, account=replace(report.account, is_sandbox=False))
    facts = {**metadata(real), **sample_facts(office.warehouse, real, preview)}
    return dg.AssetMaterialization(report.entity.name, metadata=facts).metadata


def cells(preview):
    head, _, *rows = (
        [cell.strip() for cell in line[2:-2].split(" | ")] for line in preview.splitlines()
    )
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_what_dagster_is_to_plot_is_a_number(office):
    said = told(office, office.load("deals")["deals"])

    numbers = (dg.IntMetadataValue, dg.FloatMetadataValue)
    assert [] == [name for name in PLOTTED if not isinstance(said[name], numbers)]
    assert isinstance(said["newest_change_lag_seconds"], dg.FloatMetadataValue)
    assert isinstance(said["newest_change"], dg.TimestampMetadataValue)
    assert "complete history" == said["window"].value


def test_files_have_the_counts_of_their_attachments(office, tmp_path):
    office.world.add("files", name="a.pdf", file_name="a.pdf", file_size=9)
    target = AttachmentTarget(
        url=str(tmp_path / "files"), file_mode=0o640, rules=download_rules("*:*<1MB")
    )
    report = office.load("files", attachments=target)["files"]
    said, attachments = metadata(report), report.attachments

    assert attachments.downloaded
    assert attachments.downloaded == said["attachments_downloaded"]
    assert attachments.size == said["attachments_bytes"]
    assert 20 * attachments.downloaded == said["attachments_tokens"]
    for line in (sentence(report), _line(report)):
        assert str(attachments) in line


@pytest.mark.parametrize(("marked", "shown"), [(0, False), (33, True)])
def test_a_log_line_has_the_number_of_rows_that_the_load_marked_as_deleted(office, marked, shown):
    report = office.load("stages")["stages"]
    report = replace(report, written=replace(report.written, marked_deleted=marked))

    for line in (sentence(report), _line(report)):
        assert shown == ("33 rows marked as deleted" in line)
        assert shown == ("deleted" in line)


@pytest.mark.slow
@pytest.mark.parametrize("table", ["deals", "deals_participants"])
def test_new_updated_and_removed_rows_are_told_apart(office, table):
    key = ", ".join(BY_NAME[table].key)

    def held():
        rows = office.query(f"SELECT ({key}), _row_hash FROM {table}")
        return {str(row[0]): row[1] for row in rows}

    first = office.load("deals", table)[table].written
    before = held()
    office.advance(days=20)
    second = office.load("deals", table)[table].written
    after = held()

    both = before.keys() & after.keys()
    assert (len(before), 0, 0) == (first.new, first.updated, first.removed)
    assert (
        len(after.keys() - before.keys()),
        sum(before[name] != after[name] for name in both),
        len(before.keys() - after.keys()),
    ) == (second.new, second.updated, second.removed)
    assert second.new
    assert second.new + second.updated <= second.loaded


def test_a_load_that_brings_nothing_new_counts_nothing(office):
    office.load("persons")

    written = office.load("persons")["persons"].written

    assert (0, 0, 0, 0) == (written.loaded, written.new, written.updated, written.removed)


def test_the_newest_change_and_how_long_before_the_load_it_was_made(office):
    said = told(office, office.load("persons")["persons"])

    ((newest,),) = office.query("SELECT max(update_time) FROM persons")
    assert newest.timestamp() == said["newest_change"].value
    lag = (office.sandbox.now - newest).total_seconds()
    assert lag == said["newest_change_lag_seconds"].value


@pytest.mark.slow
def test_replies_of_429_and_the_wait_for_them_are_told(office):
    office.sandbox.inject(faults.burst("api/v2/deals"))

    said = told(office, office.load("deals")["deals"])

    assert (1, 0) == (said["replies_429"].value, said["retries"].value)
    assert said["seconds_waiting"].value == pytest.approx(sum(office.slept), abs=0.5)


def test_the_preview_shows_the_newest_rows(office):
    rows = cells(told(office, office.load("deals")["deals"])["preview"].value)

    newest = office.query(
        "SELECT id FROM deals WHERE _deleted_at IS NULL ORDER BY update_time DESC, id LIMIT 5"
    )
    assert [str(row[0]) for row in newest] == [row["id"] for row in rows]


@pytest.mark.samples(2)
@pytest.mark.parametrize("table", ["persons", "deals", "users", "notes", "files", "leads"])
def test_a_masked_preview_has_nothing_that_tells_of_a_person(office, table):
    report = office.load(table)[table]
    personal = {
        name for name, column in columns_of(table).columns.items() if column.personal
    } | set(report.written.custom.columns if report.written.custom else ())

    masked = cells(told(office, report, "masked")["preview"].value)
    full = cells(told(office, report, "full")["preview"].value)

    assert {"", "•••"} >= {row[name] for row in masked for name in row.keys() & personal}
    typed = {
        name
        for name, column in columns_of(table).columns.items()
        if column.type not in {"text", "json"} and name not in personal
    }
    assert typed & masked[0].keys()
    assert [{name: row[name] for name in row.keys() & typed} for row in full] == [
        {name: row[name] for name in row.keys() & typed} for row in masked
    ]
    assert [row for row in full if personal & row.keys()] != [
        row for row in masked if personal & row.keys()
    ]


@pytest.mark.slow
def test_the_preview_can_be_turned_off_and_the_newest_change_stays(office):
    said = told(office, office.load("persons")["persons"], "off")

    assert "preview" not in said
    assert "newest_change" in said


def test_invented_data_is_not_masked(office):
    report = office.load("persons")["persons"]

    assert "•••" not in sample_facts(office.warehouse, report, "masked")["preview"].value


@pytest.mark.slow
def test_columns_kept_out_and_persons_erased_are_in_no_preview(office):
    report = office.load("persons")["persons"]
    before = cells(told(office, report)["preview"].value)
    person = int(before[0]["id"])
    purge_person(office.warehouse, person, utc_now())
    with office.warehouse.sql() as sql:
        name = sql.make_qualified_table_name("persons")
        sql.execute_sql(f"DROP VIEW {sql.make_qualified_table_name('persons_live')}")
        sql.execute_sql(f"ALTER TABLE {name} DROP COLUMN first_name")

    after = cells(told(office, report)["preview"].value)

    assert str(person) not in {row["id"] for row in after}
    assert before[0]["name"] not in {row["name"] for row in after}
    assert "first_name" in before[0]
    assert "first_name" not in after[0]


def test_what_somebody_wrote_becomes_no_link_and_no_picture(office):
    report = office.load("stages")["stages"]
    title = "![x](https://evil.example/p.png) <img src=x> | **b**"
    with office.warehouse.sql() as sql:
        name = sql.make_qualified_table_name("stages")
        sql.execute_sql(f"UPDATE {name} SET name = %s", title)

    shown = told(office, report)["preview"].value

    assert r"\!\[x\]\(https\:" in shown
    assert shown.count("<img") == shown.count(r"\<img")


def test_a_table_without_a_date_tells_no_newest_change(office):
    said = told(office, office.load("currencies")["currencies"])

    assert "newest_change" not in said
    assert "preview" in said


def test_custom_fields_and_lists_are_in_the_schema_of_a_materialization(office):
    report = office.load("persons")["persons"]

    said = schema_facts(report)

    columns = {column.name for column in said["dagster/column_schema"].columns}
    assert set(report.written.custom.columns) <= columns
    assert "persons__emails" in said
    assert [] == [
        f"{name}.{column.name}"
        for name, schema in said.items()
        for column in schema.columns
        if not column.description
    ]


@pytest.mark.slow
def test_moments_in_a_preview_are_utc(office):
    rows = cells(told(office, office.load("deals")["deals"])["preview"].value)

    ((newest,),) = office.query("SELECT max(update_time) FROM deals WHERE _deleted_at IS NULL")
    moment = newest.astimezone(timezone.utc)
    assert moment == datetime.strptime(
        rows[0]["update_time"].replace("\\", ""), "%Y-%m-%d %H:%M:%S"
    ).replace(tzinfo=timezone.utc)


def test_rows_that_could_not_be_counted_are_unknown_and_not_none(office, monkeypatch):
    def refuse(*_):
        raise WarehouseError("The disk went away.")

    monkeypatch.setattr("pipedrive_assets.load.merge.count_rows", refuse)
    report = office.load("stages")["stages"]

    assert (None, "The disk went away.") == (report.rows_total, report.rows_unknown)
    said = told(office, report)
    assert "unknown: The disk went away." == said["rows_in_table"].value
    assert "dagster/row_count" not in said
    assert "unknown: The disk went away. in the table" in sentence(report)
    assert "unknown: The disk went away. in the table" in _line(report)
