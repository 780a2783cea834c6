"""The dataset of a plain pipeline: not shared with the Dagster project, and maybe without NUL."""

import contextlib

from dlt.common.destination.exceptions import DestinationException
from dlt.common.pipeline import SupportsPipeline
from dlt.destinations.job_client_impl import SqlJobClientBase
from dlt.pipeline.pipeline import Pipeline

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.warehouse.dialect import DUCKDB
from pipedrive_assets.warehouse.statements import table, table_exists

LEDGER = "_pipedrive_account"


def refuse_shared_dataset(pipeline: SupportsPipeline | None) -> None:
    """Raise ConfigurationError where the Dagster project loads into this pipeline's dataset.

    A destination that cannot be asked is not judged here: the load will say what is wrong with it.
    """
    if not isinstance(pipeline, Pipeline) or pipeline.destination is None:
        return
    if not issubclass(pipeline.destination.client_class, SqlJobClientBase):
        return
    held = False
    with contextlib.suppress(DestinationException, OSError), pipeline.sql_client() as sql:
        held = (
            sql.has_dataset()
            and table_exists(sql, LEDGER)
            and bool(sql.execute_sql(f"SELECT 1 FROM {table(sql, LEDGER)} LIMIT 1"))
        )
    if held:
        raise ConfigurationError(
            f"The dataset {pipeline.dataset_name} is loaded by the Dagster project, which keeps "
            "its memory there. Nothing was loaded. Give dlt.pipeline another dataset_name."
        )


def stores_nul(pipeline: SupportsPipeline | None) -> bool:
    """Whether what this pipeline loads into can store the NUL character.

    Files and DuckDB can, and so can whoever reads the resources without a pipeline. A destination
    that is not known yet may be a database that cannot.
    """
    if not isinstance(pipeline, Pipeline):
        return pipeline is None
    if pipeline.destination is None:
        return False
    if not issubclass(pipeline.destination.client_class, SqlJobClientBase):
        return True
    return pipeline.destination.capabilities().sqlglot_dialect == DUCKDB
