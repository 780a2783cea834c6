"""A scan takes every row once and ends only where the envelope says so."""

import json
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipedrive_assets.api.paging import IncompletePage, Page, Paging, read_page
from pipedrive_assets.errors import DataError
from pipedrive_assets.sandbox import Reply

from .conftest import TOKEN, Clock, client_of

ROWS = [{"id": 1}, {"id": 2}, {"id": 3}]


def page_of(paging: Paging, extra: Any, *, rows: Any = ROWS, marker: str | None = None) -> Page:
    body = {"success": True, "data": rows, "additional_data": extra}
    return read_page(body, paging=paging, marker=marker, page_rows=500)


def nested(**facts: Any) -> dict[str, Any]:
    return {"pagination": facts}


MORE: dict[str, Any] = {"more_items_in_collection": True}
END: dict[str, Any] = {"more_items_in_collection": False}


@pytest.mark.parametrize("paging", ["cursor", "offset", "none"])
def test_an_empty_list_in_place_of_the_pages_facts_is_an_empty_object(paging: Paging) -> None:
    """PHP writes an empty object as `[]`."""
    assert page_of(paging, {}) == page_of(paging, [])
    assert page_of(paging, nested()).marker == page_of(paging, {"pagination": []}).marker
    with pytest.raises(IncompletePage):
        page_of(paging, ["next"])


@pytest.mark.parametrize(
    ("paging", "extra"),
    [
        ("cursor", {"next_cursor": "abc"}),
        ("offset", nested(**MORE, next_start=500)),
        ("none", {"next_cursor": "abc"}),
        ("none", nested(**MORE, next_start=500)),
    ],
)
@pytest.mark.parametrize("v1", [False, True])
def test_null_that_reports_a_next_page_is_no_empty_page(
    paging: Paging, extra: Any, v1: bool
) -> None:
    body = {"success": True, "data": None, "additional_data": extra}

    with pytest.raises(IncompletePage, match="data is null"):
        read_page(body, paging=paging, marker=None, page_rows=500, v1=v1, null_is_empty=True)


def test_rows_below_a_key_of_data_are_a_page() -> None:
    body = {"success": True, "data": {"goals": ROWS}, "additional_data": nested(**MORE)}

    page = read_page(body, paging="none", marker=None, page_rows=500, data_key="goals")

    assert (ROWS, "3") == (page.rows, page.marker)


@pytest.mark.parametrize("data", [{}, {"goals": None}, {"goals": {}}, {"goals": [1]}, "goals"])
def test_data_without_its_list_is_no_empty_page(data: Any) -> None:
    body = {"success": True, "data": data, "additional_data": None}

    with pytest.raises(IncompletePage):
        read_page(body, paging="none", marker=None, page_rows=500, data_key="goals")


@pytest.mark.parametrize(
    ("extra", "following"),
    [
        ({"next_cursor": "abc"}, "abc"),
        ({"next_cursor": None}, None),
        ({"next_cursor": ""}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_cursor_page_is_followed_by(extra: Any, following: str | None) -> None:
    assert Page(rows=ROWS, marker=following) == page_of("cursor", extra)


@pytest.mark.parametrize(
    ("extra", "following"),
    [
        (nested(start=10, limit=3, **MORE, next_start=13), "13"),
        (nested(start=10, limit=3, **MORE), "13"),
        ({"start": 10, "limit": 3, **MORE}, "13"),
        ({"start": 10, "limit": 3, **MORE, "next_start": 13}, "13"),
        (nested(**END), None),
        (END, None),
        ({"since_timestamp": "x", **nested(**MORE)}, "13"),
        (None, "13"),
        ({}, "13"),
        (nested(start=10), "13"),
        (nested(more_items_in_collection=None), "13"),
        (nested(more_items_in_collection="false"), "13"),
        ({"pagination": None, **END}, None),
        (nested(**MORE, next_start=510), "13"),
        (nested(**MORE, next_start=10), "13"),
        (nested(**MORE, next_start=0), "13"),
        (nested(**MORE, next_start="13"), "13"),
        (nested(**MORE, next_start=None), "13"),
        (nested(**MORE, next_start=True), "13"),
    ],
)
def test_an_offset_page_is_followed_by(extra: Any, following: str | None) -> None:
    assert Page(rows=ROWS, marker=following) == page_of("offset", extra, marker="10")


def test_an_offset_list_that_tells_nothing_ends_on_a_page_of_no_rows() -> None:
    assert Page(rows=[], marker=None) == page_of("offset", None, rows=[], marker="10")


def test_rows_hidden_from_the_user_do_not_end_a_list() -> None:
    assert Page(rows=[], marker="510") == page_of(
        "offset", nested(**MORE, next_start=510), rows=[], marker="10"
    )


@pytest.mark.parametrize("extra", [nested(**MORE), nested(**MORE, next_start=10), MORE])
def test_more_rows_without_any_and_without_a_way_on_are_no_page(extra: Any) -> None:
    with pytest.raises(IncompletePage):
        page_of("offset", extra, rows=[], marker="10")


@pytest.mark.parametrize("marker", [None, "0"])
@pytest.mark.parametrize("extra", [None, nested(**END)])
def test_an_empty_list_of_v1_may_be_null_on_its_first_page(extra: Any, marker: str | None) -> None:
    assert Page(rows=[], marker=None) == page_of("offset", extra, rows=None, marker=marker)
    assert Page(rows=[], marker=None) == page_of("none", extra, rows=None)


def test_null_is_no_empty_list_unless_the_reply_calls_itself_a_success() -> None:
    with pytest.raises(IncompletePage):
        read_page({"data": None}, paging="offset", marker=None, page_rows=500)


@pytest.mark.parametrize(
    ("paging", "marker"), [("offset", "100"), ("cursor", None), ("cursor", "abc")]
)
def test_null_is_no_page_in_v2_and_no_later_page_of_v1(paging: Paging, marker: str | None) -> None:
    with pytest.raises(IncompletePage):
        page_of(paging, None, rows=None, marker=marker)


@pytest.mark.parametrize("rows", [{}, {"id": 1}, "text", 7, True, [1], [None], [[{}]], [{}, None]])
@pytest.mark.parametrize("paging", ["cursor", "offset", "none"])
def test_data_that_is_no_list_of_objects_is_no_page(paging: Paging, rows: Any) -> None:
    with pytest.raises(IncompletePage):
        page_of(paging, None, rows=rows)


@pytest.mark.parametrize("extra", [[1], "text", 7, True])
@pytest.mark.parametrize("paging", ["cursor", "offset", "none"])
def test_an_envelope_that_is_no_object_is_no_page(paging: Paging, extra: Any) -> None:
    with pytest.raises(IncompletePage):
        page_of(paging, extra)


@pytest.mark.parametrize("cursor", [7, False, 0, [], {}, ["abc"]])
def test_a_cursor_that_is_no_text_is_no_page(cursor: Any) -> None:
    with pytest.raises(IncompletePage):
        page_of("cursor", {"next_cursor": cursor})


@pytest.mark.parametrize(
    ("extra", "paging", "marker"),
    [
        (MORE, "offset", str(len(ROWS))),
        (nested(**MORE), "offset", str(len(ROWS))),
        ({"next_cursor": "abc"}, "cursor", "abc"),
    ],
)
def test_a_list_without_pages_that_has_grown_some_is_not_taken_for_whole(
    extra: Any, paging: Paging, marker: str
) -> None:
    page = page_of("none", extra)
    assert (paging, marker) == (page.paging, page.marker)


@pytest.mark.parametrize("extra", [None, {}, END, nested(**END), {"next_cursor": None}])
def test_a_list_without_pages_is_one_page(extra: Any) -> None:
    assert Page(rows=ROWS, marker=None) == page_of("none", extra)


def scan(
    answer: Callable[[dict[str, str]], tuple[list[Any], Any]], paging: Paging, page_rows: int
) -> list[Any]:
    """Read a list that answers parameters with rows and envelope."""

    def reply() -> Reply:
        url = str(door.sent[-1].path_url)
        params = dict(pair.split("=") for pair in url.partition("?")[2].split("&"))
        rows, extra = answer(params)
        body = {"success": True, "data": rows, "additional_data": extra}
        return Reply(status=200, body=json.dumps(body).encode())

    client, door = client_of(reply, Clock(), api_token=TOKEN)
    answers = client.pages("v1/things", cost=1, paging=paging, page_rows=page_rows)
    return [row for each in answers for row in each.page.rows]


@pytest.mark.parametrize("length", [1, 2, 3, 7])
def test_page_markers_in_a_circle_end_in_an_error(length: int) -> None:
    number = count()
    with pytest.raises(DataError, match="looping"):
        scan(
            lambda _: ([{"id": next(number)}], {"next_cursor": f"c{next(number) // 2 % length}"}),
            "cursor",
            1,
        )


def test_empty_pages_with_ever_new_markers_end_in_an_error() -> None:
    number = count()
    with pytest.raises(DataError, match="1,000 empty pages"):
        scan(lambda _: ([], {"next_cursor": f"c{next(number)}"}), "cursor", 1)


def test_many_empty_pages_do_not_end_a_list() -> None:
    """Rows between those of the user can be hidden from him."""
    number = count()

    def answer(_: dict[str, str]) -> tuple[list[Any], Any]:
        page = next(number)
        has_row = page % 600 == 0
        return [{"id": page}] if has_row else [], {
            "next_cursor": None if page == 1200 else f"c{page}"
        }

    assert [{"id": page} for page in (0, 600, 1200)] == scan(answer, "cursor", 1)


@pytest.mark.parametrize("extra", [None, MORE, nested(**MORE)])
def test_a_list_that_ignores_the_offset_ends_in_an_error(extra: Any) -> None:
    with pytest.raises(DataError, match="looping"):
        scan(lambda _: (ROWS, extra), "offset", 500)


ENVELOPES: dict[str, Callable[[int, int, bool], Any]] = {
    "nested": lambda start, limit, more: nested(
        start=start,
        limit=limit,
        more_items_in_collection=more,
        **({"next_start": start + limit} if more else {}),
    ),
    "nested, no next_start": lambda start, limit, more: nested(
        start=start, limit=limit, more_items_in_collection=more
    ),
    "flat": lambda start, limit, more: {
        "start": start,
        "limit": limit,
        "more_items_in_collection": more,
    },
    "flat, next_start as if not clamped": lambda start, _limit, more: {
        "more_items_in_collection": more,
        "next_start": start + 500,
    },
    "none": lambda *_: None,
    "empty": lambda *_: {},
}


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(1, 15), st.integers(1, 15), st.sampled_from(list(ENVELOPES)))
def test_any_offset_list_is_read_once_and_in_order(
    total: int, asked: int, most: int, envelope: str
) -> None:
    rows = [{"id": number} for number in range(total)]

    def answer(params: dict[str, str]) -> tuple[Any, Any]:
        start, limit = int(params["start"]), min(int(params["limit"]), most)
        return rows[start : start + limit], ENVELOPES[envelope](start, limit, start + limit < total)

    assert rows == scan(answer, "offset", asked)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 40), st.integers(1, 15), st.integers(1, 15), st.booleans())
def test_any_cursor_list_is_read_once_and_in_order(
    total: int, asked: int, most: int, absent: bool
) -> None:
    rows = [{"id": number} for number in range(total)]

    def answer(params: dict[str, str]) -> tuple[Any, Any]:
        start, limit = int(params.get("cursor", 0)), min(int(params["limit"]), most)
        last = start + limit >= total
        extra = (
            ({} if absent else {"next_cursor": None})
            if last
            else {"next_cursor": str(start + limit)}
        )
        return rows[start : start + limit], extra

    assert rows == scan(answer, "cursor", asked)
