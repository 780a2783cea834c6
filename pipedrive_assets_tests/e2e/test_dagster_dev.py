"""`dagster dev` with the sandbox: automation is on, a browser shows it, and history stays.

Each wait is for something that becomes visible; a busy machine gets minutes.
"""

import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

from pipedrive_assets.orchestration.derived import READS
from pipedrive_assets.registry import DEFAULT_ENTITIES
from pipedrive_assets_tests.e2e.dev import ask, dagster_dev, until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PICTURES = os.environ.get("SCREENSHOTS") and Path(os.environ["SCREENSHOTS"]).absolute()
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SEEN_SECONDS = 120
SIZE = {"width": 1800, "height": 1300}
TALL = {"width": 1500, "height": 7500}
"""So high that the whole graph is in sight: what is not is not drawn."""

OVERVIEW = "sales_overview_sandbox.html"
OVERVIEW_PATH = re.compile(r"/\S+sales_overview_sandbox\.html")
FEWEST_CHARTS = 4

ASSETS = "{ assetNodes { assetKey { path } groupName dependencyKeys { path } } }"
RUNS = "{ runsOrError { ... on Runs { results { runId status } } } }"


@contextmanager
def browser_page():
    """A page, and the errors that scripts raised in it."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=SEEN_SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport=SIZE)
        page.set_default_timeout(SEEN_SECONDS * 1000)
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        yield page, problems
        browser.close()


class Screen:
    """The Dagster UI in a browser, and the steps a person takes in it."""

    def __init__(self, page, url, pictures):
        from playwright.sync_api import expect

        self.page, self.url, self.pictures, self.expect = page, url, pictures, expect

    def open(self, path):
        self.page.goto(f"{self.url}{path}")

    def picture(self, name):
        if self.pictures:
            self.page.screenshot(path=str(self.pictures / f"{name}.png"))

    def button(self, name):
        return self.page.get_by_role("button", name=name)

    def see(self, text, **how):
        self.expect(self.page.get_by_text(text, **how).first).to_be_visible()

    def nodes(self):
        return ask(self.url, ASSETS)["assetNodes"]

    def after(self, name):
        """All that comes after an asset."""
        depends = {
            node["assetKey"]["path"][0]: {key["path"][0] for key in node["dependencyKeys"]}
            for node in self.nodes()
        }
        found = {name}
        while more := {each for each in depends if depends[each] & found} - found:
            found |= more
        return found - {name}

    def draw_graph(self):
        """Every asset is in the graph, with every group open."""
        nodes = self.nodes()
        groups = sorted({node["groupName"] for node in nodes})
        self.page.set_viewport_size(TALL)
        self.open(f"/asset-groups?expanded={','.join(f'global@global:{each}' for each in groups)}")
        self.expect(self.drawn).to_have_count(len(nodes))
        self.page.set_viewport_size(SIZE)
        return {node["assetKey"]["path"][0] for node in nodes}

    @property
    def drawn(self):
        """The assets in sight of a graph, however small."""
        return self.page.locator('foreignObject[style*="overflow: visible"]')

    def see_automation_on(self, names):
        self.open("/automation")
        for name in names:
            row = self.page.locator(":has(> * input[type=checkbox])", has_text=name).last
            self.expect(row.locator("input[type=checkbox]").last).to_be_checked()

    def open_downstream(self, name):
        """From an asset's page to the graph of all that comes after it."""
        self.open(f"/assets/{name}")
        self.page.get_by_role("tab", name="Lineage").click()
        self.button("Downstream").click()
        self.drawn.nth(1).wait_for()
        whole = self.page.get_by_role("button", name="All", exact=True)
        if whole.is_enabled():
            whole.click()
        self.expect(self.drawn).to_have_count(len(self.after(name)) + 1)

    def materialize_today(self):
        """Materialize what the graph shows; ends on the run's page, when it is green."""
        before = {run["runId"] for run in runs(self.url)}
        self.button("Materialize all").click()
        self.button("Latest").click()
        self.button("Launch 1 run").click()

        def launched():
            (run,) = {run["runId"] for run in runs(self.url)} - before
            return run

        self.open(f"/runs/{until(launched)}")
        self.see("Success", exact=True)

    def see_metadata(self):
        self.open("/assets/deals?view=events")
        for name in ("rows_loaded", "rows_updated", "newest_change", "requests", "seconds_asking"):
            self.see(name, exact=True)
        self.picture("materialization")
        self.see("preview", exact=True)
        link = self.page.get_by_text("[Show Markdown]").first
        if link.count():  # Dagster shows short Markdown without it
            link.click()
        self.expect(self.page.locator("th", has_text="currency").last).to_be_visible()

    def see_plots(self):
        self.open("/assets/deals")
        self.button("Plots").click()
        self.expect(self.page.locator("canvas").first).to_be_visible()

    def see_checks(self):
        self.open("/assets/deals?view=checks")
        self.see("Succeeded", exact=True)
        self.see("Passed", exact=True)

    def see_overview(self):
        """The charts draw among the asset's metadata, and in the page that it names."""
        self.open("/assets/sales_overview?view=events")
        told = self.page.locator("tr", has_text="file").filter(has_text=OVERVIEW)
        path = OVERVIEW_PATH.search(told.first.inner_text())[0]
        self.page.get_by_text("[Show Markdown]").first.click()
        self.expect(self.page.locator("img[src^='data:image/svg']").first).to_be_visible()
        until(lambda: all_drawn(self.page.locator("img[src^='data:image/svg']"), "naturalWidth"))
        self.page.goto(f"file://{path}")
        charts = self.page.locator("section svg")
        self.expect(charts.nth(FEWEST_CHARTS - 1)).to_be_visible()
        all_drawn(charts, "getBBox().width")
        self.picture("sales-overview")


def all_drawn(pictures, width):
    """None is empty."""
    assert FEWEST_CHARTS <= pictures.count()
    assert [] == [one for one in pictures.all() if not one.evaluate(f"e => e.{width} > 100")]


def runs(url):
    return ask(url, RUNS)["runsOrError"]["results"]


def first_run(url):
    """Its identifier, when it has succeeded: the sensor launches it."""
    first = runs(url)[-1:]
    assert ["SUCCESS"] == [run["status"] for run in first]
    return first[0]["runId"]


def test_automation_loads_the_sandbox_a_person_materializes_and_history_stays(project, tmp_path):
    with dagster_dev(project, tmp_path / "dev.log") as url:
        run = until(lambda: first_run(url), seconds=300)
        everything_is_there_and_on(ask(url))
        assert [(True,)] == project.query("SELECT count(*) > 50 FROM deals")
        if CHROMIUM:
            a_person_materializes_deals_and_sees_it_green(url)
    with dagster_dev(project, tmp_path / "again.log") as url:
        assert run in {one["runId"] for one in runs(url)}


def everything_is_there_and_on(data):
    (repository,) = data["repositoriesOrError"]["nodes"]
    assert {entity.name for entity in DEFAULT_ENTITIES} | set(READS) == {
        node["key"]["path"][0] for node in data["assetsOrError"]["nodes"]
    }
    assert {"RUNNING"} == {one["scheduleState"]["status"] for one in repository["schedules"]}
    assert {"RUNNING"} == {one["sensorState"]["status"] for one in repository["sensors"]}


def a_person_materializes_deals_and_sees_it_green(url):
    with browser_page() as (page, problems):
        screen = Screen(page, url, PICTURES)
        assert {entity.name for entity in DEFAULT_ENTITIES} <= screen.draw_graph()
        screen.see_automation_on(
            ["pipedrive_daily_schedule", "pipedrive_weekly_schedule", "pipedrive_freshness_sensor"]
        )
        screen.open_downstream("deals")
        screen.materialize_today()
        screen.see_metadata()
        screen.see_plots()
        screen.see_checks()
        screen.see_overview()
        screen.open_downstream("deals")
        screen.picture("asset-graph")

    assert [] == problems
