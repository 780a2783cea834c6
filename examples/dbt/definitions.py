"""Pipedrive's tables, dbt models built on them, and an asset of your own in one code location."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import (
    DagsterDbtTranslator,
    DagsterDbtTranslatorSettings,
    DbtCliResource,
    DbtProject,
    dbt_assets,
)
from dagster_duckdb import DuckDBResource

from pipedrive_assets import pipedrive_definitions

# `eager()` alone waits until no partition of a table is missing, and tables have one per day.
AFTER_LOADS = dg.AutomationCondition.eager().without(~dg.AutomationCondition.any_deps_missing())

project = DbtProject(project_dir=Path(__file__).parent)
project.prepare_if_dev()


class Translator(DagsterDbtTranslator):
    """Runs models after loads. The asset keys of the tables are in `models/sources.yml`."""

    def get_asset_spec(
        self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetSpec:
        """Return the spec of a model."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        return spec.replace_attributes(automation_condition=AFTER_LOADS)


# Lists and views of a table, such as deals_readable, have the asset key of the table. A model may
# read several of them: without metadata, their dependencies are equal.
translator = Translator(
    DagsterDbtTranslatorSettings(
        enable_duplicate_source_asset_keys=True, enable_source_metadata=False
    )
)


# The assets of the tables have checks of their own, so the tests of sources are left to CI.
@dbt_assets(manifest=project.manifest_path, exclude="source:*", dagster_dbt_translator=translator)
def dbt_models(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build the selected models and test them."""
    yield from dbt.cli(["build"], context=context).stream()


@dg.asset(deps=["deals"])
def won_deals(duckdb: DuckDBResource) -> dg.MaterializeResult[Any]:
    """Count the deals that were won, in the warehouse itself."""
    with duckdb.get_connection() as connection:
        ((count,),) = connection.execute(
            "SELECT count(*) FROM pipedrive_data.deals WHERE status = 'won' AND _deleted_at IS NULL"
        ).fetchall()
    return dg.MaterializeResult(metadata={"deals": count})


defs = dg.Definitions.merge(
    pipedrive_definitions(),
    dg.Definitions(
        assets=[dbt_models, won_deals],
        resources={"dbt": DbtCliResource(project_dir=project)},
        executor=dg.in_process_executor,
    ),
)
