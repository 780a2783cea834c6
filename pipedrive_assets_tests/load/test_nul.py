"""DuckDB stores the NUL character, so it stays there."""

import dlt
import pytest

from pipedrive_assets.dlt_source.dataset import stores_nul
from pipedrive_assets.registry import DEFAULT_ENTITIES
from pipedrive_assets_tests.nul_replies import with_nul

WITH_NUL = "SELECT count(*) > 0 FROM persons WHERE contains(name, chr(0))"


@pytest.mark.slow
def test_nul_stays_in_duckdb_and_blocks_no_table(make_office):
    office = make_office(deals=4)
    office.sandbox.inject(with_nul())
    names = [entity.name for entity in DEFAULT_ENTITIES]

    first = office.load(*names)
    again = office.load(*names)

    assert not any(report.unread for report in first.values())
    assert 0 == sum(report.written.updated for report in again.values())
    assert [(True,)] == office.query(WITH_NUL)


@pytest.mark.parametrize(
    ("destination", "expected"),
    [("duckdb", True), ("filesystem", True), ("postgres", False), (None, False)],
)
def test_a_plain_pipeline_removes_nul_unless_its_destination_stores_it(
    tmp_path, destination, expected
):
    pipeline = dlt.pipeline("any", pipelines_dir=str(tmp_path), destination=destination)
    assert expected == stores_nul(pipeline)
    pipeline.deactivate()
    assert stores_nul(None)
