"""Errors of a load: unexpected replies, token caps, and failed tables."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from pipedrive_assets.errors.base import PipedriveError

REQUESTED = re.compile(r"GET /\S+")
"""The request in an error's text."""


class DataError(PipedriveError):
    """A reply is not as the API documents it; continuing could lose rows."""

    exit_code = 6


class ParentNotLoaded(DataError):
    """The table is read once per row of a parent table that has not been loaded."""


class RebuildError(DataError):
    """A warehouse cannot be rebuilt from raw replies; what was written so far is not complete."""


class FieldsRefused(DataError):
    """Pipedrive refuses fields that the table already has; a load would set them to null.

    Attributes:
        table: The table's name.
        names: The refused fields of `include_fields`.
    """

    table: str
    names: tuple[str, ...]

    def __init__(self, table: str, names: Sequence[str]) -> None:
        """Build the message.

        Args:
            table: The table's name.
            names: The refused fields of `include_fields`.
        """
        self.table, self.names = table, tuple(names)
        super().__init__(
            f"Pipedrive refuses fields of {table} that earlier runs have loaded (include_fields: "
            f"{', '.join(names)}). Nothing was loaded, because dlt would set these columns to "
            "null in every row that it replaces. Run again later; each run requests them again. "
            f"To load {table} without them, reload it from the start: "
            f'pipeline.run(source.with_resources("{table}"), refresh="drop_resources").'
        )


class ImplausibleLoss(DataError):
    """Too many rows are missing from Pipedrive's list to be deletions; none was marked as deleted.

    Attributes:
        table: The table's name.
        missing: Number of rows that are no longer listed.
        held: Number of rows in the table.
    """

    table: str
    missing: int
    held: int

    def __init__(
        self, table: str, *, missing: int, held: int, command: str = "reconcile", but: str = ""
    ) -> None:
        """Build the message.

        Args:
            table: The table's name.
            missing: Number of rows that are no longer listed.
            held: Number of rows in the table.
            command: The command that accepts the loss, `load` or `reconcile`.
            but: A further reason to doubt the loss, as a clause that follows "but".
        """
        self.table, self.missing, self.held = table, missing, held
        doubt = f", but {but}" if but else ""
        super().__init__(
            f"Pipedrive no longer lists {missing:,} of the {held:,} rows of {table} "
            f"({missing / held:.0%}){doubt}. No row was marked as deleted. Check that the API "
            "token can still see all records (use a global admin's token), and run again. If the "
            "rows were deleted in Pipedrive, accept the loss: "
            f"python -m pipedrive_assets {command} {table} --accept-loss"
        )


class InternalError(PipedriveError):
    """An unexpected exception: a bug in this project.

    The original exception is not attached, because its message can quote rows.

    Attributes:
        trace: The traceback, without row content.
        exit_code: Exit code of the command line.
    """

    trace: str
    exit_code = 7

    def __init__(self, doing: str, fault: str, *, trace: str = "") -> None:
        """Build the message.

        Args:
            doing: The activity, for example `loading deals`.
            fault: A short description of the exception, without row content.
            trace: The traceback, without row content.
        """
        self.trace = trace
        super().__init__(
            f"Unexpected error while {doing}: {fault}. This is a bug in pipedrive_assets; rows "
            "committed earlier are kept. Please report it with the traceback in the log."
        )


class CapReached(PipedriveError):
    """A token cap in the settings is reached; the rest of the table is read later.

    Attributes:
        reason: The cap that is reached, as a clause without a period.
        resumes_at: When the table can continue (UTC).
        exit_code: Exit code of the command line.
    """

    reason: str
    resumes_at: datetime
    exit_code = 4

    def __init__(self, reason: str, resumes_at: datetime) -> None:
        """Build the message.

        Args:
            reason: The cap that is reached, as a clause without a period.
            resumes_at: When the table can continue (UTC).
        """
        self.reason, self.resumes_at = reason, resumes_at
        super().__init__(
            f"{reason[:1].upper()}{reason[1:]}. Rows already loaded are kept. "
            f"Resumes at {resumes_at:%Y-%m-%d %H:%M} UTC."
        )


class LoadFailed(PipedriveError):
    """Some tables failed; all other tables of the run are loaded.

    Attributes:
        failures: The error of each failed table, by table name.
        exit_code: The exit code of the first failure.
    """

    failures: Mapping[str, PipedriveError]
    exit_code: int

    def __init__(self, failures: Mapping[str, PipedriveError]) -> None:
        """Build the message: one line per cause, with the tables that have it.

        Args:
            failures: The error of each failed table, by table name.
        """
        self.failures = dict(failures)
        self.exit_code = next(iter(self.failures.values())).exit_code
        super().__init__(by_cause({name: str(error) for name, error in self.failures.items()}))


def by_cause(texts: Mapping[str, str]) -> str:
    """Return one line per cause, with the tables that have it.

    Texts that differ in the requested path only have the same cause, for example an interrupted
    network. The line has the text of the first table.

    Args:
        texts: What failed, by table name.

    Returns:
        The lines, in the order of the first table of each.
    """
    tables: dict[str, list[str]] = {}
    for name, text in texts.items():
        tables.setdefault(REQUESTED.sub("", text, count=1), []).append(name)
    return "\n".join(f"{', '.join(names)}: {texts[names[0]]}" for names in tables.values())
