"""SETTINGS: one row per setting, its default and its meaning; README's table is made of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipedrive_assets.config import values
from pipedrive_assets.config.selection import excluded_columns, select

SHARED_HOST = "https://api.pipedrive.com"
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
        name="PIPEDRIVE_DESTINATION",
        default="duckdb",
        help="Where to load: `duckdb`, or another SQL destination of dlt such as `postgres`.",
        parse=values.identifier,
        remedy="Give duckdb, postgres, motherduck, snowflake or bigquery.",
    ),
    Setting(
        name="PIPEDRIVE_DATASET",
        default="pipedrive_data",
        help="The schema that holds the tables.",
        parse=values.dataset,
        remedy=(
            "Give a name of up to 55 lower-case letters, digits and underscores that the database "
            "does not reserve (pg_…, information_schema, main, temp, system) and that does not end "
            "in _staging."
        ),
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
        name="PIPEDRIVE_EXCLUDE_COLUMNS",
        default="",
        help="Columns to keep out of the warehouse, such as `persons.phones,notes.content`.",
        parse=excluded_columns,
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
        name="PIPEDRIVE_RECHECK_FLOW_DAYS",
        default="0",
        help=(
            "Within how many days the daily run reads each deal's history again, 40 tokens a deal, "
            "as far as the caps on tokens allow; 0: never."
        ),
        parse=values.number_up_to(3650),
        remedy="Give a whole number of days from 0 to 3650.",
    ),
    Setting(
        name="PIPEDRIVE_DELETED",
        default="mark",
        help="What becomes of rows deleted in Pipedrive: `mark` them, or `purge` them from here.",
        parse=values.one_of("mark", "purge"),
        remedy="Give mark or purge.",
    ),
    Setting(
        name="PIPEDRIVE_RECONCILE_MAX_SHARE",
        default="20",
        help="The share of a table (in %) that may vanish at once before nothing is marked.",
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
    Setting(
        name="PIPEDRIVE_RECONCILE_AT",
        default="sun 03:45",
        help="When the weekly reconciliation starts (UTC), or `off`.",
        parse=values.weekly,
        remedy="Give a day and time such as sun 03:45, or off.",
    ),
    Setting(
        name="PIPEDRIVE_SCHEDULE",
        default="on",
        help="Whether the daily and the weekly schedule are on from the start.",
        parse=values.switch,
        remedy="Give on or off.",
    ),
    Setting(
        name="PIPEDRIVE_SENSOR",
        default="on",
        help="Whether the freshness sensor is on from the start.",
        parse=values.switch,
        remedy="Give on or off.",
    ),
    *(
        Setting(
            name=f"PIPEDRIVE_FRESHNESS_{group}",
            default=default,
            help=f"How old {what} may grow before the sensor loads them; or `daily`.",
            parse=values.tolerance,
            remedy="Give a span such as 30m, 1h or 2d, or daily.",
        )
        for group, default, what in (
            ("CRM", "1h", "lists of records, such as deals and persons,"),
            ("DEAL_DETAILS", "1h", "tables that are read per deal or other record"),
            ("REFERENCE", "daily", "reference tables, such as stages and users,"),
            ("FILES", "daily", "files, and other lists that cannot be asked for what is new,"),
        )
    ),
    Setting(
        name="PIPEDRIVE_EXECUTOR",
        default="in_process",
        help="How runs do their steps: all `in_process`, or each in a process (`multiprocess`).",
        parse=values.one_of("in_process", "multiprocess"),
        remedy="Give in_process or multiprocess.",
    ),
    Setting(
        name="PIPEDRIVE_READ_COPY",
        default="",
        help="A second DuckDB file for BI tools to stay connected to, renewed after each good run.",
        remedy="Give a path that ends in .duckdb.",
    ),
    Setting(
        name="PIPEDRIVE_FILE_MODE",
        default="0640",
        help=(
            "Permissions of new files (warehouse, locks, read copy, sales page), as in `chmod`. By "
            "default their owner and group can read them."
        ),
        parse=values.file_mode,
        remedy="Give permissions such as 0640, 0660 or 0644; the owner needs to read and write.",
    ),
    Setting(
        name="PIPEDRIVE_ALERT_WEBHOOK",
        default="",
        help='A URL that gets `{"text": …}` when a run fails (Slack, Teams, Mattermost). A secret.',
        parse=values.webhook,
        remedy="Give the whole URL, such as https://hooks.slack.com/services/….",
    ),
    Setting(
        name="PIPEDRIVE_ASSET_OWNERS",
        default="",
        help="Who owns the assets in Dagster, such as `anna@example.com,team:sales`.",
        parse=values.owners,
        remedy="Give e-mail addresses or team:name, separated by commas.",
    ),
    Setting(
        name="PIPEDRIVE_ASSET_TAGS",
        default="",
        help="Tags that the assets bear in Dagster, such as `domain=sales,gdpr`.",
        parse=values.tags,
        remedy="Give key=value of letters, digits, - _ and . separated by commas.",
    ),
    Setting(
        name="PIPEDRIVE_ASSET_GROUP",
        default="",
        help="One Dagster group for all assets. Default: several, such as `crm` and `reference`.",
        parse=values.group,
        remedy="Give a name of letters, digits and underscores.",
    ),
    Setting(
        name="PIPEDRIVE_PREVIEW",
        default="masked",
        help="Newest rows in each materialization's metadata: `masked` hides what may tell of a "
        "person, `full` shows all, `off` none. Invented data is shown in full.",
        parse=values.one_of("masked", "full", "off"),
        remedy="Give masked, full or off.",
    ),
)
