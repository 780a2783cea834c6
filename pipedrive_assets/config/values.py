"""Parsers of single settings, from text or a plain Python value.

They raise ValueError (`Unusable` if they have a reason of their own), and accept their own result.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, SecretStr

from pipedrive_assets.windows import parse_stamp

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Unusable(ValueError):
    """A value that is refused for the reason in its text, which also says what to do."""


def parsed_by(parse: Callable[[Any], Any]) -> BeforeValidator:
    """Return a pydantic validator: strips text, unwraps a secret and keeps None, then parses.

    Args:
        parse: Converts a value, and raises ValueError for an unusable one.
    """

    def _validate(given: Any) -> Any:
        if given is None:
            return None
        if isinstance(given, SecretStr):
            given = given.get_secret_value()
        try:
            return parse(given.strip() if isinstance(given, str) else given)
        except (TypeError, AttributeError, OverflowError):
            raise ValueError from None

    return BeforeValidator(_validate)


def base_url(text: str) -> str:
    """Return `https://host` for a URL, a host or a company domain; `http` on this machine only.

    Raises:
        ValueError: The value is not usable.
    """
    full = text if "://" in text else f"https://{text if '.' in text else f'{text}.pipedrive.com'}"
    parts = urlsplit(re.sub(r"/(api/)?v[12]/?$|/+$", "", full))
    local = parts.hostname in LOOPBACK and parts.scheme == "http"
    if not parts.hostname or may_hold_secrets(text) or not (local or parts.scheme == "https"):
        raise ValueError
    _ = parts.port
    return parts.geturl()


def may_hold_secrets(url: str) -> bool:
    """Whether a URL can contain a password or an API token, so that it must not be shown."""
    return any(sign in url for sign in "@?#")


def moment(given: object) -> datetime:
    """Return an aware UTC time for ISO text, a datetime or a date; without a time zone it is UTC.

    Raises:
        OverflowError: The time lies outside the years 1 to 9999 in UTC.
    """
    if isinstance(given, str):
        import pendulum  # noqa: PLC0415 - 40 ms that only this setting needs

        # exact: a time without a date must not become a time of today
        given = pendulum.parse(given, tz="UTC", exact=True)
    if not isinstance(given, date):
        raise ValueError  # noqa: TRY004 - a wrong value like any other
    # pendulum's own class loses the zone of the standard library in arithmetic.
    return parse_stamp(given.isoformat()).astimezone(timezone.utc)


def clock(text: str) -> str:
    """Return an hour and minute as `HH:MM`."""
    return datetime.strptime(text, "%H:%M").strftime("%H:%M")  # noqa: DTZ007 - an hour of the day, not a moment


SHORTEST_KEY = 16
"""Characters."""


def hash_key(text: str) -> SecretStr:
    """Return a key for hashes.

    Raises:
        ValueError: It is too short.
    """
    if text and len(text) < SHORTEST_KEY:
        raise ValueError
    return SecretStr(text)


WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def weekly(text: str) -> str | None:
    """Return a weekday and time as `sun 03:45`; None for `off`.

    Raises:
        ValueError: The value is not usable.
    """
    weekday, _, time = text.lower().partition(" ")
    if text == "off":
        return None
    if weekday not in WEEKDAYS:
        raise ValueError
    return f"{weekday} {clock(time.strip())}"


def destination(text: str) -> str:
    """Return `duckdb` or `postgres`.

    Raises:
        ValueError: The value is not usable.
    """
    if text not in {"duckdb", "postgres"}:
        raise Unusable(f"{text!r} is not supported: only duckdb and postgres are tested.")
    return text


RESERVED_SCHEMAS = frozenset({"information_schema", "main", "temp", "system", "sys", "dlt"})
LONGEST_DATASET = 55
"""Characters: dlt appends `_staging`, and PostgreSQL allows 63."""


def dataset(name: str) -> str:
    """Return a schema name that needs no quotes and is neither reserved nor a staging schema.

    Raises:
        ValueError: The value is not usable.
    """
    reserved = name in RESERVED_SCHEMAS or name.startswith(("pg_", "_dlt"))
    valid = re.fullmatch(r"[a-z][a-z0-9_]*", name) and len(name) <= LONGEST_DATASET
    if reserved or not valid or name.endswith("_staging"):
        raise ValueError
    return name


def memory(given: str) -> str:
    """Return an amount of memory for DuckDB, for example `512MB`; at least 100 MB.

    Raises:
        ValueError: The value is not usable.
    """
    found = re.fullmatch(r"(\d+)\s*(MB|GB|MiB|GiB)", given.strip(), re.IGNORECASE)
    if not found or int(found[1]) * (1000 if found[2][0] in "gG" else 1) < 100:
        raise ValueError
    return f"{found[1]}{found[2]}"


def file_mode(given: str | int) -> int:
    """Return permissions as in `chmod`, for example `0640`; the owner can read and write.

    Raises:
        ValueError: The value is not usable.
    """
    text = given if isinstance(given, str) else f"{given:03o}"
    if not re.fullmatch(r"0?[0-7]{3}", text):
        raise ValueError
    mode = int(text, 8)
    if mode & 0o600 != 0o600 or mode & 0o111:
        raise ValueError
    return mode


def tokens(given: str | int) -> int:
    """Return a number of tokens, 0 or more; `15,000` and `15_000` are numbers, too.

    Raises:
        ValueError: The value is not usable.
    """
    number = int(given.replace(",", "")) if isinstance(given, str) else given
    if number < 0:
        raise ValueError
    return number


def api_token(text: str) -> str:
    """Return an API token that an HTTP header can carry: printable ASCII without spaces.

    Raises:
        ValueError: The value is not usable.
    """
    if text and not re.fullmatch(r"[!-~]+", text):
        raise ValueError
    return text


UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def tolerance(given: str | timedelta) -> timedelta | None:
    """Return a duration of at least a minute, for example `30m`, `1h` or `2d`; None for `daily`.

    Raises:
        ValueError: The value is not usable.
    """
    if isinstance(given, timedelta):
        if given < timedelta(minutes=1):
            raise ValueError
        return given
    if given == "daily":
        return None
    number, unit = given[:-1], given[-1]
    if unit not in UNITS or not number.isdecimal() or not 0 < int(number) < 10_000:
        raise ValueError
    return timedelta(**{UNITS[unit]: int(number)})


def webhook(text: str) -> str:
    """Return an http or https URL without spaces.

    Raises:
        ValueError: The value is not usable.
    """
    parts = urlsplit(text)
    right = parts.scheme in {"http", "https"} and parts.hostname and not re.search(r"\s", text)
    if text and not right:
        raise ValueError
    _ = parts.port
    return text


OWNER = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,7}|team:[A-Za-z0-9_]+")
"""What Dagster accepts as an owner: an e-mail address or a team."""

TAG = re.compile(r"((?!dagster/)[\w.-]{1,63}/)?[\w.-]{1,63}(=[\w.-]{0,63})?", re.ASCII)
"""What Dagster accepts as a tag; names below `dagster/` are its own."""


def owners(given: str | Iterable[str]) -> tuple[str, ...]:
    """Return e-mail addresses and `team:name`; in text they are separated by commas."""
    return tuple(_each(given, OWNER))


def tags(given: str | Mapping[str, str]) -> dict[str, str]:
    """Return tags; in text they are `key=value` or `key`, separated by commas."""
    if isinstance(given, Mapping):
        given = ",".join(f"{key}={value}" for key, value in given.items())
    return {key: value for key, _, value in (word.partition("=") for word in _each(given, TAG))}


def _each(given: str | Iterable[str], form: re.Pattern[str]) -> list[str]:
    words = [word.strip() for word in (given.split(",") if isinstance(given, str) else given)]
    words = [word for word in words if word] if words == [""] else words
    if not all(form.fullmatch(word) for word in words):
        raise ValueError
    return words
