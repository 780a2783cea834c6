"""Errors of a load: replies that break a promise, caps, and tables that failed."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pipedrive_assets.errors.base import PipedriveError


class DataError(PipedriveError):
    """A reply broke a promise of the API, so that going on could lose rows."""

    exit_code = 6


class ParentNotLoaded(DataError):
    """A table is read for each row of another, which does not exist yet."""


class FieldsRefused(DataError):
    """Pipedrive refuses fields that a table already has; loading without them would empty them."""

    def __init__(self, table: str, names: Sequence[str]) -> None:
        """`names` are the fields in `include_fields` that are refused."""
        self.table, self.names = table, tuple(names)
        super().__init__(
            f"Pipedrive refuses fields of {table} that earlier runs have loaded (include_fields: "
            f"{', '.join(names)}). Nothing was loaded, because dlt would set these columns to "
            "null in every row that it replaces. Run again later; each run asks for them again. "
            f"To load {table} without them, load it again from the start: "
            f'pipeline.run(source.with_resources("{table}"), refresh="drop_resources").'
        )


class ImplausibleLoss(DataError):
    """So many rows of a table are no longer listed that something else must be wrong."""

    def __init__(
        self, table: str, *, missing: int, held: int, command: str = "reconcile", but: str = ""
    ) -> None:
        """Build the sentence.

        Args:
            table: The table's name.
            missing: How many of its rows are not listed.
            held: How many rows it holds.
            command: The command that accepts the loss, `load` or `reconcile`.
            but: What else makes the loss implausible, half a sentence.
        """
        self.table, self.missing, self.held = table, missing, held
        so = f", but {but}" if but else ""
        super().__init__(
            f"Pipedrive no longer lists {missing:,} of the {held:,} rows of {table} "
            f"({missing / held:.0%}){so}; none was marked as deleted. Check that the api token "
            "still sees everything (a global admin's does) and run again. If they really are gone, "
            "accept it: "
            f"python -m pipedrive_assets {command} {table} --accept-loss"
        )


class InternalError(PipedriveError):
    """An exception that this project did not foresee: a bug.

    `trace` is its traceback without row content. The exception itself is not attached, because its
    text may quote rows.
    """

    exit_code = 7

    def __init__(self, doing: str, fault: str, *, trace: str = "") -> None:
        """Build the sentence.

        Args:
            doing: What was going on, such as `loading deals`.
            fault: The exception in a few words that hold no row content.
            trace: The traceback.
        """
        self.trace = trace
        super().__init__(
            f"Unexpected error while {doing}: {fault}. This is a bug in pipedrive_assets; rows "
            "committed earlier are kept. Please report it with the traceback in the log."
        )


class CapReached(PipedriveError):
    """A cap of the settings forbids the next call of a table: its rest waits until `resumes_at`
    (UTC).
    """

    exit_code = 4

    def __init__(self, reason: str, resumes_at: datetime) -> None:
        """`reason` says which cap, in half a sentence."""
        self.reason, self.resumes_at = reason, resumes_at
        super().__init__(f"Waiting until {resumes_at:%Y-%m-%d %H:%M} UTC: {reason}.")


class LoadFailed(PipedriveError):
    """Some tables failed; `failures` maps each to its error.

    Every other table of the run is loaded.
    """

    def __init__(self, failures: Mapping[str, PipedriveError]) -> None:
        """The exit code is the first failure's."""
        self.failures = dict(failures)
        self.exit_code = next(iter(self.failures.values())).exit_code
        super().__init__("\n".join(f"{name}: {error}" for name, error in self.failures.items()))
