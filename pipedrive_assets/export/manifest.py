"""The manifest of an export: which files have the current state of each table."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from pipedrive_assets.errors import ConfigurationError, WrongAccountError

NAME = "manifest.json"
FORMAT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A Parquet file with the rows of some loads.

    Attributes:
        path: Its path, relative to the manifest.
        rows: The number of its rows.
        first_load: The first `_dlt_load_id` of its rows.
        last_load: The last one. No other file of the table has rows of loads in between.
        fingerprint: A number that depends on all values of its rows.
    """

    path: str
    rows: int
    first_load: str
    last_load: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableState:
    """The current state of a table.

    Attributes:
        exported_at: When it was exported, UTC.
        complete_until: Up to when the table was complete then, UTC; null for lists.
        columns: The type of each column. All files have these columns.
        files: Its files, at least one.
    """

    exported_at: str
    complete_until: str | None
    columns: Mapping[str, str]
    files: tuple[DataFile, ...]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(file.rows for file in self.files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The current state of an export.

    Attributes:
        company_id: The Pipedrive company.
        company_name: Its name.
        is_sandbox: Whether it is invented data.
        tables: The state of each table.
        retired: Files of the previous state, which readers may still be reading.
        is_delta: Whether each table has a Delta log.
    """

    company_id: int
    company_name: str
    is_sandbox: bool
    tables: Mapping[str, TableState] = field(default_factory=dict)
    retired: tuple[str, ...] = ()
    is_delta: bool = False

    @property
    def files(self) -> set[str]:
        """The paths of all files of the current state."""
        return {file.path for state in self.tables.values() for file in state.files}

    def to_json(self) -> bytes:
        """Return the manifest as JSON."""
        tables = {
            name: {**asdict(state), "rows": state.rows} for name, state in self.tables.items()
        }
        text = json.dumps(
            {"format": FORMAT, **asdict(self), "tables": tables}, ensure_ascii=False, indent=1
        )
        return text.encode()


def from_json(content: bytes, place: str) -> Manifest:
    """Parse a manifest.

    Args:
        content: The content of the file.
        place: Where it is, for error messages.

    Returns:
        The manifest.

    Raises:
        ConfigurationError: The file is no manifest, or one of a later version.
    """
    try:
        found = json.loads(content)
        version = found.pop("format")
        if version == FORMAT:
            tables = {name: _state(state) for name, state in found.pop("tables").items()}
            return Manifest(**{**found, "tables": tables, "retired": tuple(found["retired"])})
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigurationError(
            f"{place} is not a manifest of this project. Nothing was written. Choose another "
            "target, or delete the file to export everything again."
        ) from None
    raise ConfigurationError(
        f"{place} was written by another version of this project (format {version}). Nothing was "
        "written. Upgrade pipedrive-assets."
    )


def _state(found: Mapping[str, Any]) -> TableState:
    kept = {name: value for name, value in found.items() if name != "rows"}
    return TableState(**{**kept, "files": tuple(DataFile(**file) for file in found["files"])})


def check_account(held: Manifest, company_id: int, *, is_sandbox: bool, place: str) -> None:
    """Check that an export belongs to the account of the warehouse.

    Args:
        held: The manifest of the export.
        company_id: The company of the warehouse.
        is_sandbox: Whether the warehouse has invented data.
        place: Where the export is, for error messages.

    Raises:
        WrongAccountError: The export has the data of another account.
    """
    if (held.company_id, held.is_sandbox) != (company_id, is_sandbox):
        raise WrongAccountError(
            f"{place} has the data of {held.company_name} ({held.company_id}), but the warehouse "
            f"has those of company {company_id}. Nothing was written. Choose another target."
        )
