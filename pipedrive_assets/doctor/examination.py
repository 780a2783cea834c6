"""Runs all checks, in the order in which a load would run into the problems."""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from pipedrive_assets.config import FILE_DESTINATION, Settings
from pipedrive_assets.connect import ME_TOKENS, Connection, connect
from pipedrive_assets.doctor.account_checks import check_clock, check_limits, check_user
from pipedrive_assets.doctor.dagster_checks import check_home
from pipedrive_assets.doctor.finding import Finding, of_error, ok
from pipedrive_assets.doctor.folder_checks import check_folders
from pipedrive_assets.doctor.rights import check_rights, cost, probes
from pipedrive_assets.doctor.scopes import check_scopes
from pipedrive_assets.doctor.server_checks import check_server, check_server_holder
from pipedrive_assets.doctor.settings_checks import check_settings
from pipedrive_assets.doctor.warehouse_checks import check_holder, check_warehouse
from pipedrive_assets.errors import PipedriveError
from pipedrive_assets.windows import utc_now


def examine(
    environ: Mapping[str, str],
    root: Path,
    *,
    probing: bool = True,
    connecting: Callable[[Settings], Connection] = connect,
    now: Callable[[], datetime] = utc_now,
) -> Iterator[Finding]:
    """Run all checks. Nothing is written, neither to Pipedrive nor to the warehouse.

    Args:
        environ: The environment variables.
        root: The folder where settings files are looked up.
        probing: Whether to request one row of each selected table, which uses tokens.
        connecting: Connects to Pipedrive or the sandbox.
        now: Returns the current time, UTC.

    Yields:
        The findings, as soon as they are known. A `PipedriveError` becomes a finding.
    """
    lines, settings = check_settings(environ, root)
    yield from lines
    yield check_home(environ, root)
    if settings is not None:
        yield from examine_account(settings, probing=probing, connecting=connecting, now=now)


def examine_account(
    settings: Settings,
    *,
    probing: bool = True,
    connecting: Callable[[Settings], Connection] = connect,
    now: Callable[[], datetime] = utc_now,
) -> Iterator[Finding]:
    """Check the warehouse and the account of one set of settings, as `examine` does.

    Args:
        settings: The settings.
        probing: Whether to request one row of each selected table, which uses tokens.
        connecting: Connects to Pipedrive or the sandbox.
        now: Returns the current time, UTC.

    Yields:
        The findings, as soon as they are known.
    """
    if settings.destination == FILE_DESTINATION:
        yield from check_warehouse(settings.warehouse)
    else:
        yield from check_server(settings)
    yield from check_folders(settings)
    try:
        connection = connecting(settings)
        yield from _account(connection, settings, now)
        if probing:
            yield from _tables(connection, settings)
    except PipedriveError as error:
        yield of_error("account", error)


def _account(
    connection: Connection, settings: Settings, now: Callable[[], datetime]
) -> Iterator[Finding]:
    client = connection.client
    me, _ = client.object("v1/users/me", cost=ME_TOKENS)
    moment = now()
    yield from check_user(me, by="OAuth app" if settings.client_id else "API token")
    yield from check_scopes(settings.entities, client.scopes)
    company = me.get("company_id")
    if isinstance(company, int):
        yield from _check_holder(settings, company, is_sandbox=connection.is_sandbox)
    if client.latest:
        yield from check_limits(client.latest)
        yield check_clock(client.latest, moment)


def _check_holder(settings: Settings, company: int, *, is_sandbox: bool) -> Iterator[Finding]:
    if settings.destination == FILE_DESTINATION:
        where = settings.warehouse, settings.dataset
        return check_holder(*where, company, is_sandbox=is_sandbox)
    return check_server_holder(settings, company, is_sandbox=is_sandbox)


def _tables(connection: Connection, settings: Settings) -> Iterator[Finding]:
    granted = connection.client.scopes
    calls = [
        probe
        for probe in probes(settings.entities)
        if not granted or probe.endpoint.is_open_to(granted)
    ]
    what = f"{len(calls)} requests, {cost(calls):,} tokens"
    yield ok("rights", f"requesting one row of each selected table ({what}; skip with --quick)")
    yield from check_rights(connection.client, calls)
