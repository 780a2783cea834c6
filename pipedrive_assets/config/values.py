"""From the text of a setting to its value; ValueError for anything else."""

import re
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from urllib.parse import urlsplit

from pipedrive_assets.windows import parse_stamp

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def base_url(text: str) -> str:
    """`https://host`, from a URL, a host or a company domain; `http` on this machine only."""
    full = text if "://" in text else f"https://{text if '.' in text else f'{text}.pipedrive.com'}"
    parts = urlsplit(re.sub(r"/(api/)?v[12]/?$|/+$", "", full))
    local = parts.hostname in LOOPBACK and parts.scheme == "http"
    if not parts.hostname or may_hold_secrets(text) or not (local or parts.scheme == "https"):
        raise ValueError
    _ = parts.port
    return parts.geturl()


def may_hold_secrets(url: str) -> bool:
    """Whether an address has a place for a password or an api token, so that it is never shown."""
    return any(sign in url for sign in "@?#")


def day(text: str) -> date:
    """A date, ISO form."""
    return date.fromisoformat(text)


def moment(text: str) -> datetime:
    """A moment in any ISO form, aware, UTC; naive means UTC, a date its first moment.

    OverflowError for what lies outside the years 1 to 9999 in UTC.
    """
    import pendulum  # noqa: PLC0415 - 40 ms that only this setting needs

    parsed = pendulum.parse(text, tz="UTC", exact=True)
    if not isinstance(parsed, date):
        raise ValueError  # noqa: TRY004 - a wrong value like any other
    # Plain: pendulum's own loses the zone of the standard library in arithmetic.
    return parse_stamp(parsed.isoformat()).astimezone(timezone.utc)


def clock(text: str) -> str:
    """An hour and minute, `HH:MM`."""
    return datetime.strptime(text, "%H:%M").strftime("%H:%M")  # noqa: DTZ007 - an hour of the day, not a moment


WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def weekly(text: str) -> str | None:
    """A weekday and time as a cron expression; None for `off`."""
    if text == "off":
        return None
    weekday, _, time = text.lower().partition(" ")
    hour, minute = clock(time.strip()).split(":")
    return f"{int(minute)} {int(hour)} * * {WEEKDAYS.index(weekday)}"


def identifier(text: str) -> str:
    """A name that needs no quoting in SQL."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", text):
        raise ValueError
    return text


RESERVED_SCHEMAS = frozenset({"information_schema", "main", "temp", "system", "sys", "dlt"})
LONGEST_DATASET = 55
"""Characters: dlt adds `_staging`, and PostgreSQL takes names of up to 63."""


def dataset(text: str) -> str:
    """A schema of our own: not the database's, and not the staging schema of another dataset."""
    name = identifier(text)
    reserved = name in RESERVED_SCHEMAS or name.startswith(("pg_", "_dlt"))
    if reserved or name.endswith("_staging") or len(name) > LONGEST_DATASET:
        raise ValueError
    return name


def file_mode(text: str) -> int:
    """Permissions as in `chmod`, such as `0640`; the owner can read and write."""
    if not re.fullmatch(r"0?[0-7]{3}", text):
        raise ValueError
    mode = int(text, 8)
    if mode & 0o600 != 0o600 or mode & 0o111:
        raise ValueError
    return mode


def minutes(text: str) -> timedelta:
    """A span of whole minutes, a day at most."""
    minutes = int(text)
    if not 0 <= minutes <= 1440:
        raise ValueError
    return timedelta(minutes=minutes)


def number_up_to(most: int) -> Callable[[str], int]:
    """A parser of whole numbers from 0 to `most`."""

    def parse(text: str) -> int:
        number = int(text)
        if not 0 <= number <= most:
            raise ValueError
        return number

    return parse


def tokens(text: str) -> int:
    """A number of API tokens, 0 or more."""
    number = int(text.replace("_", "").replace(",", ""))
    if number < 0:
        raise ValueError
    return number


def one_of(*choices: str) -> Callable[[str], str]:
    """A parser that takes these words only."""

    def parse(text: str) -> str:
        if text not in choices:
            raise ValueError
        return text

    return parse


def api_token(text: str) -> str:
    """Printable characters without blanks: what a header can carry."""
    if not re.fullmatch(r"[!-~]+", text):
        raise ValueError
    return text


def switch(text: str) -> bool:
    """`on` or `off`."""
    return one_of("on", "off")(text) == "on"


UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def tolerance(text: str) -> timedelta | None:
    """A span such as `30m`, `1h` or `2d`, a minute at least; None for `daily`."""
    if text == "daily":
        return None
    number, unit = text[:-1], text[-1]
    if unit not in UNITS or not number.isdecimal() or not 0 < int(number) < 10_000:
        raise ValueError
    return timedelta(**{UNITS[unit]: int(number)})


def webhook(text: str) -> str:
    """An http or https URL without blanks."""
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", text):
        raise ValueError
    _ = parts.port
    return text


OWNER = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}|team:[A-Za-z0-9_]+")
"""What Dagster takes for an owner: an e-mail address or a team."""

TAG = re.compile(r"((?!dagster/)[\w.-]{1,63}/)?[\w.-]{1,63}(=[\w.-]{0,63})?", re.ASCII)
"""What Dagster takes for a tag; names below `dagster/` are its own."""


def owners(text: str) -> tuple[str, ...]:
    """E-mail addresses and `team:name`, separated by commas."""
    return tuple(_each(text, OWNER))


def tags(text: str) -> dict[str, str]:
    """`key=value` or `key`, separated by commas."""
    return {key: value for key, _, value in (each.partition("=") for each in _each(text, TAG))}


def group(text: str) -> str:
    """A name that Dagster takes for a group."""
    if not re.fullmatch(r"[A-Za-z0-9_]+", text):
        raise ValueError
    return text


def _each(text: str, form: re.Pattern[str]) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    if not all(form.fullmatch(word) for word in words):
        raise ValueError
    return words
