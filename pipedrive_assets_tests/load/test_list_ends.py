"""Lists that end too early: `data: null`, and empty pages that were announced."""

import json

import pytest

from pipedrive_assets.errors import LoadFailed, TransientApiError
from pipedrive_assets.sandbox import faults
from pipedrive_assets.sandbox.exchange import json_reply
from pipedrive_assets_tests.load.test_refused_lists import empty


def cut(path, nth, times):
    """The nth page answers, but without a row and without a further page."""
    return empty(path).at(nth, times=times)


def really_ends_empty(path):
    """An account that announces a page after the last one, which is empty."""

    def act(_sandbox, call, serve):
        if dict(call.params).get("cursor") == "end":
            return json_reply(200, {"success": True, "data": [], "additional_data": {}}, {})
        genuine = serve()
        body = json.loads(genuine.body)
        extra = body["additional_data"] or {}
        body["additional_data"] = {**extra, "next_cursor": extra.get("next_cursor") or "end"}
        return json_reply(genuine.status, body, genuine.headers)

    return faults.Fault(on=path, act=act).always()


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("times", [1, 2, None])
@pytest.mark.parametrize("nth", [2, 3])
def test_an_empty_page_in_mid_walk_is_not_the_end(office, nth, times):
    office.sandbox.inject(cut("api/v2/persons", nth, times))
    if times == 1:
        office.load("persons", page_rows=5)
    else:
        with pytest.raises(LoadFailed) as failed:
            office.load("persons", page_rows=5)
        assert isinstance(failed.value.failures["persons"], TransientApiError)
        assert [(None,)] == office.query(
            "SELECT max(complete_until) FROM _pipedrive_coverage WHERE entity = 'persons'"
        )
    office.sandbox.clear_faults()

    office.load("persons", page_rows=5)

    assert [] == office.differences("persons")


def without_paging(path):
    """Every page lacks `additional_data`, so that nothing shows whether more follows."""

    def change(genuine):
        body = {**json.loads(genuine.body)}
        body.pop("additional_data", None)
        return json_reply(genuine.status, body, genuine.headers)

    return faults.changed(path, change)


@pytest.mark.parametrize("nth", [1, 2])
def test_a_full_page_that_does_not_show_whether_more_follows_is_not_the_end(office, nth):
    office.sandbox.inject(without_paging("api/v2/persons").at(nth, times=None))

    with pytest.raises(LoadFailed) as failed:
        office.load("persons", page_rows=5)

    assert isinstance(failed.value.failures["persons"], TransientApiError)
    assert [(None,)] == office.query(
        "SELECT max(complete_until) FROM _pipedrive_coverage WHERE entity = 'persons'"
    )
    office.sandbox.clear_faults()
    office.load("persons", page_rows=5)
    assert [] == office.differences("persons")


@pytest.mark.parametrize("table", ["persons", "stages"])
def test_a_list_whose_last_page_is_full_and_has_no_paging_facts_is_read(office, table):
    rows = len(office.world.ids(table))
    office.sandbox.inject(without_paging(f"api/v2/{table}").always())

    office.load(table, page_rows=rows)

    assert [] == office.differences(table)


@pytest.mark.slow
def test_a_list_that_a_killed_run_left_and_that_ends_empty_is_read_again(office):
    office.sandbox.inject(faults.server_error("api/v2/persons").at(12, times=None))
    with pytest.raises(LoadFailed):
        office.load("persons", page_rows=3)
    office.sandbox.clear_faults()
    office.sandbox.inject(cut("api/v2/persons", 1, 2))

    office.load("persons", page_rows=3)

    assert [] == office.differences("persons")


@pytest.mark.samples(1)
@pytest.mark.parametrize("table", ["deals", "persons", "stages"])
def test_an_account_that_ends_its_lists_with_an_empty_page_is_read(office, table):
    office.sandbox.inject(really_ends_empty(f"api/v2/{table}"))

    office.load(table)
    office.advance(minutes=20)
    office.load(table)

    assert [] == office.differences(table)


def test_a_snapshot_that_is_cut_short_is_read_again(office):
    office.load("stages")
    office.sandbox.inject(cut("api/v2/stages", 2, 2))

    office.load("stages", page_rows=2)

    assert [] == office.differences("stages")


@pytest.mark.slow
@pytest.mark.samples(2)
@pytest.mark.parametrize("table", ["persons", "deals", "stages"])
def test_a_v2_list_of_null_is_empty_and_proves_nothing(office, table):
    office.load(table)
    office.sandbox.inject(faults.null_data(f"api/v2/{table}").always())
    office.advance(minutes=5)

    report = office.load(table)[table]
    if table != "stages":
        office.reconcile(table)

    assert 0 == report.written.marked_deleted
    assert report.stats.retries >= 1
    office.sandbox.clear_faults()
    office.load(table)
    assert [] == office.differences(table)


@pytest.mark.slow
def test_a_table_of_null_lists_loads_as_empty(office):
    office.sandbox.inject(faults.null_data("api/v2/products").always())

    assert 0 == office.load("products")["products"].rows_total
    office.sandbox.clear_faults()
    office.load("products")
    assert [] == office.differences("products")


def null_on_first_page(path):
    """The first page has null in place of its rows, and the marker of the second page."""

    def act(_sandbox, call, serve):
        genuine, params = serve(), dict(call.params)
        if "cursor" in params or params.get("start", "0") != "0":
            return genuine
        body = {**json.loads(genuine.body), "data": None}
        return json_reply(genuine.status, body, genuine.headers)

    return faults.Fault(on=path, act=act).always()


@pytest.mark.parametrize("path", ["api/v2/persons", "v1/notes"])
def test_the_rows_of_a_first_page_of_null_are_not_passed_over(office, path):
    table = path.rpartition("/")[2]
    office.sandbox.inject(null_on_first_page(path))
    with pytest.raises(LoadFailed):
        office.load(table, page_rows=5)
    office.sandbox.clear_faults()

    office.load(table, page_rows=5)

    assert [] == office.differences(table)


def test_null_is_never_the_end_of_a_list(office):
    office.sandbox.inject(faults.null_data("api/v2/persons").at(2, times=None))

    with pytest.raises(LoadFailed):
        office.load("persons", page_rows=5)

    office.sandbox.clear_faults()
    office.load("persons")
    assert [] == office.differences("persons")
