"""`plan`: the token cost of the next load."""

from collections.abc import Sequence

from pipedrive_assets.api import DOWNLOAD_TOKENS
from pipedrive_assets.cli.output import print_table
from pipedrive_assets.cli.table_names import entities_of
from pipedrive_assets.config import Settings
from pipedrive_assets.load import LoadRequest
from pipedrive_assets.load.attachments.waiting import count_attachments
from pipedrive_assets.load.tokens.estimate import AccountNote, Estimate, account_note, estimate
from pipedrive_assets.load.tokens.explain import next_load, sentences
from pipedrive_assets.warehouse import ledger, warehouse_of
from pipedrive_assets.windows import utc_now


def plan(tables: Sequence[str], *, full: bool) -> None:
    """Print the token cost per table, and what it means for the account.

    Args:
        tables: Names of tables; empty: those of the settings.
        full: Estimate a load that reads each table from the start.
    """
    settings = Settings.from_env()
    request = next_load(settings, entities_of(tables, settings), full=full)
    estimates, note, attachments = _look_up(settings, request)
    rows = [(one.entity.name, f"{one.rows:,}", one.shown_tokens, one.why) for one in estimates]
    print_table(("table", "rows held", "tokens", "how"), rows)
    print()
    for line in sentences(estimates, note, request):
        print(line)
    if attachments:
        print(
            f"{attachments:,} attachments are to be downloaded within the same cap, which takes "
            f"{attachments * DOWNLOAD_TOKENS:,} tokens."
        )


def _look_up(settings: Settings, request: LoadRequest) -> tuple[list[Estimate], AccountNote, int]:
    """Estimate from the warehouse if there is one; none is created.

    Returns:
        The estimate of each table, the account, and the number of attachments to download.
    """
    now = utc_now()
    warehouse = warehouse_of(settings)
    try:
        if not warehouse.exists():
            return estimate(None, request, now), account_note(None, now), 0
        with warehouse.sql() as sql:
            ledger.prepare(sql)
            attachments = count_attachments(sql, request, now)
            return estimate(sql, request, now), account_note(sql, now), attachments
    finally:
        warehouse.close()
