"""Settings: every value parsed; the only reader of the environment.

A value comes from the environment, else from `.env` in the project root; the api token also
from `.dlt/secrets.toml`. `setting_table` lists them.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from pipedrive_assets.config import files
from pipedrive_assets.config.table import ACCOUNT_WAREHOUSE, SETTINGS, SHARED_HOST, Setting
from pipedrive_assets.config.values import may_hold_secrets
from pipedrive_assets.errors import ConfigurationError, MissingTokenError
from pipedrive_assets.registry import DEFAULT_ENTITIES, ENTITIES, Entity

FILE_DESTINATION = "duckdb"
SANDBOX_WAREHOUSE = "data/sandbox.duckdb"

_BY_NAME = {setting.name: setting for setting in SETTINGS}
_POINTERS = ("PIPEDRIVE_BASE_URL", "PIPEDRIVE_WAREHOUSE", "PIPEDRIVE_DESTINATION")
SECRETS = ("PIPEDRIVE_API_TOKEN", "PIPEDRIVE_ALERT_WEBHOOK")
"""Settings whose values are never shown."""
_FRESHNESS = "PIPEDRIVE_FRESHNESS_"
_FRESH_GROUPS = [name.removeprefix(_FRESHNESS) for name in _BY_NAME if _FRESHNESS in name]


def default_freshness() -> dict[str, timedelta | None]:
    """The tolerances that hold where nothing is set."""
    rows = {name: _BY_NAME[f"{_FRESHNESS}{name}"] for name in _FRESH_GROUPS}
    return {name.lower(): row.parse(row.default) for name, row in rows.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, parsed.

    `repr` leaves the api token out.
    """

    root: Path
    api_token: str = field(default="", repr=False)
    base_url: str = SHARED_HOST
    first_partition: date = date(2026, 1, 1)
    since: datetime | None = None
    warehouse: Path
    destination: str = FILE_DESTINATION
    """dlt's name for where the tables are; `warehouse` counts for DuckDB alone."""

    dataset: str = "pipedrive_data"
    sandbox: str = "auto"
    entities: tuple[Entity, ...] = field(default=DEFAULT_ENTITIES, repr=False)
    excluded: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)
    daily_at: str = "02:15"
    overlap: timedelta = timedelta(minutes=5)
    recheck_days: int = 30
    recheck_flow_days: int = 0
    reconcile_max_share: float = 0.2
    tokens_per_day: int | None = None
    tokens_per_run: int | None = None
    reconcile_at: str | None = "45 3 * * 0"
    """As a cron expression, UTC; None: off."""

    schedule: bool = True
    sensor: bool = True
    freshness: Mapping[str, timedelta | None] = field(default_factory=default_freshness)
    """Tolerance by group, and for `files`; None: left to the daily run."""

    executor: str = "in_process"
    read_copy: Path | None = None
    file_mode: int = 0o640
    alert_webhook: str = field(default="", repr=False)
    purge_deleted: bool = False
    asset_owners: tuple[str, ...] = ()
    asset_tags: Mapping[str, str] = field(default_factory=dict)
    asset_group: str | None = None
    preview: str = "masked"
    points_to_account: tuple[str, ...] = ()
    sandbox_instant: datetime | None = None
    """The moment at which the sandbox's company is seen; none: now."""

    @property
    def uses_sandbox(self) -> bool:
        """Whether the invented company stands in.

        Raises MissingTokenError where something points to an account but no api token was
        found.
        """
        if self.api_token:
            return False
        if self.points_to_account:
            raise MissingTokenError(
                f"No api token was found, but {self.points_to_account[0]} points to an account. "
                "Set PIPEDRIVE_API_TOKEN (environment, .env or .dlt/secrets.toml), "
                "or remove what points there to run on the sandbox's invented data."
            )
        return True

    def named(self, names: Iterable[str]) -> tuple[Entity, ...]:
        """The entities of these names in the registry's order, without the columns that are to be
        kept out.
        """
        wanted = set(names)
        return tuple(
            replace(entity, excluded=self.excluded.get(entity.name, frozenset()))
            for entity in ENTITIES
            if entity.name in wanted
        )

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, root: Path | None = None
    ) -> "Settings":
        """Read the environment, `.env` and `.dlt/secrets.toml` below `root` (default: the working
        directory).

        Raises ConfigurationError: one sentence that names the setting, the value and the remedy.
        """
        root = (root or Path.cwd()).absolute()
        found = files.found(os.environ if environ is None else environ, root)
        given = {name: value for name, (value, _) in found.items()}
        parsed = {name: parse(_BY_NAME[name], given.get(name, "")) for name in _BY_NAME}
        settings = _of(root, parsed, _pointers(given, root))
        if not settings.api_token and not settings.points_to_account:
            settings = replace(settings, warehouse=root / SANDBOX_WAREHOUSE)
        _check(settings)
        names = {entity.name for entity in settings.entities}
        return replace(settings, entities=settings.named(names))


def _of(root: Path, parsed: Mapping[str, Any], pointers: Iterable[str]) -> Settings:
    """The parsed values in their fields."""
    return Settings(
        root=root,
        api_token=parsed["PIPEDRIVE_API_TOKEN"] or "",
        base_url=parsed["PIPEDRIVE_BASE_URL"],
        first_partition=parsed["PIPEDRIVE_FIRST_PARTITION"],
        since=parsed["PIPEDRIVE_SINCE_TIMESTAMP"],
        warehouse=_path(root, parsed["PIPEDRIVE_WAREHOUSE"]),
        destination=parsed["PIPEDRIVE_DESTINATION"],
        dataset=parsed["PIPEDRIVE_DATASET"],
        sandbox=parsed["PIPEDRIVE_SANDBOX"],
        entities=parsed["PIPEDRIVE_TABLES"],
        excluded=parsed["PIPEDRIVE_EXCLUDE_COLUMNS"] or {},
        daily_at=parsed["PIPEDRIVE_DAILY_AT"],
        overlap=parsed["PIPEDRIVE_OVERLAP_MINUTES"],
        recheck_days=parsed["PIPEDRIVE_RECHECK_DAYS"],
        recheck_flow_days=parsed["PIPEDRIVE_RECHECK_FLOW_DAYS"],
        purge_deleted=parsed["PIPEDRIVE_DELETED"] == "purge",
        reconcile_max_share=parsed["PIPEDRIVE_RECONCILE_MAX_SHARE"] / 100,
        tokens_per_day=parsed["PIPEDRIVE_TOKENS_PER_DAY"],
        tokens_per_run=parsed["PIPEDRIVE_TOKENS_PER_RUN"],
        reconcile_at=parsed["PIPEDRIVE_RECONCILE_AT"],
        schedule=parsed["PIPEDRIVE_SCHEDULE"],
        sensor=parsed["PIPEDRIVE_SENSOR"],
        freshness={name.lower(): parsed[f"{_FRESHNESS}{name}"] for name in _FRESH_GROUPS},
        executor=parsed["PIPEDRIVE_EXECUTOR"],
        read_copy=_path(root, parsed["PIPEDRIVE_READ_COPY"]),
        file_mode=parsed["PIPEDRIVE_FILE_MODE"],
        alert_webhook=parsed["PIPEDRIVE_ALERT_WEBHOOK"] or "",
        asset_owners=parsed["PIPEDRIVE_ASSET_OWNERS"] or (),
        asset_tags=parsed["PIPEDRIVE_ASSET_TAGS"] or {},
        asset_group=parsed["PIPEDRIVE_ASSET_GROUP"],
        preview=parsed["PIPEDRIVE_PREVIEW"],
        points_to_account=tuple(pointers),
    )


def _check(settings: Settings) -> None:
    if settings.destination != FILE_DESTINATION:
        if settings.read_copy:
            raise ConfigurationError(
                f"PIPEDRIVE_READ_COPY is for DuckDB: {settings.destination} has any number of "
                "readers. Remove it."
            )
        return
    if settings.warehouse.suffix != ".duckdb":
        _refuse(_BY_NAME["PIPEDRIVE_WAREHOUSE"], str(settings.warehouse))
    if _clashes(settings.warehouse, settings.dataset):
        raise ConfigurationError(
            f"PIPEDRIVE_DATASET is {settings.dataset!r}, which is also the name of the file "
            f"{settings.warehouse.name}: DuckDB cannot tell them apart. Rename one of the two."
        )
    if settings.read_copy:
        _check_read_copy(settings, settings.read_copy)


def _check_read_copy(settings: Settings, copy: Path) -> None:
    """A copy in its own place, under a name that DuckDB can tell from the dataset."""
    row = _BY_NAME["PIPEDRIVE_READ_COPY"]
    if copy.suffix != ".duckdb" or copy.is_dir():
        _refuse(row, str(copy))
    if copy.resolve() == settings.warehouse.resolve():
        raise ConfigurationError(f"{row.name} is the warehouse itself. Give it a file of its own.")
    if _clashes(copy, settings.dataset):
        raise ConfigurationError(
            f"{row.name} has the dataset's name, {settings.dataset!r}: DuckDB cannot tell them "
            "apart. Rename the copy."
        )


def _clashes(file: Path, dataset: str) -> bool:
    """Whether DuckDB would confuse a file with a schema: it names a database after its file, up to
    the first dot, and ignores case.
    """
    return file.name.partition(".")[0].lower() == dataset.lower()


def _path(root: Path, text: str | None) -> Any:
    """Absolute, relative ones being below `root`; None for nothing."""
    return root / Path(text).expanduser() if text else None


def _pointers(given: Mapping[str, str], root: Path) -> list[str]:
    """What says that an account is meant, so that invented data may not stand in for it."""
    found = [name for name in _POINTERS if name in given and given[name] != FILE_DESTINATION]
    if given.get("PIPEDRIVE_SANDBOX") == "never":
        found.append("PIPEDRIVE_SANDBOX=never")
    if (root / ACCOUNT_WAREHOUSE).exists():
        found.append(f"the warehouse {ACCOUNT_WAREHOUSE}")
    return found


def parse(setting: Setting, text: str) -> Any:
    """A setting's value; None where there is neither text nor default.

    Raises ConfigurationError.
    """
    text = text or setting.default
    if not text:
        return None
    try:
        return setting.parse(text)
    except (ValueError, OverflowError):
        _refuse(setting, text)


def _refuse(setting: Setting, text: str) -> None:
    hidden = setting.name in SECRETS or (
        setting.name == "PIPEDRIVE_BASE_URL" and may_hold_secrets(text)
    )
    shown = "the value given" if hidden else repr(text)
    raise ConfigurationError(f"{setting.name}: {shown} is not usable. {setting.remedy}") from None
