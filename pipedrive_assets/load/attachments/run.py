"""Downloads the attachments that the rules name, after all tables are loaded.

The content of a file is at a path that is its hash, so equal contents are stored once. The ledger
has the hash before the content is stored: if a run is killed in between, the next one completes it
without a request.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipedrive_assets import errors
from pipedrive_assets.api import FileBody
from pipedrive_assets.extract.unexpected import as_pipedrive_error
from pipedrive_assets.load.attachments import notes
from pipedrive_assets.load.attachments.erase import delete_contents
from pipedrive_assets.load.attachments.notes import Note
from pipedrive_assets.load.attachments.report import AttachmentReport
from pipedrive_assets.load.attachments.target import AttachmentTarget
from pipedrive_assets.load.attachments.wanted import Here, WantedFile, files_to_take
from pipedrive_assets.load.context import Context
from pipedrive_assets.load.report import TableReport
from pipedrive_assets.load.tokens.usage import ATTACHMENTS
from pipedrive_assets.warehouse.ledger import STATEMENT_ROWS

log = logging.getLogger(__name__)

PARTS, PART_BYTES = 25, 50_000_000
"""So many files, or bytes, are downloaded before they are stored and the ledger is updated."""

MOST_IN_A_ROW = 10
"""After so many refusals or failures in a row, the cause is not the files, and the run stops."""

_OF_THE_ACCOUNT = (errors.PipedrivePaymentRequiredError, errors.ScopeMissing)
_REFUSALS = (errors.Refused, errors.BadRequest)


def with_attachments(
    reports: Iterator[TableReport], context: Context, target: AttachmentTarget
) -> Iterator[TableReport]:
    """Download attachments after all tables are loaded, if `files` was loaded.

    Args:
        reports: The reports of the tables, in the order in which they end.
        context: The load.
        target: Which files are downloaded, and where they are stored.

    Yields:
        The reports; that of `files` comes last and has the report on attachments.
    """
    loaded: TableReport | None = None
    for report in reports:
        if report.entity.name == "files" and not report.error and not report.skipped:
            loaded = report
        else:
            yield report
    if loaded is None:
        return
    downloads = AttachmentReport(stats=context.spending.capped_stats())
    try:
        with context.warehouse.table_lock(notes.NOTES):
            _Downloads(context, target, downloads).run()
    except Exception as error:  # noqa: BLE001 - the tables are loaded, whatever fails here
        loaded = replace(loaded, error=as_pipedrive_error(error, "attachments"))
    tokens = context.spending.spent()
    yield replace(loaded, attachments=downloads, tokens=tokens)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A downloaded file that is not stored yet."""

    note: Note
    file: Path
    size: int


class _Downloads:
    """The downloads of one load. The ledger is updated for several files at once."""

    def __init__(
        self, context: Context, target: AttachmentTarget, report: AttachmentReport
    ) -> None:
        self._context, self._target, self._report = context, target, report
        self._warehouse, self._store = context.warehouse, target.store
        self._parts: list[_Part] = []
        self._notes: list[Note] = []
        self._in_a_row = 0

    def run(self) -> None:
        """Delete what was erased, then download what is missing, newest first."""
        context = self._context
        full_paths = self._store.paths() if context.request.full else None
        with self._warehouse.sql() as sql:
            self._report.deleted = delete_contents(sql, self._store)
            here = Here(location=str(self._store), now=context.now, paths=full_paths)
            files = files_to_take(notes.live_files(sql), self._target.rules, here)
        self._warehouse.release()
        if files:
            log.info("Downloading up to %s attachments to %s", f"{len(files):,}", self._store)
        try:
            self._take_all(files)
        except Exception:
            self._keep()
            raise
        self._keep()

    def _take_all(self, files: Sequence[WantedFile]) -> None:
        done = 0
        try:
            for file in files:
                self._take(file)
                done += 1
                if self._is_full():
                    self._keep()
                    log.info("%s of %s attachments", f"{done:,}", f"{len(files):,}")
        except errors.CapReached as reached:
            self._report.waiting = len(files) - done
            self._report.reason, self._report.resumes_at = reached.reason, reached.resumes_at

    def _take(self, file: WantedFile) -> None:
        if file.remote:
            self._report.remote += 1
            message = f"Pipedrive has only a link to this file, which is in {file.remote}."
            self._notes.append(file.note.without_content(notes.REMOTE, message))
        elif not self._is_held(file):
            try:
                self._download(file)
            except _OF_THE_ACCOUNT:
                raise
            except _REFUSALS as refusal:
                self._report.refused += 1
                self._note_failure(file, notes.REFUSED, refusal)
            except errors.TooManyRequests:
                raise
            except errors.TransientApiError as failure:
                self._report.failed += 1
                self._note_failure(file, notes.FAILED, failure)
            else:
                self._in_a_row = 0

    def _is_held(self, file: WantedFile) -> bool:
        """Whether the content is stored although the ledger does not say so; if so, note it."""
        before = file.before
        if not (before and before.path and before.row_size == file.note.row_size):
            return False
        if not self._store.holds(before.path, before.size or 0):
            return False
        self._notes.append(
            replace(
                before,
                status=notes.STORED,
                location=str(self._store),
                row_update_time=file.note.row_update_time,
            )
        )
        return True

    def _download(self, file: WantedFile) -> None:
        file_id = file.note.file_id
        part = self._warehouse.folder / f"attachment-{file_id}"
        try:
            with part.open("w+b") as written:
                body = FileBody(written, file.expected)
                self._context.client.download(
                    f"v1/files/{file_id}/download", body, stats=self._report.stats
                )
        except errors.PipedriveError:
            part.unlink()
            raise
        note = replace(
            file.note,
            status=notes.STORING,
            path=f"{body.sha256[:2]}/{body.sha256}",
            sha256=body.sha256,
            size=body.size,
            location=str(self._store),
            downloaded_at=self._context.moment(),
            attempted_at=self._context.now,
        )
        self._parts.append(_Part(note=note, file=part, size=body.size))

    def _note_failure(self, file: WantedFile, status: str, error: errors.ApiError) -> None:
        """Note why a file is not stored; raise the error if no file can be."""
        said = error.quote or "no reply"
        message = f"{error.status}: {said}" if error.status else said
        tried = replace(
            file.note,
            attempts=(file.before.attempts if file.before else 0) + 1,
            attempted_at=self._context.now,
        )
        self._notes.append(tried.without_content(status, message))
        if isinstance(error, errors.Missing):
            return
        self._in_a_row += 1
        if self._in_a_row == MOST_IN_A_ROW:
            raise error

    def _is_full(self) -> bool:
        """Whether to store what was downloaded: a killed run downloads it again."""
        size = sum(part.size for part in self._parts)
        is_full = len(self._parts) >= PARTS or size >= PART_BYTES
        return is_full or len(self._notes) >= STATEMENT_ROWS

    def _keep(self) -> None:
        """Store downloaded files; the ledger has their hashes before the store has them."""
        parts, self._parts = self._parts, []
        noted, self._notes = self._notes, []
        self._record([*noted, *(part.note for part in parts)])
        for part in parts:
            if self._store.holds(str(part.note.path), part.size):
                self._report.already_stored += 1
            else:
                self._store.upload(part.file, str(part.note.path))
            part.file.unlink()
            self._report.downloaded += 1
            self._report.size += part.size
        self._record([replace(part.note, status=notes.STORED) for part in parts])

    def _record(self, made: Sequence[Note]) -> None:
        """Write notes to the ledger, and release the warehouse for other runs."""
        if made:
            with self._warehouse.sql() as sql:
                notes.record(sql, made)
                self._context.spending.note(sql, ATTACHMENTS, self._report.stats)
            self._warehouse.release()
