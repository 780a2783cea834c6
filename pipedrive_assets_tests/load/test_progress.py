"""How far a run is."""

import pytest

from pipedrive_assets.load import LoadRequest, ReconcileRequest, load_tables, reconcile_tables
from pipedrive_assets.load.chunk_queue import ChunkQueue
from pipedrive_assets.load.progress import Progress, ProgressLines, duration
from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.windows import Window


class Clock:
    def __init__(self):
        self.seconds = 1000.0

    def __call__(self):
        return self.seconds


def at(pages):
    return Progress(pages=pages, rows=9 * pages, tokens=10 * pages, tables_done=1, tables=4)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (61, "1 min"),
        (3599, "1 h 0 min"),
        (3600 * 26 + 240, "26 h 4 min"),
    ],
)
def test_a_duration_is_as_exact_as_anybody_wants(seconds, said):
    assert said == duration(seconds)


def test_a_log_gets_a_line_each_half_minute_however_often_it_is_told():
    clock, said = Clock(), []
    lines = ProgressLines(said.append, clock)
    for second in range(91):
        clock.seconds = 1000.0 + second
        lines(at(10 * second))
        lines(at(10 * second))

    assert [
        "After 30 s: 1 of 4 tables, 300 pages, 2,700 rows, 3,000 tokens",
        "After 1 min: 1 of 4 tables, 600 pages, 5,400 rows, 6,000 tokens",
        "After 2 min: 1 of 4 tables, 900 pages, 8,100 rows, 9,000 tokens",
    ] == said


def test_who_takes_from_an_empty_line_may_be_woken_without_anything():
    assert ChunkQueue[str]().take(0.0) is None


def watched(office, *names, **how):
    """What a load tells, and its reports."""
    told = []
    request = LoadRequest(
        entities=tuple(BY_NAME[name] for name in names), window=Window(start=office.midnight), **how
    )
    reports = list(load_tables(office.connection, office.warehouse, request, told.append))
    return told, reports


@pytest.mark.slow
def test_a_load_tells_how_far_it_is_and_at_last_what_it_reports(make_office):
    office = make_office(deals=6)
    told, reports = watched(office, "deals", "stages", "deals_flow")

    assert told == sorted(told, key=lambda one: (one.pages, one.rows, one.tables_done))
    assert (
        Progress(
            pages=sum(report.stats.requests for report in reports),
            rows=sum(report.written.read for report in reports),
            tokens=sum(report.stats.tokens for report in reports),
            tables_done=3,
            tables=3,
        )
        == told[-1]
    )


def test_a_table_that_fails_counts_as_done(make_office):
    office = make_office(deals=6)

    told, reports = watched(office, "deals_flow")

    assert reports[0].error
    assert 1 == told[-1].tables_done


@pytest.mark.slow
def test_a_reconciliation_tells_how_far_it_is(make_office):
    office = make_office(deals=6)
    office.load("persons", "products")
    told = []
    request = ReconcileRequest(entities=(BY_NAME["persons"], BY_NAME["products"]))

    reports = list(reconcile_tables(office.connection, office.warehouse, request, told.append))

    assert 0 == told[0].tables_done
    assert (2, sum(report.written.read for report in reports)) == (
        told[-1].tables_done,
        told[-1].rows,
    )
