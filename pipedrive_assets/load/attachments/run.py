"""Downloads the attachments that the rules name, after all tables are loaded.

The content of a file is at a path that is its hash, so equal contents are stored once. The ledger
has the hash before the content is stored: if a run is killed in between, the next one completes it
without a request.
"""

import logging
from collections.abc import Iterator
from dataclasses import replace
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

log = logging.getLogger(__name__)

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


class _Downloads:
    """The downloads of one load."""

    def __init__(
        self, context: Context, target: AttachmentTarget, report: AttachmentReport
    ) -> None:
        self._context, self._target, self._report = context, target, report
        self._warehouse, self._store = context.warehouse, target.store
        self._in_a_row = 0

    def run(self) -> None:
        """Delete what was erased, then download what is missing, newest first."""
        context = self._context
        full_paths = self._store.paths() if context.request.full else None
        with self._warehouse.sql() as sql:
            self._report.deleted = delete_contents(sql, self._store)
            here = Here(location=str(self._store), now=context.now, paths=full_paths)
            files = files_to_take(notes.live_files(sql), self._target.rules, here)
        if files:
            log.info("Downloading up to %s attachments to %s", f"{len(files):,}", self._store)
        done = 0
        try:
            for file in files:
                self._take(file)
                done += 1
        except errors.CapReached as reached:
            self._report.waiting = len(files) - done
            self._report.reason, self._report.resumes_at = reached.reason, reached.resumes_at

    def _take(self, file: WantedFile) -> None:
        if file.remote:
            self._report.remote += 1
            message = f"Pipedrive has only a link to this file, which is in {file.remote}."
            self._record(file.note.without_content(notes.REMOTE, message))
        elif not self._is_held(file):
            self._warehouse.release()
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
        """Whether the content is stored although the ledger does not say so; if so, record it."""
        before = file.before
        if not (before and before.path and before.row_size == file.note.row_size):
            return False
        if not self._store.holds(before.path, before.size or 0):
            return False
        self._record(
            replace(
                before,
                status=notes.STORED,
                location=str(self._store),
                row_update_time=file.note.row_update_time,
            )
        )
        return True

    def _download(self, file: WantedFile) -> None:
        part, path = self._warehouse.folder / "attachment", f"v1/files/{file.note.file_id}/download"
        try:
            with part.open("w+b") as written:
                body = FileBody(written, file.expected)
                self._context.client.download(path, body, stats=self._report.stats)
            self._keep(file, body, part)
        finally:
            part.unlink(missing_ok=True)

    def _keep(self, file: WantedFile, body: FileBody, part: Path) -> None:
        """Store a downloaded file; the ledger has the hash before the store has the content."""
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
        self._record(note)
        self._warehouse.release()
        if self._store.holds(str(note.path), body.size):
            self._report.already_stored += 1
        else:
            self._store.upload(part, str(note.path))
        self._record(replace(note, status=notes.STORED))
        self._report.downloaded += 1
        self._report.size += body.size

    def _note_failure(self, file: WantedFile, status: str, error: errors.ApiError) -> None:
        """Record why a file is not stored; raise the error if no file can be."""
        said = error.quote or "no reply"
        message = f"{error.status}: {said}" if error.status else said
        tried = replace(
            file.note,
            attempts=(file.before.attempts if file.before else 0) + 1,
            attempted_at=self._context.now,
        )
        self._record(tried.without_content(status, message))
        if isinstance(error, errors.Missing):
            return
        self._in_a_row += 1
        if self._in_a_row == MOST_IN_A_ROW:
            raise error

    def _record(self, note: Note) -> None:
        with self._warehouse.sql() as sql:
            notes.record(sql, note)
            self._context.spending.note(sql, ATTACHMENTS, self._report.stats)
