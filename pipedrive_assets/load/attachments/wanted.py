"""Decides which attachments a load takes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipedrive_assets.api import Expected
from pipedrive_assets.config.download_rules import DownloadRule, allowing, extension_of
from pipedrive_assets.load.attachments.notes import (
    ERASED,
    FAILED,
    REFUSED,
    REMOTE,
    STORED,
    Note,
)

STORED_BY_PIPEDRIVE = frozenset({None, "", "s3"})
"""Values of `remote_location` of files that Pipedrive has itself."""

WEB_PAGES = frozenset({"htm", "html", "xhtml"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedFile:
    """A file to take.

    Attributes:
        note: The id, size and update time of its row.
        before: What the ledger has of it.
        expected: What the download has to fulfil.
        remote: Where the file is, if Pipedrive has only a link; else empty.
    """

    note: Note
    before: Note | None
    expected: Expected
    remote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """The circumstances of a load.

    Attributes:
        location: Where contents are stored, without credentials.
        now: The time of the load, UTC.
        paths: The paths of all stored contents, for a load that takes everything again that is
            missing; None: the ledger is trusted.
    """

    location: str
    now: datetime
    paths: Collection[str] | None = None


def files_to_take(
    files: Iterable[tuple[Mapping[str, Any], Note | None]],
    rules: Sequence[DownloadRule],
    here: Here,
) -> list[WantedFile]:
    """Return the files that the rules allow and that are due, in the given order.

    Args:
        files: Rows of `files`, and what the ledger has of each.
        rules: Which files are downloaded.
        here: The circumstances of the load.
    """
    found = []
    for row, before in files:
        if rule := allowing(rules, row):
            file = _wanted(row, before, rule)
            if before is None or _is_due(file, before, here):
                found.append(file)
    return found


def _wanted(row: Mapping[str, Any], before: Note | None, rule: DownloadRule) -> WantedFile:
    remote = row["remote_location"]
    return WantedFile(
        note=Note(file_id=row["id"], row_size=row["file_size"], row_update_time=row["update_time"]),
        before=before,
        expected=Expected(
            size=row["file_size"] or None,
            below=rule.below,
            is_page=extension_of(row) in WEB_PAGES,
        ),
        remote="" if remote in STORED_BY_PIPEDRIVE else remote,
    )


def _is_due(file: WantedFile, before: Note, here: Here) -> bool:
    """Whether to take a file that the ledger has."""
    if before.status == ERASED:
        return False
    if file.remote:
        return before.status != REMOTE
    if before.row_size != file.note.row_size:
        return True
    if before.status == STORED:
        is_gone = here.paths is not None and before.path not in here.paths
        return is_gone or before.location != here.location
    return here.paths is not None or _may_succeed(file, before, here.now)


def _may_succeed(file: WantedFile, before: Note, now: datetime) -> bool:
    """Whether to request a file again that is not stored."""
    if before.status == REFUSED:
        return before.row_update_time != file.note.row_update_time
    if before.status == FAILED and before.next_attempt_at:
        return now >= before.next_attempt_at
    return True
