"""Each setting, declared once: type, default, description and remedy."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipedrive_assets.config import values
from pipedrive_assets.config.download_rules import DownloadRule, download_rules
from pipedrive_assets.config.files import API_TOKEN
from pipedrive_assets.config.row_filter import row_filters
from pipedrive_assets.config.selection import (
    excluded_columns,
    hashed_columns,
    history_tables,
    schema_policies,
    select,
)
from pipedrive_assets.config.values import parsed_by
from pipedrive_assets.registry import SchemaPolicy
from pipedrive_assets.registry.row_filter import Condition

Tolerance = Annotated[timedelta | None, parsed_by(values.tolerance)]
Tokens = Annotated[int | None, parsed_by(values.tokens)]
Days = Annotated[int, Field(ge=0, le=3650)]

A_DUCKDB_FILE = "Use a path that ends in .duckdb."
A_TOLERANCE = "Use a duration such as 30m, 1h or 2d, or daily."
DAYS = "Use a whole number of days from 0 to 3650."
ON_OR_OFF = "Use on or off."


def setting(default: Any, description: str, remedy: str = "") -> Any:
    """Declare a setting.

    Args:
        default: The default, as a user would write it.
        description: What the setting does, for README and `doctor`.
        remedy: What to do about an unusable value.

    Returns:
        The field of `SettingsTable`.
    """
    return Field(default, description=description, json_schema_extra={"remedy": remedy})


def settings_of(fields: Mapping[str, FieldInfo]) -> dict[str, FieldInfo]:
    """Return the fields that are settings; the others can be given in code only."""
    return {name: field for name, field in fields.items() if field.json_schema_extra is not None}


class SettingsTable(BaseSettings):
    """All settings; a field's name is its environment variable without `PIPEDRIVE_`.

    A field has its type, its default as a user would write it, its description and its remedy.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True
    )
    root: Path = Field(default_factory=Path.cwd)
    """The project folder, absolute."""
    points_to_account: tuple[str, ...] = ()
    """What says that an account is meant, so that sandbox data must not be loaded; computed."""
    token_variable: str = API_TOKEN
    """The environment variable that has the API token."""
    sandbox_instant: datetime | None = None
    """Load the sandbox as of this moment, whatever the other settings say."""

    api_token: Annotated[SecretStr, parsed_by(values.api_token)] = setting(
        "",
        "API token of the Pipedrive user to read as. Use a global admin: other users cannot see "
        "every row.",
        "Copy the API token again from Pipedrive > Personal preferences > API, on one line.",
    )
    client_id: Annotated[str, parsed_by(values.api_token)] = setting(
        "",
        "Client ID of an OAuth app, to read with its scopes in place of an API token; see "
        "docs/oauth.md.",
        "Copy the client ID again from Developer Hub > your app > OAuth & access scopes.",
    )
    client_secret: Annotated[SecretStr, parsed_by(values.api_token)] = setting(
        "",
        "Client secret of the OAuth app.",
        "Copy the client secret again from Developer Hub > your app > OAuth & access scopes.",
    )
    refresh_token: Annotated[SecretStr, parsed_by(values.api_token)] = setting(
        "",
        "Refresh token of the OAuth app. Without it, the one in the token file is used, which "
        "`pipedrive-assets login` writes.",
        "Use the complete refresh token, on one line.",
    )
    token_file: Path = setting(
        "data/oauth.json",
        "File that keeps the tokens of the OAuth app, relative to the project root. Only its owner "
        "may read it, and runs need to replace it.",
        "Use a file in a folder that is writable and kept between runs.",
    )
    base_url: Annotated[str, parsed_by(values.base_url)] = setting(
        "https://api.pipedrive.com",
        "Address of the API: a URL or your company domain (`acme` or `acme.pipedrive.com`).",
        "Use https://api.pipedrive.com, your company domain, or an http URL on this machine.",
    )
    first_partition: date = setting(
        "2026-01-01",
        "First daily partition (UTC). Does not limit history: the first load always reads "
        "everything.",
        "Use a date such as 2026-01-01.",
    )
    since_timestamp: Annotated[datetime | None, parsed_by(values.moment)] = setting(
        None,
        "Limits history: the first load reads only records that changed since this time (UTC).",
        "Use a date or a time such as 2025-01-01 or 2025-01-01T08:00:00Z.",
    )
    warehouse: Path = setting(
        "data/warehouse.duckdb",
        "DuckDB file to load into, relative to the project root.",
        A_DUCKDB_FILE,
    )
    destination: Annotated[str, parsed_by(values.destination)] = setting(
        "duckdb",
        "Where to load: `duckdb` (the file of `PIPEDRIVE_WAREHOUSE`) or `postgres`.",
        "Use duckdb or postgres.",
    )
    dataset: Annotated[str, parsed_by(values.dataset)] = setting(
        "pipedrive_data",
        "Schema that holds the tables.",
        "Use up to 55 lower-case letters, digits and underscores. Reserved names (pg_…, "
        "information_schema, main, temp, system) and names ending in _staging are not allowed.",
    )
    sandbox: Literal["auto", "never"] = setting(
        "auto",
        "`auto`: use invented sandbox data when no API token is set; `never`: fail instead.",
        "Use auto or never.",
    )
    tables: Annotated[tuple[str, ...], parsed_by(select)] = setting(
        "default",
        "Tables to load: `default`, plus `+name` or `-name`, for example "
        "`default,+projects,-files`.",
    )
    exclude_columns: Annotated[dict[str, frozenset[str]], parsed_by(excluded_columns)] = setting(
        "", "Columns to leave out of the warehouse, for example `persons.phones,notes.content`."
    )
    schema_policy: Annotated[dict[str, SchemaPolicy], parsed_by(schema_policies)] = setting(
        "evolve",
        "What happens if Pipedrive has new, renamed or removed fields: `evolve`: new columns are "
        "added; `alert`: the same, and the alert webhook is called; `freeze`: no column is added, "
        "and the webhook is called. For some tables only: `deals:freeze,persons:alert`.",
    )
    hash_columns: Annotated[dict[str, frozenset[str]], parsed_by(hashed_columns)] = setting(
        "",
        "Columns whose values are replaced by keyed hashes, for example `persons.emails`. Equal "
        "values have equal hashes.",
    )
    hash_key: Annotated[SecretStr, parsed_by(values.hash_key)] = setting(
        "",
        "Secret key for `PIPEDRIVE_HASH_COLUMNS`. Keep it: another key is refused.",
        "Use 16 or more characters, for example the output of openssl rand -hex 32.",
    )
    row_filter: Annotated[dict[str, tuple[Condition, ...]], parsed_by(row_filters)] = setting(
        "",
        "Conditions, separated by `;`: only rows that fulfil them are loaded, for example "
        "`deals.pipeline_id in (1, 2)`. Children of rows that are left out are not read.",
    )
    history: Annotated[frozenset[str], parsed_by(history_tables)] = setting(
        "",
        "Tables whose versions are kept: `deals,persons` adds the tables `deals_history` and "
        "`persons_history` (docs/history.md).",
        "Use table names separated by commas, such as deals,persons.",
    )
    flow_mails: Literal["once", "always"] = setting(
        "once",
        "Emails in the history of deals: `once`: `deals_flow` does not get emails that "
        "`deals_mails` has, if that table is loaded; `always`: both have them.",
        "Use once or always.",
    )
    mail_bodies: bool = setting(
        "off",
        "Whether `deals_mails`, `persons_mails` and `organizations_mails` have the bodies of "
        "emails (personal data).",
        ON_OR_OFF,
    )
    daily_at: Annotated[str, parsed_by(values.clock)] = setting(
        "02:15",
        "Time of the daily schedule (UTC). Each run loads the days that have ended.",
        "Use hours and minutes such as 02:15.",
    )
    overlap_minutes: Annotated[int, Field(ge=0, le=1440)] = setting(
        5,
        "Minutes before the end of the previous load that a load reads again, to miss no change.",
        "Use a whole number of minutes from 0 to 1440.",
    )
    recheck_days: Days = setting(
        30,
        "Read the child records of every deal again once in this many days; `0`: never.",
        DAYS,
    )
    recheck_flow_days: Days = setting(
        0,
        "Read the history of every deal again once in this many days, for 40 tokens per deal and "
        "within the token limits below; `0`: never.",
        DAYS,
    )
    deleted: Literal["mark", "purge"] = setting(
        "mark",
        "How to handle rows deleted in Pipedrive: `mark` sets `_deleted_at`, `purge` removes them "
        "from the warehouse.",
        "Use mark or purge.",
    )
    reconcile_max_share: Annotated[int, Field(ge=0, le=100)] = setting(
        20,
        "Largest share of a table (in %) that may disappear at once. If more rows are missing, "
        "none is marked as deleted.",
        "Use a whole percentage from 0 to 100.",
    )
    tokens_per_day: Tokens = setting(
        None,
        "Daily token limit for deal histories, participants, optional tables and attachments; `0`: "
        "no limit. Default: half of the account's daily limit, or 15000 if Pipedrive does not "
        "report it.",
        "Use a whole number of tokens such as 15000, or 0 for no limit.",
    )
    tokens_per_run: Tokens = setting(
        None,
        "The same limit for one run; `0`: no limit. By default only the daily limit applies.",
        "Use a whole number of tokens such as 5000, or 0 for no limit.",
    )
    reconcile_at: Annotated[str | None, parsed_by(values.weekly)] = setting(
        "sun 03:45",
        "Time of the weekly reconciliation (UTC), or `off`.",
        "Use a weekday and a time such as sun 03:45, or off.",
    )
    schedule: bool = setting(
        "on", "Whether the daily and the weekly schedule start switched on.", ON_OR_OFF
    )
    sensor: bool = setting("on", "Whether the freshness sensor starts switched on.", ON_OR_OFF)
    freshness_crm: Tolerance = setting(
        "1h",
        "Maximum age of lists of records, for example deals and persons, before the freshness "
        "sensor loads them; `daily`: only the daily schedule loads them.",
        A_TOLERANCE,
    )
    freshness_deal_details: Tolerance = setting(
        "1h",
        "Maximum age of tables that are read per deal or per other record; `daily`: only the daily "
        "schedule loads them.",
        A_TOLERANCE,
    )
    freshness_reference: Tolerance = setting(
        "daily",
        "Maximum age of reference tables, for example stages and users; `daily`: only the daily "
        "schedule loads them.",
        A_TOLERANCE,
    )
    freshness_files: Tolerance = setting(
        "daily",
        "Maximum age of files and other lists that Pipedrive cannot filter by time of change; "
        "`daily`: only the daily schedule loads them.",
        A_TOLERANCE,
    )
    executor: Literal["in_process", "multiprocess"] = setting(
        "in_process",
        "How runs execute steps: `in_process`, or each in its own process (`multiprocess`).",
        "Use in_process or multiprocess.",
    )
    read_copy: Path | None = setting(
        None,
        "Second DuckDB file that BI tools can keep open; it is replaced after each successful run.",
        A_DUCKDB_FILE,
    )
    raw_to: str = setting(
        "",
        "Folder, or URL of fsspec, in which loads keep Pipedrive's replies as compressed JSON "
        "lines (docs/raw.md). They contain personal data.",
        "Use a folder, or a URL such as s3://bucket/folder.",
    )
    download_files: Annotated[tuple[DownloadRule, ...], parsed_by(download_rules)] = setting(
        "",
        "Attachments that loads download, for example `deals:pdf,docx<10MB`; `*:*`: all "
        "(docs/attachments.md).",
        "Use rules such as deals:pdf,docx<10MB, separated by semicolons.",
    )
    download_to: str = setting(
        "",
        "Folder, or URL of fsspec, that attachments are stored in. They contain personal data.",
        "Use a folder, or a URL such as s3://bucket/folder.",
    )
    file_mode: Annotated[int, parsed_by(values.file_mode)] = setting(
        "0640",
        "Permissions of new files (warehouse, locks, read copy, sales page), as in `chmod`. By "
        "default the owner and the group can read them.",
        "Use permissions such as 0640, 0660 or 0644; the owner needs to read and write.",
    )
    duckdb_memory: Annotated[str, parsed_by(values.memory)] = setting(
        "1GB",
        "Memory that DuckDB may use while a load writes the file. Larger intermediate results go "
        "to temporary files.",
        "Use a number with a unit, such as 512MB or 4GB.",
    )
    alert_webhook: Annotated[SecretStr, parsed_by(values.webhook)] = setting(
        "",
        'Secret URL that receives `{"text": …}` when a run fails (Slack, Teams, Mattermost).',
        "Use the complete URL, such as https://hooks.slack.com/services/….",
    )
    digest_at: Annotated[str | None, parsed_by(values.weekly)] = setting(
        "mon 07:00",
        "Time of the weekly digest to the alert webhook (UTC), or `off`. Without a webhook there "
        "is none.",
        "Use a weekday and a time such as mon 07:00, or off.",
    )
    asset_owners: Annotated[tuple[str, ...], parsed_by(values.owners)] = setting(
        "",
        "Owners of the assets in Dagster, for example `anna@example.com,team:sales`.",
        "Use e-mail addresses or team:name, separated by commas.",
    )
    asset_tags: Annotated[dict[str, str], parsed_by(values.tags)] = setting(
        "",
        "Tags of the assets in Dagster, for example `domain=sales,gdpr`.",
        "Use key=value with letters, digits, - _ and . only, separated by commas.",
    )
    asset_group: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_]+$")] = setting(
        None,
        "One Dagster group for all assets. By default there are several, for example `crm` and "
        "`reference`.",
        "Use letters, digits and underscores.",
    )
    preview: Literal["masked", "full", "off"] = setting(
        "masked",
        "Newest rows in each materialization's metadata: `masked` hides personal data, `full` "
        "shows everything, `off` shows nothing. Sandbox data is always shown in full.",
        "Use masked, full or off.",
    )
