from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipedrive_assets.sandbox import EPOCH, Limits, Sandbox, World

from .conftest import ask, walk

WORLD = World(deals=40, instant=EPOCH + timedelta(days=40))
SANDBOX = Sandbox(WORLD, limits=Limits(burst=1_000_000_000, daily_tokens=10**12))
LISTS = ["deals", "deals/archived", "persons", "organizations", "activities", "products", "stages"]
WINDOWED = ["deals", "deals/archived", "persons", "organizations", "activities"]


@settings(max_examples=40, deadline=None)
@given(
    path=st.sampled_from(LISTS),
    limit=st.integers(1, 90),
    sort_by=st.sampled_from(["id", "update_time", "add_time"]),
    direction=st.sampled_from(["asc", "desc"]),
)
def test_paging_at_any_size_returns_all_rows_in_order_and_exactly_once(
    path, limit, sort_by, direction
):
    params = {"sort_by": sort_by, "sort_direction": direction}
    rows = walk(SANDBOX, f"api/v2/{path}", limit=limit, **params)
    at_once = walk(SANDBOX, f"api/v2/{path}", limit=500)

    assert sorted(row["id"] for row in at_once) == sorted(row["id"] for row in rows)
    keys = [(row[sort_by] is not None, row[sort_by], row["id"]) for row in rows]
    assert sorted(keys, reverse=direction == "desc") == keys


@settings(max_examples=25, deadline=None)
@given(
    path=st.sampled_from(WINDOWED),
    cuts=st.lists(st.integers(-420 * 86_400, 41 * 86_400), max_size=5),
    limit=st.integers(1, 60),
)
def test_any_split_of_time_reads_each_dated_row_exactly_once(path, cuts, limit):
    stamps = [f"{(EPOCH + timedelta(seconds=cut)).isoformat()[:19]}Z" for cut in sorted(cuts)]
    edges = ["2000-01-01T00:00:00Z", *stamps, "2100-01-01T00:00:00Z"]
    rows = []
    for since, until in pairwise(edges):
        window = {"updated_since": since, "updated_until": until, "sort_by": "update_time"}
        rows += walk(SANDBOX, f"api/v2/{path}", limit=limit, **window)

    everything = walk(SANDBOX, f"api/v2/{path}", limit=500)
    dated = sorted(row["id"] for row in everything if row["update_time"])
    assert dated == sorted(row["id"] for row in rows)


@settings(max_examples=20, deadline=None)
@given(path=st.sampled_from(["v1/leads", "v1/notes", "v1/files"]), limit=st.integers(1, 100))
def test_offset_pages_of_any_size_return_all_rows_exactly_once(path, limit):
    rows, start = [], 0
    while start is not None:
        body = ask(SANDBOX, path, start=start, limit=limit).json()
        rows += body["data"] or []
        start = body["additional_data"]["pagination"].get("next_start")

    expected = ask(SANDBOX, path, limit=100).json()["data"]
    assert expected == rows


def test_rows_without_update_time_come_first():
    rows = walk(SANDBOX, "api/v2/persons", sort_by="update_time", limit=3)
    missing = [row["update_time"] is None for row in rows]

    assert any(missing)
    assert sorted(missing, reverse=True) == missing


@pytest.mark.parametrize("other", [{"sort_by": "id"}, {"sort_direction": "desc"}])
def test_a_marker_of_another_query_is_refused(other):
    first = ask(SANDBOX, "api/v2/deals", limit=2, sort_by="update_time").json()
    marker = first["additional_data"]["next_cursor"]
    params = {"limit": 2, "sort_by": "update_time", **other, "cursor": marker}

    assert 400 == ask(SANDBOX, "api/v2/deals", **params).status


def test_a_marker_looks_like_the_official_one():
    body = ask(SANDBOX, "api/v2/pipelines", limit=1).json()

    assert (
        "eyJmaWVsZCI6ImlkIiwiZmllbGRWYWx1ZSI6MSwic29ydERpcmVjdGlvbiI6ImFzYyIsImlkIjoxfQ"
        == body["additional_data"]["next_cursor"]
    )


def test_fields_are_paged_too():
    rows = walk(SANDBOX, "api/v2/dealFields", limit=7)

    assert walk(SANDBOX, "api/v2/dealFields", limit=500) == rows


def test_a_row_that_is_edited_during_a_walk_by_time_comes_again(world, sandbox, ask):
    params = {"sort_by": "update_time", "updated_since": "2000-01-01T00:00:00Z", "limit": 5}
    first = ask(sandbox, "api/v2/deals", **params).json()
    moved = first["data"][0]["id"]
    world.edit("deals", moved, title="again")
    marker = first["additional_data"]["next_cursor"]

    rest = walk(sandbox, "api/v2/deals", **params, cursor=marker)
    assert moved == rest[-1]["id"]


def test_a_row_that_leaves_an_offset_list_shifts_the_next_page(world, sandbox, ask):
    before = [row["id"] for row in ask(sandbox, "v1/notes", limit=6).json()["data"]]
    world.delete("notes", before[0])

    second = ask(sandbox, "v1/notes", start=3, limit=3).json()["data"]
    assert before[3] not in [row["id"] for row in second]
