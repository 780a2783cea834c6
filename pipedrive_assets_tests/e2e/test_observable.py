"""The example of dashboards: installed, built without a network, and opened in a browser."""

import json
import os
import shutil
import subprocess
import threading
from collections import defaultdict
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from pipedrive_assets_tests.e2e.conftest import INDEX_VARIABLES, ROOT, Project

NPM = shutil.which("npm")
pytestmark = pytest.mark.skipif(NPM is None, reason="npm is not installed")
EXAMPLE = ROOT / "examples" / "observable"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
REGISTRY_VARIABLES = INDEX_VARIABLES | {"NODE_EXTRA_CA_CERTS"}
GENERATED = shutil.ignore_patterns("node_modules", "dist", ".observablehq")
PAGES = ("index", "pipeline", "movements", "forecast", "hygiene")


def without_network():
    """What to put before a command so that it has no network, where the machine allows it."""
    command = ["unshare", "-rn"]
    if not shutil.which("unshare"):
        return ""
    done = subprocess.run([*command, "true"], capture_output=True, check=False)
    return "" if done.returncode else " ".join(command)


@pytest.fixture(scope="module")
def dashboards(tmp_path_factory):
    """The built example: its folder, its project, and the rows of its pages, by query."""
    folder = tmp_path_factory.mktemp("dashboards") / "project"
    folder.mkdir()
    project = Project(folder)
    project.environment |= {
        name: os.environ[name] for name in REGISTRY_VARIABLES & os.environ.keys()
    }
    example = folder / "examples" / "observable"
    shutil.copytree(EXAMPLE, example, ignore=GENERATED)
    loaded = project.run(
        "python -m pipedrive_assets load", PIPEDRIVE_TABLES="default,+goals,+goals_results"
    )
    assert 0 == loaded.returncode, loaded.stdout
    installed = project.run(f"cd {example} && npm ci --no-audit --no-fund")
    if installed.returncode and project.run("npm view htl@0.3.1 version").returncode:
        pytest.skip("the npm registry cannot be reached")
    assert 0 == installed.returncode, installed.stdout

    # An earlier build's rows, which no later build may use.
    stale = example / "src" / ".observablehq" / "cache" / "queries" / "account.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("[]", "utf-8")
    built = project.run(f"cd {example} && {without_network()} npm run build")
    assert 0 == built.returncode, built.stdout
    rows = {
        path.name.split(".")[0]: json.loads(path.read_text("utf-8"))
        for path in (example / "dist" / "_file" / "queries").iterdir()
    }
    return SimpleNamespace(folder=example, project=project, rows=rows)


def totals(rows, column, *, by="currency"):
    """The sums of a column, rounded to cents."""
    found = defaultdict(float)
    for row in rows:
        found[row[by]] += row[column] or 0
    return {name: round(total, 2) for name, total in found.items()}


def test_each_query_has_rows_and_their_figures_are_those_of_the_warehouse(dashboards):
    rows = dashboards.rows
    queries = {path.name.split(".")[0] for path in (EXAMPLE / "src" / "queries").iterdir()}
    of_deals = "FROM deals WHERE _deleted_at IS NULL AND"
    opened = dashboards.project.query(
        f"SELECT currency, round(sum(value), 2) {of_deals} status = 'open' AND NOT is_archived "
        "GROUP BY currency"
    )
    won = dashboards.project.query(
        f"SELECT currency, round(sum(value), 2) {of_deals} status = 'won' GROUP BY currency"
    )
    slipped = dashboards.project.query(
        "SELECT count(*) FROM close_date_slippage JOIN deals ON id = deal_id "
        "WHERE deals.status = 'open' AND NOT is_archived AND deals.expected_close_date IS NOT NULL"
    )
    found = dashboards.project.query("SELECT count(*) FROM hygiene")

    assert queries == rows.keys()
    assert [] == [name for name, of in rows.items() if not of]
    assert dict(opened) == totals(rows["open_pipeline"], "value")
    assert dict(opened) == totals(rows["owners"], "value")
    assert dict(won) == {
        currency: total
        for currency, total in totals(rows["forecast"], "won_value").items()
        if currency in dict(won)
    }
    assert slipped == [(len(rows["slippage"]),)]
    assert found == [(sum(row["found"] or 0 for row in rows["hygiene_rules"]),)]
    assert found == [(sum(row["found"] for row in rows["hygiene_owners"]),)]
    assert all(row["pipedrive_url"] for row in rows["hygiene"])


def test_the_movements_of_each_month_add_up_from_its_start_to_its_end(dashboards):
    balances = {
        (row["month"], row["pipeline_name"], row["currency"]): row["value"]
        for row in dashboards.rows["balances"]
    }
    reached = defaultdict(float)
    by_month = sorted(dashboards.rows["movements"], key=lambda row: row["month"])
    months = sorted({month for month, *_ in balances})

    for month in months:
        for row in by_month:
            if row["month"] == month:
                reached[row["pipeline_name"], row["currency"]] += row["value"]
        ends = {key[1:]: value for key, value in balances.items() if key[0] == month}
        for key, value in reached.items():
            assert value == pytest.approx(ends.get(key, 0), abs=0.01), (month, key)


def test_the_pages_load_nothing_from_the_network(dashboards):
    built = dashboards.folder / "dist"
    for path in (*built.glob("*.html"), *built.rglob("*.css")):
        assert "https://" not in path.read_text("utf-8"), path


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_browser_shows_the_figures_and_no_errors(dashboards):
    currency = dashboards.rows["currencies"][0]["currency"]
    ((value,),) = dashboards.project.query(
        f"SELECT sum(value) FROM open_pipeline WHERE currency = '{currency}'"
    )
    handler = partial(QuietHandler, directory=str(dashboards.folder / "dist"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        pages = {
            page: rendered(f"http://127.0.0.1:{server.server_port}/{page}.html") for page in PAGES
        }
        server.shutdown()

    for page in ("index", "pipeline", "movements"):
        assert f"{int(value + 0.5):,}" in pages[page], page
    assert dashboards.rows["hygiene"][0]["pipedrive_url"] in pages["hygiene"]
    for page, html in pages.items():
        assert "Sandbox Stationery" in html, page
        assert "observablehq--error" not in html, page


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def rendered(url):
    """A page's HTML after its scripts have run."""
    flags = ("--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000")
    command = [CHROMIUM, *flags, "--dump-dom", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_query_on_the_read_copy_and_without_a_warehouse(dashboards, tmp_path):
    copy = tmp_path / "copy.duckdb"
    shutil.copy(dashboards.project.folder / "data" / "sandbox.duckdb", copy)
    command = f"cd {dashboards.folder} && python query.py src/queries/account.json.sql"

    read = dashboards.project.run(command, PIPEDRIVE_READ_COPY=str(copy))
    missing = dashboards.project.run(command, PIPEDRIVE_READ_COPY=str(tmp_path / "none.duckdb"))
    unloaded = dashboards.project.run(command, PIPEDRIVE_DATASET="nothing_loaded")

    assert dashboards.rows["account"] == json.loads(read.stdout)
    for failed, remedy in ((missing, "Set PIPEDRIVE_READ_COPY"), (unloaded, "run a load")):
        assert 1 == failed.returncode
        assert remedy in failed.stdout
        assert "Traceback" not in failed.stdout
