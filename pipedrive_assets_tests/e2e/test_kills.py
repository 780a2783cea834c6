"""A run is killed at some point; the next run leaves what a load without a kill leaves."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipedrive_assets.load.raw_zone import RawZone
from pipedrive_assets.sandbox import serve
from pipedrive_assets_tests.conftest import Office
from pipedrive_assets_tests.load.test_rebuild import assert_equal, rebuilt

ROOT = Path(__file__).parents[2]
LISTS = ("persons", "notes", "stages")
DEALS = ("deals", "deals_participants", "deals_products")
RECONCILED = ("persons", "deals", "notes")

POINTS = [
    *(("initial load", place, 1) for place in ("define", "insert", "merge", "note")),
    ("initial load", "insert", 3),
    ("initial load", "commit", 3),
    ("initial load", "request", 9),
    ("initial load", "coverage", 2),
    *(("window", place, 1) for place in ("replace", "insert", "merge", "note")),
    ("window", "insert", 2),
    ("window", "request", 4),
    *(("children", place, 1) for place in ("insert", "children")),
    ("children", "request", 12),
    *(("reconciliation", place, 1) for place in ("commit", "mark", "marked", "done")),
    ("reconciliation", "seen", 2),
]
"""Phase, place, and at which call of it."""

IN_E2E = {
    ("initial load", "insert", 3),
    ("initial load", "note", 1),
    ("window", "replace", 1),
    ("children", "children", 1),
    ("reconciliation", "mark", 1),
}
"""Points that `make e2e` tries; the others are for `make soak`."""


def prepared(office: Office, phase: str, zone: RawZone) -> tuple[str, ...]:
    """What is there before the run that is killed, and its tables."""
    if phase == "initial load":
        return LISTS
    tables = {"window": LISTS, "children": DEALS, "reconciliation": RECONCILED}[phase]
    if phase == "children":
        office.load("deals", raw=zone)
        return tables
    office.load(*tables, raw=zone)
    office.advance(minutes=20)
    for key in office.world.ids("persons")[:5]:
        office.world.edit("persons", key, name=f"Edited {key}")
    office.world.edit("notes", office.world.ids("notes")[0], content="edited")
    if phase == "reconciliation":
        for table in RECONCILED:
            office.world.hide(table, office.world.ids(table)[1])
        office.world.delete("persons", office.world.ids("persons")[-1])
    return tables


@pytest.mark.parametrize(
    ("phase", "place", "nth"),
    [pytest.param(*each, marks=() if each in IN_E2E else pytest.mark.soak) for each in POINTS],
)
def test_after_a_kill_one_more_run_leaves_what_a_clean_load_and_a_rebuild_would_have(
    make_office, tmp_path, phase, place, nth
):
    office, zone = make_office(deals=6), RawZone(url=str(tmp_path / "raw"), file_mode=0o640)
    tables = prepared(office, phase, zone)
    again = office.reconcile if phase == "reconciliation" else office.load
    spec = {
        "token": office.sandbox.api_token,
        "warehouse": str(office.warehouse.path),
        "now": office.sandbox.now.isoformat(),
        "tables": tables,
        "reconcile": phase == "reconciliation",
        "place": place,
        "nth": nth,
        "raw": zone.url,
    }
    with serve(office.sandbox) as server:
        killed = subprocess.run(
            [sys.executable, "-m", "pipedrive_assets_tests.killed_run"],
            input=json.dumps({**spec, "url": server.url}),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert -signal.SIGKILL == killed.returncode, killed.stderr

    again(*tables, raw=zone)

    found = office.differences(*tables)
    assert [] == found
    for table in tables:
        doubled = f"SELECT id FROM {table} GROUP BY ALL HAVING count(*) > 1"
        if table in {"deals_participants", "deals_products"}:
            doubled = f"SELECT deal_id, id FROM {table} GROUP BY ALL HAVING count(*) > 1"
        assert [] == office.query(doubled)
    assert_equal(office, rebuilt(zone, tmp_path))
