"""Whatever goes wrong, wherever: the run ends as it should, and the next one makes it good.

Every fault stands at the first, a middle and the last page of a list read by cursor, a list read by
offset, a child and a reference table, and stays until the run has ended.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from pipedrive_assets import errors
from pipedrive_assets.api.calls import ATTEMPTS
from pipedrive_assets.load import TableReport
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import Reply, faults
from pipedrive_assets.sandbox.exchange import gateway_reply, json_reply
from pipedrive_assets.sandbox.faults import Fault
from pipedrive_assets_tests.conftest import Office

DEAL = 2
"""The deal with the longest history of that world."""


@dataclass(frozen=True)
class Target:
    """A table, the path that a fault strikes, and how many rows a page has."""

    table: str
    path: str
    page_rows: int

    @property
    def is_child(self) -> bool:
        return self.table == "deals_flow"

    @property
    def has_markers(self) -> bool:
        """Whether its page markers are Pipedrive's own, which may expire."""
        return self.path.startswith("api/v2")


TARGETS = (
    Target("persons", "api/v2/persons", 8),
    Target("notes", "v1/notes", 2),
    Target("deals_flow", f"v1/deals/{DEAL}/flow", 20),
    Target("stages", "api/v2/stages", 4),
)
PLACES = ("first", "middle", "last")


@dataclass(frozen=True)
class Row:
    """A fault, the error that the run then ends with, and words that the error has."""

    fault: Callable[[str], Fault]
    error: type[errors.PipedriveError]
    words: str
    times: int | None = None
    """How many calls it strikes; None: all until the run has ended."""


def said(status: int, body: object) -> Callable[[str], Fault]:
    return lambda on: faults.reply(on, json_reply(status, body))


def page(status: int, **headers: str) -> Callable[[str], Fault]:
    """A web page in place of JSON."""
    return lambda on: faults.reply(
        on, Reply(status=status, body=b"<html><title>Sorry</title></html>", headers=headers)
    )


def refusal(status: int) -> Callable[[str], Fault]:
    return lambda on: faults.refused(on, status, "No such luck")


def spent(on: str) -> Fault:
    return faults.reply(
        on,
        gateway_reply(
            429,
            "request over limit",
            {"x-ratelimit-remaining": "19", "x-daily-ratelimit-token-remaining": "0"},
        ),
    )


TRANSIENT, EXPIRED = errors.TransientApiError, errors.PageMarkerExpired
MATRIX = {
    **{
        str(status): Row(
            lambda on, status=status: faults.server_error(on, status), TRANSIENT, f" {status} "
        )
        for status in (500, 502, 504, 524)
    },
    "503": Row(faults.server_error, TRANSIENT, " 503 "),
    "no answer": Row(faults.dropped, TRANSIENT, "GET /"),
    "half a body": Row(faults.truncated, TRANSIENT, "GET /"),
    "broken JSON": Row(faults.broken_json, TRANSIENT, "JSON"),
    "a web page": Row(page(200), TRANSIENT, "Sorry: 33 bytes"),
    "null": Row(faults.null_body, TRANSIENT, "is null"),
    "success: false": Row(faults.unsuccessful, TRANSIENT, "Something went wrong"),
    "no data": Row(faults.without_data, TRANSIENT, "data"),
    "data: null": Row(said(200, {"success": True, "data": None}), TRANSIENT, "is null"),
    "data: null and more": Row(faults.null_data, TRANSIENT, " 200 "),
    "rows of text": Row(said(200, {"success": True, "data": ["x"]}), TRANSIENT, "list"),
    "a burst without end": Row(faults.burst, TRANSIENT, "request over limit"),
    "page markers that expire": Row(faults.expired_marker, EXPIRED, "GET /"),
    "a page marker that expired": Row(faults.expired_marker, EXPIRED, "", times=1),
    "a bad parameter": Row(refusal(400), errors.BadRequest, "«No such luck"),
    "a token revoked": Row(faults.revoked, errors.AuthenticationError, "PIPEDRIVE_API_TOKEN"),
    "not paid for": Row(refusal(402), errors.PermissionDenied, "«No such luck"),
    "not allowed": Row(refusal(403), errors.Forbidden, "«No such luck"),
    "the firewall": Row(page(403), errors.Blocked, "Sorry"),
    "not found": Row(refusal(404), errors.Missing, "PIPEDRIVE_BASE_URL"),
    "a wrong method": Row(refusal(405), errors.BadRequest, "«No such luck"),
    "gone": Row(refusal(410), errors.Missing, "«No such luck"),
    "switched off": Row(refusal(415), errors.FeatureUnavailable, "«No such luck"),
    "unprocessable": Row(refusal(422), errors.BadRequest, "«No such luck"),
    "not implemented": Row(refusal(501), errors.BadRequest, "«No such luck"),
    "sent elsewhere": Row(
        page(302, Location="https://elsewhere.invalid/"), errors.Redirected, "elsewhere.invalid"
    ),
    "the day's tokens spent": Row(spent, errors.BudgetExhausted, "2026-03-11 00:00 UTC"),
}


def cells() -> Iterator[Any]:
    """All of them; of a diagonal, each fault once, one runs in `make test`."""
    for number, name in enumerate(MATRIX):
        for target, place in product(TARGETS, PLACES):
            diagonal = (TARGETS[number % len(TARGETS)], PLACES[number % len(PLACES)])
            often = [pytest.mark.slow] if number else []
            yield pytest.param(
                *(target, name, place),
                marks=often if diagonal == (target, place) else [pytest.mark.soak],
                id=f"{target.table}-{name}-{place}".replace(" ", "_"),
            )


@pytest.fixture(scope="module")
def offices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[Target], Office]]:
    """One office a table, its parents loaded."""
    made: dict[str, Office] = {}

    def office(target: Target) -> Office:
        if target.table not in made:
            one = made[target.table] = Office(tmp_path_factory.mktemp("office"), deals=2)
            one.load(*(["deals"] if target.is_child else []), target.table)
        return made[target.table]

    yield office
    for one in made.values():
        one.warehouse.close()


def emptied(office: Office, table: str) -> None:
    """As before a table's first load."""
    office.sandbox.clear_faults()
    office.sandbox.log.clear()
    with office.warehouse.sql() as sql:
        sql.execute_sql(f"DELETE FROM {sql.make_qualified_table_name(table)}")
        for ledger in ("_pipedrive_coverage", "_pipedrive_children"):
            name = sql.make_qualified_table_name(ledger)
            sql.execute_sql(f"DELETE FROM {name} WHERE entity = %s", table)


def page_numbers(office: Office, target: Target) -> dict[str, int]:
    """Which call to its path each place is."""
    if not hasattr(office, "pages"):
        emptied(office, target.table)
        office.load(target.table, page_rows=target.page_rows)
        office.pages = len(office.sandbox.calls(target.path))
    assert office.pages >= 3
    return {"first": 1, "middle": 2, "last": office.pages}


def ending(target: Target, name: str, place: str) -> type[errors.PipedriveError] | None:
    """The error that a run with this fault ends with; None: it succeeds."""
    row = MATRIX[name]
    if name == "data: null" and place == "first":
        return None  # an empty list; the next run reads it from its start again
    if is_skipped(target, name):
        return None
    if issubclass(row.error, errors.Refused | errors.BadRequest) and target.is_child:
        return None  # one deal's: it is unread, and left to the next run
    if row.error is EXPIRED and (row.times or not target.has_markers):
        return None  # scanned again from the start; offsets never expire
    return row.error


def is_skipped(target: Target, name: str) -> bool:
    """Whether the fault means that this user may not read the table, which is no failure."""
    return BY_NAME[target.table].rights_vary and issubclass(MATRIX[name].error, errors.Forbidden)


@pytest.mark.parametrize(("target", "name", "place"), list(cells()))
def test_a_run_ends_as_it_should_and_the_next_one_makes_it_good(
    offices: Callable[[Target], Office], target: Target, name: str, place: str
) -> None:
    office = offices(target)
    number = page_numbers(office, target)[place]
    emptied(office, target.table)
    fault = MATRIX[name].fault(target.path)
    office.sandbox.inject(fault.at(number, times=MATRIX[name].times))
    expected = ending(target, name, place)

    report, failure = run(office, target)

    assert isinstance(failure, expected or type(None)), failure
    if is_skipped(target, name):
        assert "No such luck" in report.skipped
        assert None is report.complete_until
    if failure:
        assert MATRIX[name].words in str(failure)
        assert "\n" not in str(failure)
    asked = office.sandbox.calls(target.path)
    assert len(asked) <= 6 * (office.pages + ATTEMPTS)
    office.sandbox.clear_faults()
    if target.is_child and not MATRIX[name].times:
        assert not is_recorded_as_read(office)

    report, failure = run(office, target)
    assert None is failure
    assert None is report.skipped
    assert [] == office.differences(target.table)


def run(
    office: Office, target: Target
) -> tuple[TableReport, None] | tuple[None, errors.PipedriveError]:
    """The report of a load of the table, or its failure."""
    try:
        return office.load(target.table, page_rows=target.page_rows)[target.table], None
    except errors.LoadFailed as failed:
        return None, failed.failures[target.table]


def is_recorded_as_read(office: Office) -> bool:
    return bool(
        office.query(
            f"SELECT 1 FROM _pipedrive_children WHERE entity = 'deals_flow' AND parent_id = {DEAL} "
            "AND read_at IS NOT NULL"
        )
    )
