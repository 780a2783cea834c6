"""The queries, keys and columns of docs/sql.md, on a warehouse loaded from the sandbox.

The expected answers come from the company's own rows: see `sql_answers`.
"""

import re
from pathlib import Path

import duckdb
import pytest

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.rows.columns import columns_of
from pipedrive_assets_tests.conftest import Office
from pipedrive_assets_tests.views.company_truth import seen
from pipedrive_assets_tests.views.sql_answers import ANSWERS, KEY_COLUMNS, live_deals

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "sql.md").read_text("utf-8")
QUESTIONS = PAGE.partition("## Twelve questions")[2]
QUERIES = dict(re.findall(r"^### (.+?)\n.+?```sql\n(.+?)```", QUESTIONS, re.MULTILINE | re.DOTALL))
CHECKS = dict(
    re.findall(
        r"^### ([^\n]+)\n[^#]+?```sql\n(.+?)```",
        PAGE.partition("## Why does a dashboard differ")[2].partition("\n## ")[0],
        re.MULTILINE | re.DOTALL,
    )
)
WITHOUT_HISTORY = re.search(
    r"^SELECT id, title, update_time .+?deal_states.+?;", PAGE, re.MULTILINE | re.DOTALL
)[0]
KEYS = re.findall(r"^    (\w+) \|\|--o\{ (\w+) : (\w+)$", PAGE, re.MULTILINE)
VIEW_TABLES = dict(
    re.findall(r"^### (\w+_readable)$.+?(^\| `.+?)\n\n</details>", PAGE, re.MULTILINE | re.DOTALL)
)
DUCKDB_TYPES = {
    "text": "VARCHAR",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "bool": "BOOLEAN",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "json": "JSON",
}
TABLES = (
    "deals", "deals_flow", "deals_products", "deals_participants", "deals_installments", "leads",
    "persons", "organizations", "activities", "products", "notes", "files", "stages", "pipelines",
    "users", "activity_types", "custom_fields_mapping", "fields", "lead_labels", "projects",
)  # fmt: skip


def live_on(office):
    """Seven weeks with what the queries must count, or leave out.

    Returns:
        The leads that a load has seen, and the deals that leads became and a load has seen, by id
        of the lead. The company forgets both when they are deleted.
    """
    world, leads, made = office.world, {}, {}
    quiet = add_quiet_deals(world)
    note_leads(world, leads, made)
    for day in range(48):
        office.advance(days=1)
        deals = [
            row
            for row in live_deals(world)
            if row["status"] == "open" and not row["is_archived"] and row["id"] not in quiet
        ]
        deal = deals[day * 7 % len(deals)]
        happening = day % 6
        if happening == 0:
            world.edit("deals", deal["id"], status="won")
        elif happening == 1:
            reason = ("Too expensive", "  ", "No answer")[day % 3]
            world.edit("deals", deal["id"], status="lost", lost_reason=reason)
        elif happening == 2:
            convert_a_lead(world, won=day % 4 == 0)
        elif happening == 3:
            world.archive("deals", deal["id"])
        elif happening == 4:
            world.delete("deals", deal["id"])
        else:
            world.edit("deals", deal["id"], stage_id=deal["stage_id"] % 5 + 1)
    switch_off_a_line(world)
    hide_closed_deals(world)
    world.delete("deals", max(quiet))
    office.load(*TABLES)
    note_leads(world, leads, made)
    office.reconcile("deals", "activities", "leads", "persons", "products", max_share=0.9)
    return leads, made


def note_leads(world, leads, made):
    """Keep what a load has just seen."""
    leads |= seen(world, "leads")
    made |= {
        row["source_lead_id"]: row
        for row in world.tables["deals"].rows.values()
        if row["source_lead_id"] and world.sees("deals", row)
    }


def add_quiet_deals(world):
    """Open deals that differ in their activities only; their ids.

    The company's life leaves alone what has no `update_time`.
    """
    times = {"add_time": "2025-06-01T08:00:00Z", "stage_change_time": world.stamp}
    quiet = [
        world.add("deals", title=f"Quiet {n}", owner_id=9002, **times, update_time=None)
        for n in range(5)
    ]
    for deal, due, done in (
        (quiet[1], "2026-03-25", True),
        (quiet[2], "2026-05-01", True),
        (quiet[3], "2026-03-25", False),
    ):
        world.add("activities", deal_id=deal, due_date=due, done=done, update_time=None)
    return set(quiet)


def hide_closed_deals(world):
    """One won deal with product lines and one lost deal leave the user's view."""
    sold = {line["deal_id"] for line in world.tables["deal_products"].rows.values()}
    deals = live_deals(world)
    world.hide("deals", next(d["id"] for d in deals if d["status"] == "won" and d["id"] in sold))
    world.hide("deals", next(d["id"] for d in deals if d["status"] == "lost"))


def switch_off_a_line(world):
    """A product line of a won deal no longer counts."""
    won = {deal["id"] for deal in live_deals(world) if deal["status"] == "won"}
    lines = world.tables["deal_products"].rows.values()
    line = [line for line in lines if line["deal_id"] in won][-1]
    world.edit("deal_products", line["id"], is_enabled=False)


def convert_a_lead(world, *, won):
    lead = next(row for row in seen(world, "leads").values() if not row["is_archived"])
    world.delete("leads", lead["id"])
    made = world.add(
        "deals", title=lead["title"], source_lead_id=lead["id"], owner_id=lead["owner_id"]
    )
    if won:
        world.edit("deals", made, status="won")


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """The office, and what `live_on` returns."""
    office = Office(tmp_path_factory.mktemp("questions"), deals=50)
    convert_a_lead(office.world, won=True)
    office.load(*TABLES)
    seen_by_loads = live_on(office)
    yield office, seen_by_loads
    office.warehouse.close()


def by_key(rows, keys):
    """Rows by their first columns, each of which occurs once."""
    found = {row[:keys]: row[keys:] for row in rows}
    assert len(found) == len(rows)
    return found


def test_every_question_of_the_page_has_an_answer_here():
    assert list(ANSWERS) == list(QUERIES)


@pytest.mark.parametrize("question", ANSWERS)
def test_the_query_of_a_question_returns_what_the_company_has(held, question):
    office, seen_by_loads = held
    keys = KEY_COLUMNS.get(question, 1)

    expected = ANSWERS[question](office.world, office.sandbox.now, seen_by_loads)

    assert len(expected) > 1
    assert by_key(expected, keys) == by_key(office.query(QUERIES[question]), keys)


def test_the_company_has_what_the_queries_must_leave_out(held):
    office, _ = held
    found = dict(office.query("SELECT _deleted_reason, count(*) FROM deals GROUP BY 1"))

    assert {"deleted", "out_of_view", None} <= set(found)
    assert office.query("SELECT 1 FROM deals_products_live WHERE NOT is_enabled")
    assert office.query("SELECT 1 FROM deals_live WHERE status = 'open' AND is_archived")
    assert office.query("SELECT 1 FROM deals_live WHERE status = 'lost' AND trim(lost_reason) = ''")
    assert office.query("SELECT 1 FROM leads WHERE converted_deal_id IS NOT NULL")
    assert office.query("SELECT 1 FROM deals WHERE source_lead_id NOT IN (SELECT id FROM leads)")


@pytest.mark.parametrize(("parent", "child", "column"), KEYS, ids=map("-".join, KEYS))
def test_the_keys_of_the_diagram_connect_the_tables(held, parent, child, column):
    office, _ = held
    key = "key_string" if parent == "activity_types" else "id"

    assert column in columns_of(child).columns
    assert (key,) == BY_NAME[parent].key or parent == "activity_types"
    rows = office.query(
        f"SELECT count({column}), count(p.{key}) FROM {child} c LEFT JOIN {parent} p "
        f"ON p.{key} = c.{column}"
    )
    referring, found = rows[0]
    assert found > 0 or referring == 0


@pytest.mark.parametrize("view", VIEW_TABLES)
def test_the_page_lists_every_column_of_a_readable_view(held, view):
    office, _ = held
    base = view.removesuffix("_readable")
    declared = columns_of(base).columns
    listed = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", VIEW_TABLES[view], re.MULTILINE))
    types = "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = '{}'"
    own = {name for name, _ in office.query(types.format(base))} - set(declared)

    actual = {name: kind for name, kind in office.query(types.format(view)) if name not in own}

    assert {name: DUCKDB_TYPES[kind] for name, kind in listed.items()} == actual


def test_the_page_names_every_view(held):
    office, _ = held
    views = office.query(
        "SELECT table_name FROM information_schema.tables WHERE table_type = 'VIEW'"
    )
    made = {name for (name,) in views if not name.endswith("_live")}
    kinds = {name for name in made if re.fullmatch("deals_flow_(?!readable).+", name)}
    row = PAGE.partition("## Which views exist?")[2].partition("\n## ")[0]

    assert "deals_flow_deal_change" in kinds
    assert set() == {name for name in made - kinds if f"`{name}`" not in row}


def test_the_views_work_in_a_file_attached_under_another_name(held):
    office, _ = held
    attach, use = re.search(r"(ATTACH [^;]+);\n(USE \w+);", PAGE).groups()
    attach = attach.replace("data/sandbox.duckdb", str(office.database))

    with duckdb.connect() as connection:
        connection.execute(attach)
        connection.execute(use)
        rows = connection.execute(QUERIES["Win rate by owner"]).fetchall()

    assert office.query(QUERIES["Win rate by owner"]) == rows


def test_a_dashboard_check_has_the_time_of_every_loaded_table(held):
    office, _ = held
    rows = office.query(CHECKS["Is the data up to date?"])

    assert set(TABLES) == {entity for entity, _, _ in rows}
    assert sorted(until for _, until, _ in rows) == [until for _, until, _ in rows]


@pytest.mark.parametrize("condition", ["_deleted_at IS NOT NULL", "is_archived"])
def test_a_dashboard_check_shows_why_views_leave_a_deal_out(held, condition):
    office, _ = held
    columns = "id, title, status, is_archived, currency, pipeline_id, update_time, _deleted_at"
    expected = office.query(f"""
        SELECT {columns}, _deleted_reason FROM deals
        WHERE {condition} AND status = 'open' ORDER BY id LIMIT 1
    """)
    (deal,) = expected
    check = CHECKS["Why is a record missing?"].replace("42", str(deal[0]))

    assert not office.query(f"SELECT 1 FROM deals_live WHERE id = {deal[0]} AND NOT is_archived")
    assert expected == office.query(check)


def test_a_dashboard_check_lists_deals_whose_history_has_not_been_read(office):
    office.load("deals", "deals_flow", "stages", "pipelines")
    nothing = office.query(WITHOUT_HISTORY)
    deal = office.world.add("deals", title="New")
    office.load("deals")

    assert ([], [deal]) == (nothing, [row[0] for row in office.query(WITHOUT_HISTORY)])


def test_a_dashboard_check_lists_renamed_and_removed_custom_fields(office):
    world, check = office.world, CHECKS["Why is a column missing or empty?"]
    office.load("deals", "custom_fields_mapping")
    nothing = office.query(check)
    world.rename_field("deals", world.code("deals", "Priority"), "Urgency")
    world.remove_field("deals", world.code("deals", "Ticket number"))
    office.advance(days=1)
    office.load("deals", "custom_fields_mapping")

    assert [] == nothing
    assert {
        ("deal", "priority", "Priority", "Urgency", True, False),
        ("deal", "ticket_number", "Ticket number", "Ticket number", False, True),
    } <= {(*row[:4], row[4] is not None, row[5] is not None) for row in office.query(check)}
