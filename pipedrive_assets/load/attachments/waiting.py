"""Counts the attachments that the next load downloads."""

from datetime import datetime

from pipedrive_assets.load.attachments.notes import live_files
from pipedrive_assets.load.attachments.wanted import Here, files_to_take
from pipedrive_assets.load.report import LoadRequest
from pipedrive_assets.warehouse.statements import Sql, table_exists


def count_attachments(sql: Sql, request: LoadRequest, now: datetime) -> int:
    """Return the number of attachments to download, as far as the warehouse has their rows.

    Args:
        sql: The warehouse; the caller holds its lock.
        request: The load.
        now: The current time, UTC.
    """
    target = request.attachments
    is_selected = any(entity.name == "files" for entity in request.entities)
    if not (target and is_selected and table_exists(sql, "files")):
        return 0
    here = Here(location=str(target.store), now=now)
    files = files_to_take(live_files(sql), target.rules, here)
    return sum(not file.remote for file in files)
