"""SETTINGS: every setting, its default and its meaning; the only reader of the environment.

A value comes from the environment, else from `.env` in the project root; the api token also
from `.dlt/secrets.toml`. README's table is generated from SETTINGS.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from pipedrive_assets import setting_files
from pipedrive_assets import setting_values as values
from pipedrive_assets.entities import DEFAULT_ENTITIES, Entity
from pipedrive_assets.errors import ConfigurationError, MissingTokenError
from pipedrive_assets.selection import select

SHARED_HOST = "https://api.pipedrive.com"
SANDBOX_WAREHOUSE = "data/sandbox.duckdb"
ACCOUNT_WAREHOUSE = "data/warehouse.duckdb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One row of the table: the name in the environment, the default as typed, what it is for."""

    name: str
    default: str
    help: str
    parse: Callable[[str], Any] = str
    remedy: str = ""


SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="PIPEDRIVE_API_TOKEN",
        default="",
        help="The api token of the Pipedrive user to read as; a global admin sees every row.",
        parse=values.api_token,
        remedy="Copy it again from Pipedrive > Personal preferences > API, on one line.",
    ),
    Setting(
        name="PIPEDRIVE_BASE_URL",
        default=SHARED_HOST,
        help="Where the API is: a URL, or the company domain (`acme`, `acme.pipedrive.com`).",
        parse=values.base_url,
        remedy="Give https://api.pipedrive.com, your company domain, or http on this machine.",
    ),
    Setting(
        name="PIPEDRIVE_FIRST_PARTITION",
        default="2026-01-01",
        help="The first daily partition (UTC). The first load brings all history all the same.",
        parse=values.day,
        remedy="Give a date such as 2026-01-01.",
    ),
    Setting(
        name="PIPEDRIVE_SINCE_TIMESTAMP",
        default="",
        help="Limits history: the first load then reads only records changed since (UTC).",
        parse=values.moment,
        remedy="Give a moment such as 2025-01-01 or 2025-01-01T08:00:00Z.",
    ),
    Setting(
        name="PIPEDRIVE_WAREHOUSE",
        default=ACCOUNT_WAREHOUSE,
        help="The DuckDB file to load into, relative to the project root.",
        remedy="Give a path that ends in .duckdb.",
    ),
    Setting(
        name="PIPEDRIVE_DATASET",
        default="pipedrive_data",
        help="The schema that holds the tables.",
        parse=values.identifier,
        remedy="Give a name of lower-case letters, digits and underscores.",
    ),
    Setting(
        name="PIPEDRIVE_SANDBOX",
        default="auto",
        help="`auto`: without an api token the sandbox stands in; `never`: that is an error.",
        parse=values.one_of("auto", "never"),
        remedy="Give auto or never.",
    ),
    Setting(
        name="PIPEDRIVE_TABLES",
        default="default",
        help="What to load: `default`, and `+name` or `-name`, such as `default,+projects,-files`.",
        parse=select,
    ),
    Setting(
        name="PIPEDRIVE_DAILY_AT",
        default="02:15",
        help="When the daily schedule ticks (UTC); it closes the newest day that has ended.",
        parse=values.clock,
        remedy="Give an hour and minute such as 02:15.",
    ),
    Setting(
        name="PIPEDRIVE_OVERLAP_MINUTES",
        default="5",
        help="How far each window reaches back over the one before it.",
        parse=values.minutes,
        remedy="Give a whole number of minutes from 0 to 1440.",
    ),
    Setting(
        name="PIPEDRIVE_RECHECK_DAYS",
        default="30",
        help="Within how many days the daily run reads each deal's children again; 0: never.",
        parse=values.number_up_to(3650),
        remedy="Give a whole number of days from 0 to 3650.",
    ),
    Setting(
        name="PIPEDRIVE_RECONCILE_MAX_SHARE",
        default="20",
        help="The share of a table (in %) that may vanish at once before `reconcile` refuses.",
        parse=values.number_up_to(100),
        remedy="Give a whole number of percent from 0 to 100.",
    ),
    Setting(
        name="PIPEDRIVE_TOKENS_PER_DAY",
        default="",
        help=(
            "API tokens that deal histories, participants and optional tables may take a day; 0: "
            "no cap. Default: half of the account's daily limit, 15000 where it does not tell."
        ),
        parse=values.tokens,
        remedy="Give a whole number of tokens such as 15000, or 0 for no cap.",
    ),
    Setting(
        name="PIPEDRIVE_TOKENS_PER_RUN",
        default="",
        help="The same for one run; 0: no cap. Default: only the day's cap counts.",
        parse=values.tokens,
        remedy="Give a whole number of tokens such as 5000, or 0 for no cap.",
    ),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}
_POINTERS = ("PIPEDRIVE_BASE_URL", "PIPEDRIVE_WAREHOUSE", "PIPEDRIVE_DESTINATION")


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
    dataset: str = "pipedrive_data"
    sandbox: str = "auto"
    entities: tuple[Entity, ...] = field(default=DEFAULT_ENTITIES, repr=False)
    daily_at: str = "02:15"
    overlap: timedelta = timedelta(minutes=5)
    recheck_days: int = 30
    reconcile_max_share: float = 0.2
    tokens_per_day: int | None = None
    tokens_per_run: int | None = None
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

    @classmethod
    def from_env(
        cls, environ: Mapping[str, str] | None = None, root: Path | None = None
    ) -> "Settings":
        """Read the environment, `.env` and `.dlt/secrets.toml` below `root` (default: the working
        directory).

        Raises ConfigurationError: one sentence that names the setting, the value and the remedy.
        """
        root = (root or Path.cwd()).absolute()
        found = setting_files.found(os.environ if environ is None else environ, root)
        given = {name: value for name, (value, _) in found.items()}
        parsed = {name: parse(_BY_NAME[name], given.get(name, "")) for name in _BY_NAME}
        settings = cls(
            root=root,
            api_token=parsed["PIPEDRIVE_API_TOKEN"] or "",
            base_url=parsed["PIPEDRIVE_BASE_URL"],
            first_partition=parsed["PIPEDRIVE_FIRST_PARTITION"],
            since=parsed["PIPEDRIVE_SINCE_TIMESTAMP"],
            warehouse=root / Path(parsed["PIPEDRIVE_WAREHOUSE"]).expanduser(),
            dataset=parsed["PIPEDRIVE_DATASET"],
            sandbox=parsed["PIPEDRIVE_SANDBOX"],
            entities=parsed["PIPEDRIVE_TABLES"],
            daily_at=parsed["PIPEDRIVE_DAILY_AT"],
            overlap=parsed["PIPEDRIVE_OVERLAP_MINUTES"],
            recheck_days=parsed["PIPEDRIVE_RECHECK_DAYS"],
            reconcile_max_share=parsed["PIPEDRIVE_RECONCILE_MAX_SHARE"] / 100,
            tokens_per_day=parsed["PIPEDRIVE_TOKENS_PER_DAY"],
            tokens_per_run=parsed["PIPEDRIVE_TOKENS_PER_RUN"],
            points_to_account=tuple(_pointers(given, root)),
        )
        if not settings.api_token and not settings.points_to_account:
            settings = replace(settings, warehouse=root / SANDBOX_WAREHOUSE)
        _check(settings)
        return settings


def _check(settings: Settings) -> None:
    if settings.warehouse.suffix != ".duckdb":
        _refuse(_BY_NAME["PIPEDRIVE_WAREHOUSE"], str(settings.warehouse))
    if settings.warehouse.stem == settings.dataset:
        raise ConfigurationError(
            f"PIPEDRIVE_DATASET is {settings.dataset!r}, which is also the name of the file "
            f"{settings.warehouse.name}: DuckDB cannot tell them apart. Rename one of the two."
        )


def _pointers(given: Mapping[str, str], root: Path) -> list[str]:
    """What says that an account is meant, so that invented data may not stand in for it."""
    found = [name for name in _POINTERS if name in given]
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
    shown = "the value given" if setting.name == "PIPEDRIVE_API_TOKEN" else repr(text)
    raise ConfigurationError(f"{setting.name}: {shown} is not usable. {setting.remedy}") from None
