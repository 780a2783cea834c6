import json
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipedrive_assets.sandbox import EPOCH, World
from pipedrive_assets.sandbox.company.generators_optional import FOLLOWED
from pipedrive_assets.sandbox.company.initial_rows import ORPHAN_OPTION

BIG_TABLES = ("deals", "persons", "organizations", "activities", "products")
WINDOWED = (*BIG_TABLES, "notes", "files", "leads")


def snapshot(world: World) -> str:
    tables = {name: list(table.rows.values()) for name, table in world.tables.items()}
    histories = {
        name: {key: list(map(str, each)) for key, each in history.by_item.items()}
        for name, history in world.histories.items()
    }
    return json.dumps([tables, histories, world.fields])


@settings(max_examples=12, deadline=None)
@given(
    seed=st.integers(0, 1000),
    hours=st.integers(-100, 24 * 90),
    splits=st.lists(st.floats(0, 1), max_size=4),
)
def test_the_same_seed_and_instant_give_the_same_rows_however_they_are_reached(seed, hours, splits):
    instant = EPOCH + timedelta(hours=hours)
    at_once = World(seed=seed, deals=12, instant=instant)
    in_steps = World(seed=seed, deals=12)
    for share in sorted(splits):
        in_steps.advance(EPOCH + (instant - EPOCH) * share)
    in_steps.advance(instant)

    assert snapshot(at_once) == snapshot(in_steps)


def test_another_seed_gives_another_company():
    assert snapshot(World(seed=1, deals=5)) != snapshot(World(seed=2, deals=5))


def test_before_the_epoch_there_is_just_the_initial_stock():
    early = World(deals=10, instant=datetime(2020, 1, 1, tzinfo=timezone.utc))

    assert snapshot(World(deals=10)) == snapshot(early)
    assert all(row["add_time"] < "2025-09-01" for row in early.tables["deals"].rows.values())


def test_time_never_goes_back():
    world = World(deals=10, instant=EPOCH + timedelta(days=20))
    before = snapshot(world)

    world.advance(EPOCH)

    assert before == snapshot(world)
    assert EPOCH + timedelta(days=20) == world.instant


@pytest.mark.parametrize("deals", [3, 30])
def test_every_day_changes_a_row_of_each_big_table(deals):
    world = World(deals=deals)
    for day in range(1, 150):
        end = EPOCH + timedelta(days=day)
        world.advance(end - timedelta(seconds=1))
        today = (end - timedelta(days=1)).date().isoformat()
        for table in BIG_TABLES:
            rows = world.tables[table].rows.values()
            changed = [row for row in rows if (row["update_time"] or "")[:10] == today]
            assert [row for row in changed if not row["is_deleted"]], (today, table)


def test_the_company_grows_by_about_a_tenth_a_year():
    world = World(deals=100, instant=EPOCH + timedelta(days=365))

    for table in BIG_TABLES:
        size = len(world.tables[table].alive)
        assert 0.85 <= size / world.sizes[table] <= 1.3, table


@pytest.mark.parametrize("table", WINDOWED)
def test_every_windowed_table_has_rows_that_were_never_edited(table):
    rows = World(deals=60, instant=EPOCH + timedelta(days=60)).tables[table].rows.values()

    assert [row for row in rows if row["update_time"] is None]


def test_now_and_then_a_person_is_born_without_update_time():
    world = World(deals=60, instant=EPOCH + timedelta(days=365))
    persons = world.tables["persons"].rows.values()

    assert [row for row in persons if row["update_time"] is None and row["add_time"] > "2025-09-01"]


@pytest.mark.parametrize("table", WINDOWED)
def test_at_least_three_rows_share_a_second(table):
    stamps = [row["update_time"] for row in World(deals=60).tables[table].rows.values()]
    seconds = [stamp[:19] for stamp in stamps if stamp]

    assert max(seconds.count(each) for each in seconds) >= 3


def test_the_stock_has_exactly_as_many_deals_as_asked_for():
    assert 100 == len(World(deals=100).tables["deals"].rows)


def test_the_stock_holds_the_awkward_deals():
    world = World(deals=100)
    deals = list(world.tables["deals"].rows.values())
    custom = [row["custom_fields"] for row in deals]
    priority = world.code("deals", "Priority")

    assert [row for row in deals if row["is_archived"] and row["is_deleted"]]
    assert [row for row in deals if row["is_deleted"] and not row["is_archived"]]
    assert [row for row in deals if row["is_archived"] and not row["is_deleted"]]
    assert [row for row in deals if row["person_id"] is None]
    assert [row for row in deals if row["org_id"] is None]
    assert [row for row in deals if isinstance(row["lost_reason"], dict)]
    assert None in custom
    assert [values for values in custom if values and values.get(priority) == ORPHAN_OPTION]
    assert [row for row in world.tables["deal_products"].rows.values() if not row["product_id"]]
    assert [row for row in world.tables["leads"].rows.values() if row["value"] is None]


def test_the_stock_holds_the_awkward_contacts():
    persons = list(World(deals=100).tables["persons"].rows.values())
    mails = [[mail["value"] for mail in row["emails"]] for row in persons]

    assert [] in mails
    assert [each for each in mails if len(each) > 1]
    assert [each for each in mails if "" in each]


def test_custom_labels_are_hostile():
    fields = World(deals=3).fields["deals"].values()
    labels = [field["field_name"] for field in fields]

    assert 2 == labels.count("Score")
    assert {"SCORE", "ID", "Title", "🔥", "2nd contact", "Budget currency"} <= set(labels)
    assert 200 == max(map(len, labels))


@pytest.mark.parametrize("entity", ["deals", "persons", "organizations", "products"])
def test_custom_fields_have_every_type(entity):
    expected = (
        "varchar varchar_auto text phone double monetary enum set user org people date daterange"
        " time timerange address"
    )
    fields = World(deals=3).fields[entity]

    assert set(expected.split()) == {field["field_type"] for field in fields.values()}
    assert all(40 == len(code) for code in fields)


def test_an_edit_moves_the_update_time_and_enters_the_history(world):
    world.edit("deals", 7, title="New title")

    row = world.row("deals", 7)
    change = world.history.of(7)[0]
    assert ("New title", "2026-03-10T12:00:00Z") == (row["title"], row["update_time"])
    assert ("title", "New title") == (change.field_key, change.new_value)


def test_a_row_can_be_made_without_update_time(world):
    key = world.add("persons", name="Ada Lovelace", update_time=None)

    row = world.row("persons", key)
    assert (None, "Ada", "Lovelace") == (row["update_time"], row["first_name"], row["last_name"])


def test_an_edit_can_be_given_an_update_time(world):
    world.edit("deals", 7, title="Old news", update_time="2026-01-01T00:00:00Z")

    assert "2026-01-01T00:00:00Z" == world.row("deals", 7)["update_time"]


def test_an_unknown_column_is_refused(world):
    with pytest.raises(ValueError, match="colour"):
        world.edit("deals", 7, colour="red")
    with pytest.raises(ValueError, match="colour"):
        world.add("deals", colour="red")


def test_an_unknown_row_is_named(world):
    with pytest.raises(KeyError, match="deals has no row 0"):
        world.edit("deals", 0, title="x")


def test_winning_and_losing_set_the_times(world):
    deal = world.add("deals", title="x")
    world.edit("deals", deal, status="won")
    won = dict(world.row("deals", deal))
    world.edit("deals", deal, status="lost", lost_reason="Too late")
    lost = dict(world.row("deals", deal))

    assert "2026-03-10T12:00:00Z" == won["won_time"] == won["close_time"]
    assert (None, "2026-03-10") == (lost["won_time"], lost["local_lost_date"])
    assert "Too late" == lost["lost_reason"]
    assert "2026-03-10T12:00:00Z" == lost["first_won_time"]


def test_a_deal_can_be_added_closed(world):
    deal = world.add("deals", status="lost", lost_reason="Never real")

    row = world.row("deals", deal)
    assert ("2026-03-10T12:00:00Z", "Never real") == (row["lost_time"], row["lost_reason"])


def test_a_company_without_rows_still_lives(world):
    for table in BIG_TABLES:
        for key in world.ids(table):
            world.delete(table, key)
    world.advance(world.instant + timedelta(days=5))

    assert all(world.ids(table) for table in BIG_TABLES)


def test_moving_a_stage_moves_the_pipeline(world):
    deal = world.add("deals")
    world.edit("deals", deal, stage_id=8)

    assert 2 == world.row("deals", deal)["pipeline_id"]


def test_a_merge_moves_what_the_loser_owned(world):
    loser = world.add("persons", name="Twice")
    winner = world.add("persons", name="Once")
    deal = world.add("deals", person_id=loser)

    world.merge("persons", loser, winner)

    assert winner == world.row("deals", deal)["person_id"]
    assert loser not in world.tables["persons"].rows
    people = [row["person_id"] for row in world.tables["participants"].where("deal_id", deal)]
    assert [winner] == people


def test_deleting_a_person_clears_the_pointers(world):
    person = world.add("persons", name="Gone")
    deal = world.add("deals", person_id=person, update_time="2026-01-01T00:00:00Z")

    world.delete("persons", person)

    row = world.row("deals", deal)
    assert (None, "2026-03-10T12:00:00Z") == (row["person_id"], row["update_time"])


def test_deleting_a_person_ends_their_part_in_deals(world):
    person = world.add("persons", name="Gone")
    deal = world.add("deals", person_id=1)
    world.add_participant(deal, person)
    world.touch("deals", deal, "2026-01-01T00:00:00Z")

    world.delete("persons", person)

    people = [row["person_id"] for row in world.tables["participants"].where("deal_id", deal)]
    assert [1] == people
    assert "2026-03-10T12:00:00Z" == world.row("deals", deal)["update_time"]


def test_a_product_line_changes_the_value_of_its_deal(world):
    product = world.add("products", name="Pen", prices=[{"price": 5, "currency": "EUR"}])
    deal = world.add("deals", title="x")

    line = world.add_product(deal, product, quantity=3, discount=10)
    with_line = world.row("deals", deal)["value"]
    world.remove_product(line)

    assert (13.5, 0) == (with_line, world.row("deals", deal)["value"])


def test_a_product_that_is_gone_for_good_leaves_lines_without_product(world):
    product = world.add("products", name="Pen")
    line = world.add_product(7, product)
    world.delete("products", product)
    world.advance(world.instant + timedelta(days=32))

    assert product not in world.tables["products"].rows
    assert world.tables["deal_products"].rows.get(line, {"product_id": None})["product_id"] is None


def test_participants_join_and_leave(world):
    deal = world.add("deals", update_time="2026-01-01T00:00:00Z")
    person = world.add("persons", name="Ada")

    first = world.add_participant(deal, person)
    again = world.add_participant(deal, person, touch=False)
    joined = len(world.tables["participants"].where("deal_id", deal))
    world.remove_participant(deal, person)

    assert (first, 1) == (again, joined)
    assert [] == world.tables["participants"].where("deal_id", deal)


def test_custom_fields_can_be_changed(world):
    code = world.add_field("deals", "Colour", "enum")
    red = world.add_option("deals", code, "Red")
    world.rename_option("deals", code, red, "Crimson")
    world.rename_field("deals", code, "Couleur")
    field = world.fields["deals"][code]
    labels = [each["label"] for each in field["options"]]
    world.remove_option("deals", code, red)
    left = [each["label"] for each in world.fields["deals"][code]["options"]]
    world.remove_field("deals", code)

    assert ("Couleur", ["One", "Two", "Crimson"]) == (field["field_name"], labels)
    assert ["One", "Two"] == left
    assert code not in world.fields["deals"]


def test_custom_values_are_laid_over_the_present_ones(world):
    deal = world.add("deals", custom_fields=None)
    world.edit("deals", deal, custom_fields={"a": 1})
    world.edit("deals", deal, custom_fields={"b": 2})

    assert {"a": 1, "b": 2} == world.row("deals", deal)["custom_fields"]
    assert world.history.of(int(deal))[0].custom


def test_touch_changes_nothing_but_the_update_time(world):
    world.touch("deals", 7, None)

    assert world.row("deals", 7)["update_time"] is None


def test_the_long_tail_lives_too():
    world = World(deals=30)
    before = {name: {*world.ids(name)} for name in world.tables}
    stopped = [row["is_active"] for row in world.tables["webhooks"].rows.values()]

    world.advance(EPOCH + timedelta(days=500))

    for name in (*FOLLOWED, "relationships", "variations", "comments", "call_logs", "mail_threads"):
        assert {*world.ids(name)} - before[name], name
        assert before[name] - {*world.ids(name)}, name
    assert {row["mail_thread_id"] for row in world.tables["mail_messages"].rows.values()} == {
        *world.ids("mail_threads")
    }
    assert stopped != [row["is_active"] for row in world.tables["webhooks"].rows.values()]
    assert world.histories["projects"].last > 30
    assert {"added", "removed"} == {
        row["action"] for row in world.tables["participant_moves"].rows.values()
    }
