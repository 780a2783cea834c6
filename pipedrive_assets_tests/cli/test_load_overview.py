"""`load` draws the sales overview; `try` names what it loads."""

import dagster as dg
import pytest

from pipedrive_assets.cli import try_sandbox
from pipedrive_assets.cli.main import main
from pipedrive_assets.errors import WarehouseError
from pipedrive_assets.views import overview_page

PAGE = "data/sales_overview_sandbox.html"


@pytest.mark.slow
def test_a_load_draws_the_sales_overview(tmp_path, capsys):
    assert 0 == main(["load", "deals", "stages", "pipelines"])

    assert f"sales_overview: {tmp_path / PAGE}" in capsys.readouterr().out
    assert "<svg" in (tmp_path / PAGE).read_text("utf-8")


def test_a_load_of_tables_that_no_chart_shows_draws_nothing(tmp_path, capsys):
    assert 0 == main(["load", "currencies"])

    assert "sales_overview" not in capsys.readouterr().out
    assert not (tmp_path / PAGE).exists()


def test_a_load_before_any_chart_has_rows_draws_nothing(tmp_path):
    assert 0 == main(["load", "users"])

    assert not (tmp_path / PAGE).exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (TypeError("no font"), "TypeError"),
        (ValueError("Zebulon is no number"), "ValueError"),
        (
            WarehouseError("The disk is full. Free some space."),
            "The disk is full. Free some space.",
        ),
    ],
)
def test_a_drawing_that_fails_is_a_warning_and_no_failed_load(
    tmp_path, monkeypatch, caplog, failure, words
):
    def fail(*_):
        raise failure

    monkeypatch.setattr(overview_page, "pictures_of", fail)

    assert 0 == main(["load", "deals"])

    assert "WARNING" == caplog.records[-1].levelname
    assert words in caplog.text
    assert "Zebulon" not in caplog.text
    assert not (tmp_path / PAGE).exists()


@pytest.mark.slow
def test_a_page_that_cannot_be_written_fails_no_load(tmp_path, caplog):
    (tmp_path / "data" / ".sales_overview_sandbox.html.fresh").mkdir(parents=True)

    assert 0 == main(["load", "deals"])

    assert "WARNING" == caplog.records[-1].levelname
    assert PAGE in caplog.text


def started(monkeypatch, capsys):
    """What `try` prints before it loads."""

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(try_sandbox, "_run_job", stop)
    assert 130 == main(["try"])
    return capsys.readouterr().out


def test_ctrl_c_while_dagster_runs_the_job_of_try_is_no_bug(monkeypatch, capsys):
    """Dagster raises an exception of its own."""

    def interrupt(*_, **__):
        raise dg.DagsterExecutionInterruptedError

    monkeypatch.setattr(dg.JobDefinition, "execute_in_process", interrupt)

    assert 130 == main(["try"])
    assert "Stopped by Ctrl-C." in capsys.readouterr().err


def test_try_beside_an_api_token_names_what_it_loads(tmp_path, monkeypatch, capsys):
    (tmp_path / ".env").write_text("PIPEDRIVE_API_TOKEN=s3cret-token-of-ours\n", "utf-8")

    said = started(monkeypatch, capsys)

    assert ".env" in said
    assert "data/sandbox.duckdb" in said
    assert "s3cret" not in said


def test_try_names_a_token_in_the_environment(monkeypatch, capsys):
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", "s3cret-token-of-ours")

    assert "environment" in started(monkeypatch, capsys)


def test_try_without_an_api_token_says_that_none_was_found(monkeypatch, capsys):
    said = started(monkeypatch, capsys)

    assert "INVENTED" in said
    assert ".env" not in said
    assert "environment" not in said


@pytest.mark.slow
def test_a_load_without_the_extra_charts_draws_nothing_and_warns_of_nothing(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(overview_page, "find_spec", lambda _name: None)

    assert 0 == main(["load", "deals"])

    assert "sales overview" not in caplog.text
    assert not (tmp_path / PAGE).exists()


def test_try_outside_the_project_writes_no_files_of_dagster_and_sends_nothing(tmp_path):
    with try_sandbox._instance(tmp_path) as instance:
        assert instance.is_ephemeral
        assert not instance.telemetry_enabled
    assert [] == list(tmp_path.iterdir())
