"""An exception that nobody foresaw is one sentence and a logged traceback, both without rows."""

import logging
import re
import threading

import dagster as dg
import pytest

from pipedrive_assets.cli import main
from pipedrive_assets.config import Settings
from pipedrive_assets.errors import InternalError, LoadFailed
from pipedrive_assets.extract.unexpected import foreseen, only_foreseen
from pipedrive_assets.load import table_load
from pipedrive_assets.load.chunk_queue import ChunkQueue
from pipedrive_assets.load.table_load import TableLoad
from pipedrive_assets.orchestration.assets import build_assets
from pipedrive_assets.orchestration.automation import freshness
from pipedrive_assets.orchestration.automation.partitions import daily_partitions
from pipedrive_assets.orchestration.failures import (
    failure,
    of_ours,
    raise_as_failure,
    raise_tick_errors,
)
from pipedrive_assets.orchestration.resources import PipedriveResource, WarehouseResource
from pipedrive_assets_tests.facts import mentions

PERSON = "Anna Li"
OFFICES = {}


def stumble(*_, **__):
    """Fail with a text that quotes a row, as libraries' do."""
    try:
        float(PERSON)
    except ValueError as error:
        raise KeyError("x") from error


def whole_text(error):
    """All that anybody can print of an error."""
    links = (error.__cause__, error.__context__ if not error.__suppress_context__ else None)
    return repr(error) + str(vars(error)) + "".join(whole_text(each) for each in links if each)


def test_the_sentence_names_the_bug_and_the_log_has_the_frames(caplog):
    with pytest.raises(InternalError) as caught, only_foreseen("loading deals"):
        stumble()

    assert str(InternalError("loading deals", "KeyError: 'x'")) == str(caught.value)
    assert ["ERROR"] == [record.levelname for record in caplog.records]
    assert "in stumble" in caplog.text
    assert "ValueError\n\nwhich caused:\n\nTraceback" in caplog.text
    assert PERSON not in caplog.text + whole_text(caught.value)


def test_errors_of_this_project_and_of_dagster_stay_what_they_are(caplog):
    ours = LoadFailed({"deals": InternalError("loading deals", "KeyError")})
    assert ours is foreseen(ours, "loading")
    with pytest.raises(dg.Failure):
        of_ours(dg.Failure("theirs"), "loading")
    assert [] == caplog.records


@pytest.mark.samples(1)
@pytest.mark.parametrize("place", ["commit", "read", "plan"])
def test_in_a_load_it_costs_one_table_and_quotes_no_row(office, monkeypatch, caplog, place):
    wrong = {
        "commit": (TableLoad, "commit"),
        "read": (table_load, "read_windowed"),
        "plan": (TableLoad, "begin"),
    }[place]
    right = getattr(*wrong)

    def only_persons(*given, **named):
        names = {getattr(getattr(each, "entity", each), "name", "") for each in given}
        return stumble() if "persons" in names else right(*given, **named)

    monkeypatch.setattr(*wrong, only_persons)
    with caplog.at_level(logging.DEBUG), pytest.raises(LoadFailed) as caught:
        office.load("persons", "activities")

    (error,) = caught.value.failures.values()
    assert isinstance(error, InternalError)
    assert 7 == caught.value.exit_code
    assert re.search(mentions("persons", "KeyError: 'x'"), str(error))
    assert "in stumble" in caplog.text
    assert PERSON not in caplog.text + whole_text(error)
    assert [] == office.differences("activities")


def test_a_reader_that_is_refused_after_ctrl_c_is_no_bug(office, monkeypatch, caplog):
    """A process that ends refuses new threads while its readers still run."""
    stopped, stop = threading.Event(), ChunkQueue.stop

    def read(*_, **__):
        yield stopped.wait() and stumble()

    def interrupt(*_):
        raise KeyboardInterrupt

    def stop_and_go_on(queue):
        stop(queue)
        stopped.set()

    monkeypatch.setattr(table_load, "read_windowed", read)
    monkeypatch.setattr(ChunkQueue, "take", interrupt)
    monkeypatch.setattr(ChunkQueue, "stop", stop_and_go_on)
    with pytest.raises(KeyboardInterrupt):
        office.load("persons")

    for thread in threading.enumerate():
        if thread.name == "persons":
            thread.join()
    assert "Traceback" not in caplog.text


class OfficeResource(PipedriveResource):
    """The resource of the project, connected to a test's own account."""

    def connect(self):
        return OFFICES["one"].connection


def materialize(office, instance):
    OFFICES["one"] = office
    return dg.materialize(
        [build_assets(daily_partitions(Settings.from_env({}).first_partition))],
        selection="stages",
        partition_key="2026-03-10",
        resources={
            "pipedrive": OfficeResource(),
            "duckdb": WarehouseResource(
                database=str(office.warehouse.path), dataset="pipedrive_data"
            ),
        },
        instance=instance,
        raise_on_error=False,
    )


def test_a_run_that_is_terminated_within_a_statement_is_no_bug(office, monkeypatch):
    """DuckDB wraps Dagster's exception in a RuntimeError."""

    def interrupt(*_):
        raise RuntimeError("Query interrupted") from dg.DagsterExecutionInterruptedError()

    monkeypatch.setattr(TableLoad, "commit", interrupt)
    instance = dg.DagsterInstance.ephemeral()
    result = materialize(office, instance)

    (event,) = [each for each in result.all_events if each.is_step_failure]
    log = " ".join(each.user_message for each in instance.all_logs(result.run_id))
    assert "DagsterExecutionInterruptedError" == event.step_failure_data.error.cls_name
    assert "Rows committed before are kept" in log
    assert "bug" not in log


@pytest.mark.slow
@pytest.mark.samples(1)
@pytest.mark.parametrize(
    "place",
    [
        "load.table_load.TableLoad.commit",
        "views.readable.rebuild",
    ],
)
def test_in_dagster_the_run_fails_with_the_sentence_and_the_traceback(office, monkeypatch, place):
    monkeypatch.setattr(f"pipedrive_assets.{place}", stumble)
    result = materialize(office, dg.DagsterInstance.ephemeral())

    (event,) = [each for each in result.all_events if each.is_step_failure]
    told = event.step_failure_data.user_failure_data
    assert "InternalError" in told.description
    traces = [str(each.value) for name, each in told.metadata.items() if "traceback" in name]
    assert 1 == len(traces)
    assert "in stumble" in traces[0]
    assert PERSON not in str(result.all_events)


def test_each_table_has_its_own_traceback():
    error = LoadFailed({"deals": InternalError("loading deals", "KeyError", trace="frames")})

    assert "```\nframes\n```" == failure(error).metadata["deals_traceback"].value


def test_a_step_that_does_not_begin_fails_with_the_sentence():
    with pytest.raises(dg.Failure) as caught:
        raise_as_failure(stumble)
    assert re.search(mentions("InternalError", "KeyError: 'x'"), caught.value.description)
    assert caught.value.__suppress_context__


def test_a_tick_fails_with_the_sentence(monkeypatch):
    monkeypatch.setattr(freshness, "freshness_tick", stumble)
    sensor = freshness.build_sensor(
        Settings.from_env({}), dg.define_asset_job("any", selection="*")
    )
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance)
        with pytest.raises(InternalError, match="KeyError"):
            sensor(context)
    with pytest.raises(dg.DagsterError), raise_tick_errors("a sensor"):
        raise dg.DagsterInvalidInvocationError


def test_a_command_ends_with_the_sentence_and_an_exit_code_of_its_own(monkeypatch, capsys, caplog):
    monkeypatch.setattr("pipedrive_assets.load.tokens.usage.Spending.__init__", stumble)

    assert 7 == main(["load", "stages"])

    said = capsys.readouterr().err
    assert re.search(mentions("InternalError", " load", "KeyError: 'x'"), said)
    assert "in stumble" in caplog.text
    assert PERSON not in said + caplog.text
