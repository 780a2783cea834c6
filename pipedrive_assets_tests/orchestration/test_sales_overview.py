"""The sales overview: one file that needs nothing else, and pictures that draw."""

import base64
import re
from dataclasses import replace
from datetime import timedelta

import dagster as dg
import pytest

from pipedrive_assets.config import Settings
from pipedrive_assets.definitions import build
from pipedrive_assets.orchestration.resources import WarehouseResource
from pipedrive_assets.orchestration.sales_overview import _charts_in_markdown
from pipedrive_assets.views import overview
from pipedrive_assets.views.overview_page import page_path, pictures_of, write_page
from pipedrive_assets.views.report.charts import CHARTS
from pipedrive_assets.views.report.page import Picture, page
from pipedrive_assets_tests.conftest import Office
from pipedrive_assets_tests.facts import mentions
from pipedrive_assets_tests.orchestration.test_assets import OFFICES, OfficeResource, facts
from pipedrive_assets_tests.views import company_truth

INPUTS = ("deals", "deals_flow", "stages", "pipelines", "activities", "users", "activity_types")
LOADS = re.compile(r"""(?:src|href|data)\s*=\s*["'](?!#)|url\((?!#)|@import|<script|<iframe""")


@pytest.fixture(scope="module")
def office(tmp_path_factory):
    made = Office(tmp_path_factory.mktemp("overview"))
    made.world.edit("stages", 1, name="<b>&\"'")
    made.load(*INPUTS)
    yield made
    made.warehouse.close()


def materialize(office, **how):
    OFFICES["overview"] = office
    definitions = build(Settings.from_env({}), OfficeResource(office="overview"))
    database = WarehouseResource(database=str(office.warehouse.path), dataset="pipedrive_data")
    return dg.materialize(
        list(definitions.assets),
        selection=["sales_overview"],
        resources={**definitions.resources, "duckdb": database},
        raise_on_error=False,
        **how,
    )


def pictures_in(markdown):
    found = re.findall(r"!\[([^]]+)\]\(data:image/svg\+xml;base64,([^)]+)\)", markdown)
    return {title: base64.b64decode(data).decode() for title, data in found}


def test_the_page_shows_every_chart_and_loads_nothing(office):
    office.sandbox.log.clear()

    said = facts(materialize(office), "sales_overview")

    path = office.warehouse.path.with_name("sales_overview_sandbox.html")
    text = path.read_text("utf-8")
    assert str(path) == said["file"]
    assert len(CHARTS) == said["charts_drawn"] == text.count("<svg")
    assert [] == LOADS.findall(text)
    assert "INVENTED" in text
    assert "complete up to 2026-03-10 12:00 UTC" in text
    assert [] == list(office.sandbox.log)


@pytest.mark.slow
def test_the_headline_counts_deals(office):
    said = facts(materialize(office), "sales_overview")

    deals = company_truth.seen(office.world, "deals").values()
    since = office.sandbox.now - timedelta(days=30)
    closed = [
        deal["status"]
        for deal in deals
        if deal["close_time"] and company_truth.moment(deal["close_time"]) > since
    ]
    is_open = [deal for deal in deals if deal["status"] == "open" and not deal["is_archived"]]
    assert (len(is_open), closed.count("won"), closed.count("lost")) == (
        said["deals_open"],
        said["won_in_the_last_30_days"],
        said["lost_in_the_last_30_days"],
    )


def test_every_drawing_has_marks_for_its_rows(office):
    said = facts(materialize(office), "sales_overview")

    drawn = pictures_in(said["charts"])
    assert [chart.title for chart in CHARTS] == list(drawn)
    for title, svg in drawn.items():
        assert re.search(r'<path aria-label="[^"]+"[^>]* d="M[^"]+h[1-9]', svg), title


def test_what_pipedrive_tells_is_text_on_the_page(office):
    materialize(office)

    text = office.warehouse.path.with_name("sales_overview_sandbox.html").read_text("utf-8")
    assert "&lt;b&gt;&amp;&quot;&#x27;" in text
    assert "<b>&" not in text


@pytest.mark.slow
def test_names_within_the_drawings_are_their_own(office):
    materialize(office)

    text = office.warehouse.path.with_name("sales_overview_sandbox.html").read_text("utf-8")
    names = re.findall(r'\bid="([^"]+)"', text)
    assert len(set(names)) == len(names)
    assert set(re.findall(r'(?:url\(|href=")#([^")]+)', text)) <= set(names)


def test_pictures_that_name_people_are_kept_out_of_dagster(office):
    seen = overview(office.warehouse)
    pictures = [Picture(chart=chart, svg="<svg/>") for chart in CHARTS]
    real = replace(seen, invented=False)

    told = {
        name: len(list(_charts_in_markdown(pictures, real, name)))
        for name in ("masked", "full", "off")
    }

    personal = sum(chart.personal for chart in CHARTS)
    assert 0 < personal
    assert {"masked": len(CHARTS) - personal, "full": len(CHARTS), "off": 0} == told


@pytest.mark.slow
def test_what_is_missing_is_said_in_its_place(make_office):
    office = make_office(deals=10)
    office.load("deals")

    said = facts(materialize(office), "sales_overview")

    text = office.warehouse.path.with_name("sales_overview_sandbox.html").read_text("utf-8")
    assert {"pipeline_conversion", "days_in_stage"} <= set(said["not_drawn"])
    assert "deals_flow" in text
    assert 0 < said["charts_drawn"] < len(CHARTS)


def test_before_any_load_there_is_no_page(make_office):
    office = make_office()

    result = materialize(office)

    assert result.success
    assert "Nothing has been loaded yet." == facts(result, "sales_overview")["skipped"]
    assert not office.warehouse.path.with_name("sales_overview_sandbox.html").exists()


@pytest.mark.slow
def test_a_page_that_cannot_be_written_is_one_sentence(make_office):
    office = make_office(deals=10)
    office.load("deals")
    office.warehouse.path.with_name(".sales_overview_sandbox.html.fresh").mkdir()

    result = materialize(office)

    (failure,) = result.get_step_failure_events()
    said = failure.step_failure_data.user_failure_data.description
    assert re.match(mentions("WarehouseError", "sales_overview_sandbox.html"), said)


@pytest.mark.slow
def test_the_page_of_the_sandbox_never_replaces_the_accounts(office):
    account = office.warehouse.path.with_name("sales_overview.html")
    account.write_text("of the account", "utf-8")

    materialize(office)

    assert "of the account" == account.read_text("utf-8")
    assert office.warehouse.path.with_name("sales_overview_sandbox.html").exists()
    account.unlink()


def test_the_page_of_an_account_has_the_plain_name(office, tmp_path):
    seen = replace(overview(office.warehouse), invented=False)

    path = page_path(tmp_path, seen)
    write_page(path, pictures_of(seen, path), seen, file_mode=0o640)

    assert tmp_path / "sales_overview.html" == path
    assert path.exists()


def test_only_charts_whose_data_has_changed_are_drawn_again(office, tmp_path, monkeypatch):
    seen = overview(office.warehouse)
    path = page_path(tmp_path, seen)
    first = pictures_of(seen, path)
    write_page(path, first, seen, file_mode=0o640)
    name, rows = next((name, rows) for name, rows in seen.rows.items() if len(rows) > 1)
    drawn = []
    monkeypatch.setattr(
        "vl_convert.vegalite_to_svg", lambda spec: drawn.append(spec) or "<svg>new</svg>"
    )

    assert pictures_of(seen, path) == first
    assert drawn == []
    pictures_of(replace(seen, rows={**seen.rows, name: rows[:1]}), path)
    assert len(drawn) == 1


@pytest.mark.slow
def test_currencies_left_out_are_named_on_the_page_and_in_dagster(make_office):
    office = make_office(deals=10)
    for name in ("CHF", "SEK", "NOK", "DKK", "PLN", "CZK"):
        office.world.add("deals", status="open", value=10, currency=name)
    office.load("deals")

    said = facts(materialize(office), "sales_overview")

    text = office.warehouse.path.with_name("sales_overview_sandbox.html").read_text("utf-8")
    left_out = r"\b(CHF|SEK|NOK|DKK|PLN|CZK) \(1 deal\)"
    assert re.search(left_out, text)
    assert re.search(left_out, said["charts"])


def test_figures_that_do_not_fit_are_counted():
    rows = [("EUR", None, n) for n in range(205)]

    text = page(
        "Acme",
        [Picture(chart=CHARTS[0], rows=rows, svg="<svg/>")],
        headline={},
        until=None,
        invented=False,
    )

    assert "5 more rows" in text


def test_a_page_of_no_rows_says_so():
    text = page(
        "Acme", [Picture(chart=chart) for chart in CHARTS], headline={}, until=None, invented=False
    )

    assert len(CHARTS) == text.count("No data yet.")
    assert "INVENTED" not in text


@pytest.mark.slow
def test_without_the_extra_charts_the_asset_is_skipped_with_the_command_to_install_it(
    office, monkeypatch
):
    monkeypatch.setattr("pipedrive_assets.views.overview_page.find_spec", lambda _name: None)
    page = office.warehouse.path.with_name("sales_overview_sandbox.html")
    page.unlink(missing_ok=True)

    said = facts(materialize(office), "sales_overview")

    assert "pip install 'pipedrive-assets[charts]'" in said["skipped"]
    assert not page.exists()
