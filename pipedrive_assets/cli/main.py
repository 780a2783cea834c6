"""The commands, their arguments and help texts.

What a command runs is imported when it runs, so that `--help` is quick.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pipedrive_assets.cli.command import Group, exit_code
from pipedrive_assets.cli.own_process import collect_garbage_rarely

CONTINUES = "Rows already loaded are kept. Run the command again; it continues from there."
TABLES = click.argument("tables", nargs=-1, metavar="[TABLE]...")
FILE = click.Path(path_type=Path)
PORT = click.IntRange(0, 65_535)


@click.group(cls=Group)
@click.version_option(package_name="pipedrive-assets", message="%(package)s %(version)s")
def commands() -> None:
    """Load a Pipedrive account into your own warehouse.

    Settings come from the environment, then from .env. The API token may also be in
    .dlt/secrets.toml. Without an API token, commands use the sandbox: an invented company.
    """


@commands.command("try")
def try_sandbox() -> None:
    """Load an invented company, without an account.

    Runs the job that loads all tables, in this process, into data/sandbox.duckdb. Each further run
    loads the next day of the invented company.
    """
    from pipedrive_assets.cli.try_sandbox import try_sandbox

    try_sandbox()


@commands.command(alerts=True, interrupted=CONTINUES)
@TABLES
@click.option("--full", is_flag=True, help="Read the tables from the start; rows stay readable.")
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Accept lost rows: mark rows of reference tables as deleted, however many are missing, "
    "and remove child records that Pipedrive no longer returns although their deal counts them.",
)
def load(tables: tuple[str, ...], *, full: bool, accept_loss: bool) -> None:
    """Load tables without Dagster.

    Brings the given tables up to date; without names, all tables that the settings select.
    """
    from pipedrive_assets.cli.load import load

    load(tables, full=full, accept_loss=accept_loss)


@commands.command()
@TABLES
@click.option("--full", is_flag=True, help="Estimate `load --full`.")
def plan(tables: tuple[str, ...], *, full: bool) -> None:
    """Estimate the token cost of the next load.

    Shows the token cost per table, and the number of days if a cap delays a part. Uses the
    warehouse only; no request is sent to Pipedrive.
    """
    from pipedrive_assets.cli.plan import plan

    plan(tables, full=full)


@commands.command(alerts=True, interrupted=CONTINUES)
@TABLES
@click.option(
    "--children",
    is_flag=True,
    help="Also read the participants, products etc. of every deal again (10 tokens per request).",
)
@click.option(
    "--accept-loss",
    is_flag=True,
    help="Accept lost rows: mark rows as deleted, however many are missing, and (with --children) "
    "remove child records that Pipedrive no longer returns although their deal counts them.",
)
def reconcile(tables: tuple[str, ...], *, children: bool, accept_loss: bool) -> None:
    """Find deleted, merged and hidden records.

    Reads the lists of the given tables completely, loads missing rows, and marks rows that
    Pipedrive no longer lists. Without names: all tables that are loaded incrementally.
    """
    from pipedrive_assets.cli.reconcile import reconcile

    reconcile(tables, children=children, accept_loss=accept_loss)


@commands.command()
@click.option("--send", is_flag=True, help="Post it to PIPEDRIVE_ALERT_WEBHOOK.")
def digest(*, send: bool) -> int:
    """Show the weekly digest.

    Prints the figures of the last seven days that the digest posts once a week: deals and
    activities, what changed, and records that need care. Uses the warehouse only.
    """
    from pipedrive_assets.cli.digest import digest

    return digest(send=send)


@commands.command(interrupted="The person may not be erased completely. Run the command again.")
@click.option("--person", type=int, required=True, metavar="ID", help="Id of the person.")
@click.option("--undo", is_flag=True, help="Remove the person from the list of erased persons.")
@click.option(
    "--raw",
    type=click.Choice(["keep", "delete"]),
    help="What happens to the replies in PIPEDRIVE_RAW_TO: all stay, or all are deleted.",
)
@click.option(
    "--files",
    type=click.Choice(["keep", "delete"]),
    help="What happens to downloaded attachments that belong to the person and another record.",
)
def purge(*, person: int, undo: bool, raw: str | None, files: str | None) -> None:
    """Erase a person from every table.

    For erasure requests. Later loads leave the person out. No request is sent to Pipedrive: delete
    the person there as well. Raw replies are not edited: with PIPEDRIVE_RAW_TO, --raw is required.
    Downloaded attachments that belong to the person only are deleted.
    """
    from pipedrive_assets.cli.purge import purge

    purge(person, raw, files, undo=undo)


@commands.command()
def entities() -> None:
    """List all tables, with endpoint and token cost."""
    from pipedrive_assets.cli.entities import entities

    entities()


@commands.command()
@click.option("--port", type=PORT, default=8123, show_default=True, help="TCP port.")
@click.option(
    "--token",
    default="sandbox",
    show_default=True,
    help="API token of the account. Give each of several accounts another one.",
)
def sandbox(*, port: int, token: str) -> None:
    """Serve the invented company at http://127.0.0.1."""
    from pipedrive_assets.cli.sandbox import sandbox

    sandbox(port, token)


@commands.command()
@click.option("--quick", is_flag=True, help="Do not request a row of each table; costs 2 tokens.")
@click.option("--accounts", metavar="MODULE:NAME", help="Check each account of this mapping.")
def doctor(accounts: str | None, *, quick: bool) -> int:
    """Check settings, account and warehouse.

    Checks settings, API token, permissions, limits, warehouse and clock, and shows a remedy for
    each problem. Requests one row of each selected table. The exit code is 0 unless a check fails.
    """
    from pipedrive_assets.cli.doctor import doctor

    return doctor(accounts, quick=quick)


@commands.group()
def dlt() -> None:
    """Complete the files of a dlt project."""


@dlt.command()
@click.argument("file", type=FILE, default="requirements.txt")
@click.option("--from", "source", metavar="SOURCE", help="A folder, a wheel, or a git URL.")
def requirements(file: Path, source: str | None) -> None:
    """Have a requirements file install this package from where it came from.

    `dlt init` writes the name pipedrive-assets into requirements.txt, which is on no package index
    yet. This command replaces it by the folder, the wheel or the git commit that the package was
    installed from, or by SOURCE.
    """
    from pipedrive_assets.cli.requirements import requirements

    requirements(file, source)


@commands.group()
def dbt() -> None:
    """Generate files for a dbt project."""


@dbt.command()
@click.option("--output", type=FILE, help="File to write, for example models/sources.yml.")
@click.option("--accounts", metavar="MODULE:NAME", help="One source per account of this mapping.")
@click.option("--key-prefix", default="", help="Prefix of your Dagster asset keys, as in crm.")
def sources(output: Path | None, accounts: str | None, key_prefix: str) -> None:
    """Print the tables as dbt sources.

    Lists the selected tables that the warehouse has, with descriptions, tests of keys and
    references, and freshness. Before the first load, all selected tables.
    """
    from pipedrive_assets.cli.dbt import sources

    sources(output, accounts, key_prefix)


@commands.command(
    interrupted="The files that manifest.json lists are complete. Run the command again for the "
    "other tables."
)
@click.option("--to", "url", required=True, metavar="URL", help="A folder, or a URL of fsspec.")
@TABLES
@click.option("--prune", is_flag=True, help="Remove replaced files now, not in the next export.")
@click.option(
    "--format",
    "kind",
    type=click.Choice(["parquet", "delta"]),
    default="parquet",
    show_default=True,
    help="Whether each table is also a Delta table.",
)
def export(url: str, tables: tuple[str, ...], kind: str, *, prune: bool) -> None:
    """Export tables as Parquet files or Delta tables.

    Writes the given tables to a folder or an object store; without names, all tables that the
    warehouse has. Later exports write only files whose rows have changed. manifest.json names the
    current files; it is replaced after each table is complete.
    """
    from pipedrive_assets.cli.export import export

    export(url, tables, is_delta=kind == "delta", prune=prune)


@commands.command(
    interrupted="The new warehouse is not complete. Delete it, and run the command again."
)
@click.option("--from", "url", required=True, metavar="URL", help="The PIPEDRIVE_RAW_TO of loads.")
@click.option("--to", "target", type=FILE, help="New DuckDB file; default: PIPEDRIVE_WAREHOUSE.")
def rebuild(url: str, target: Path | None) -> None:
    """Rebuild a warehouse from raw replies.

    Repeats every load, reconciliation and erasure that PIPEDRIVE_RAW_TO has kept since the first
    load of a warehouse, and writes a new one with the same rows. No request is sent to Pipedrive.
    """
    from pipedrive_assets.cli.rebuild import rebuild

    rebuild(url, target)


@commands.command()
@click.argument("a")
@click.argument("b")
@TABLES
@click.option(
    "--examples",
    "most_examples",
    type=click.IntRange(0, 1000),
    default=3,
    show_default=True,
    help="Most rows of each kind to show per table.",
)
@click.option(
    "--personal",
    "shows_personal",
    is_flag=True,
    help="Show the values of columns with personal data.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--at",
    multiple=True,
    metavar="TIME",
    help="Compare the histories of A at this time, and of B now or at a second --at.",
)
def diff(
    a: str, b: str, tables: tuple[str, ...], at: tuple[str, ...], *, as_json: bool, **how: Any
) -> int:
    """Compare two warehouses, or two copies of one.

    A and B are DuckDB files, as PATH or PATH:DATASET, or PostgreSQL, as postgres or
    postgres:DATASET. Shows per table the rows that only one has, and the columns of rows that
    differ. The exit code is 0 if they are equal, 1 if they differ.
    """
    from pipedrive_assets.cli.diff import diff
    from pipedrive_assets.compare import Comparison

    if len(at) > 2:
        raise click.UsageError("Pass --at once for A, or twice for A and B.")
    return diff(a, b, Comparison(tables=tables, **how), at, as_json=as_json)


@commands.command()
@click.option(
    "--project",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with .env and the warehouse; by default the current one.",
)
@click.option(
    "--show",
    multiple=True,
    metavar="TABLE.COLUMN",
    help="Do not mask this column with personal data; may be repeated.",
)
@click.option("--show-personal", is_flag=True, help="Mask nothing.")
@click.option(
    "--rows",
    type=click.IntRange(1, 100_000),
    default=500,
    show_default=True,
    help="Most rows of a reply.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=20,
    show_default=True,
    help="Longest time that a query may run.",
)
def mcp(
    project: Path | None, show: tuple[str, ...], *, show_personal: bool, rows: int, seconds: float
) -> None:
    """Serve the warehouse to an AI assistant, read-only.

    A server of the Model Context Protocol on standard input and output: it lists and describes
    tables, runs SELECT statements, and shows freshness and token costs. Personal data is masked.
    """
    from pipedrive_assets.errors import extra_needed

    with extra_needed("the MCP server"):
        from pipedrive_assets.cli.mcp import mcp

    mcp(project, show, show_personal=show_personal, rows=rows, seconds=seconds)


@commands.command()
@click.option(
    "--port", type=PORT, default=8124, show_default=True, help="Port of the callback URL."
)
@click.option("--timeout", type=float, default=300, show_default=True, help="Seconds to wait.")
@click.option("--no-browser", is_flag=True, help="Only print the address of the consent page.")
@click.option("--accounts", metavar="MODULE:NAME", help="Mapping of several accounts.")
@click.option("--account", metavar="NAME", help="The account of the mapping to sign in to.")
def login(
    port: int, timeout: float, accounts: str | None, account: str | None, *, no_browser: bool
) -> None:
    """Sign in with an OAuth app.

    Opens Pipedrive's consent page and writes the tokens to the file of PIPEDRIVE_TOKEN_FILE. Needs
    PIPEDRIVE_CLIENT_ID and PIPEDRIVE_CLIENT_SECRET. The app's callback URL has to be
    http://localhost:8124/callback, with the port of --port.
    """
    from pipedrive_assets.cli.login import login, settings_to_sign_in

    login(settings_to_sign_in(accounts, account), port, timeout, opens_browser=not no_browser)


@commands.command(
    interrupted="Nothing is lost: run again with the last state that the target wrote."
)
@click.option("-c", "--config", type=FILE, required=True, help="JSON file with api_token etc.")
@click.option("-s", "--state", type=FILE, help="JSON file: the last state that a target wrote.")
@click.option("--catalog", type=FILE, help="JSON file: output of --discover, with your selection.")
@click.option("-p", "--properties", type=FILE, help="Deprecated alias of --catalog.")
@click.option("-d", "--discover", is_flag=True, help="Write the catalog and exit.")
def singer(
    config: Path,
    state: Path | None,
    catalog: Path | None,
    properties: Path | None,
    *,
    discover: bool,
) -> None:
    """Run the Singer tap.

    Writes Singer messages to standard output, and log lines to standard error.
    """
    from pipedrive_assets.cli.singer import run_tap

    run_tap(config, state, catalog or properties, discover=discover)


def tap(argv: Sequence[str] | None = None) -> int:
    """Run `tap-pipedrive`, the command `singer` by itself.

    Args:
        argv: The arguments; None: those of the process, which runs only this command.

    Returns:
        The exit code.
    """
    return _run(singer, argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m pipedrive_assets`.

    Args:
        argv: The arguments; None: those of the process, which runs only this command.

    Returns:
        The exit code.
    """
    return _run(commands, argv)


def _run(command: click.Command, argv: Sequence[str] | None) -> int:
    if argv is None:
        collect_garbage_rarely()
    return exit_code(command, argv)
