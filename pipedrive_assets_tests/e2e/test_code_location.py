"""Two accounts in a code location of somebody else's, each step in a process of its own."""

from contextlib import ExitStack, closing

import duckdb
import psycopg2
import pytest

from pipedrive_assets.registry import BY_NAME
from pipedrive_assets.sandbox import Limits, Sandbox, World, serve
from pipedrive_assets.windows import utc_now
from pipedrive_assets_tests.truth import account_rows

LOCATION = """
import os

import dagster as dg
from dagster_duckdb import DuckDBResource

from pipedrive_assets import pipedrive_definitions
from pipedrive_assets.config import Settings


@dg.asset(deps=[dg.AssetKey(["acme", "deals"]), dg.AssetKey(["globex", "deals"])])
def users(duckdb: DuckDBResource):
    with duckdb.get_connection() as connection:
        connection.execute("CREATE TABLE mine AS SELECT 1 AS id")


accounts = {
    "acme": Settings(
        token_variable="ACME_TOKEN", base_url=os.environ["ACME_URL"], deleted="purge"
    ),
    "globex": Settings(
        token_variable="GLOBEX_TOKEN", base_url=os.environ["GLOBEX_URL"], preview="off"
    ),
}
tables = ["deals", "stages", "custom_fields_mapping", "fields"]
defs = dg.Definitions.merge(
    dg.Definitions(
        assets=[users],
        resources={"duckdb": DuckDBResource(database="theirs.duckdb")},
        executor=dg.multiprocess_executor,
    ),
    pipedrive_definitions(accounts=accounts, tables=tables),
)
"""
MISLEADING = {
    "PIPEDRIVE_API_TOKEN": "of-nobody",
    "PIPEDRIVE_DATASET": "from_environment",
    "PIPEDRIVE_TABLES": "users",
}


def rows(connection, schema):
    """Tables of a schema, deals that are not deleted, and all schemas."""
    cursor = connection.cursor()

    def fetch(sql):
        cursor.execute(sql)
        return cursor.fetchall()

    every = fetch("SELECT table_schema, table_name FROM information_schema.tables")
    deals = fetch(f"SELECT id, title FROM {schema}.deals WHERE _deleted_at IS NULL")
    return {name for where, name in every if where == schema}, deals, {where for where, _ in every}


@pytest.mark.parametrize(
    ("destination", "selection"),
    [("duckdb", "*"), ("postgres", "*users,acme/stages,globex/stages")],
)
def test_two_accounts_load_side_by_side_in_processes_of_their_own(
    project, destination, selection, request
):
    (project.folder / "location.py").write_text(LOCATION)
    (project.folder / "dagster.yaml").unlink()
    (project.folder / "workspace.yaml").unlink()
    accounts = {
        name: Sandbox(
            World(seed=seed, deals=deals, instant=utc_now()),
            api_token=f"token-of-{name}-0123456789",
            limits=Limits(burst=120),
        )
        for name, seed, deals in (("acme", 1, 20), ("globex", 2, 35))
    }
    environment = {"DAGSTER_HOME": str(project.folder), **MISLEADING}
    (project.folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with ExitStack() as stack:
        if destination == "postgres":
            url = request.getfixturevalue("server").new_database()
            environment["DESTINATION__POSTGRES__CREDENTIALS"] = url
            environment["PIPEDRIVE_DESTINATION"] = "postgres"
        for name, sandbox in accounts.items():
            environment[f"{name.upper()}_TOKEN"] = sandbox.api_token
            environment[f"{name.upper()}_URL"] = stack.enter_context(serve(sandbox)).url
        done = project.run(
            f"dagster asset materialize --select '{selection}' --partition {utc_now():%Y-%m-%d} "
            "-f location.py",
            timeout=600,
            **environment,
        )

        assert 0 == done.returncode, done.stdout[-3000:]
        found = {}
        for name in accounts:
            file = project.folder / "data" / f"{name}.duckdb"
            opened = psycopg2.connect(url) if destination == "postgres" else duckdb.connect(file)
            with closing(opened) as connection:
                found[name] = rows(connection, f"pipedrive_{name}")

    assert "Launching subprocess for" in done.stdout
    for name, (tables, deals, schemas) in found.items():
        assert {"deals", "stages"} <= tables
        assert "users" not in tables
        held = account_rows(accounts[name], BY_NAME["deals"])
        assert {row["id"]: row["title"] for row in held if not row["is_deleted"]} == dict(deals)
        assert not {"from_environment", "pipedrive_data"} & schemas
    assert found["acme"][1] != found["globex"][1]
    assert (project.folder / "theirs.duckdb").exists()
    for sandbox in accounts.values():
        assert sandbox.api_token not in done.stdout
