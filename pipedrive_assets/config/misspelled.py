"""Warns of variables that are probably misspelled settings."""

import logging
from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

from pipedrive_assets.config.files import API_TOKEN, OAUTH, PREFIX, Found, env_name

log = logging.getLogger(__name__)

LIKENESS = 0.8
"""Least similarity of a misspelled name and the setting, from 0 to 1."""


def report_misspelled(found: Found, fields: Iterable[str]) -> None:
    """Log a warning for each variable whose name is almost that of a setting.

    Other variables are left to `doctor`: some are of other programs, or have the credentials of one
    of several accounts (PIPEDRIVE_API_TOKEN_ACME, PIPEDRIVE_REFRESH_TOKEN_ACME).

    Args:
        found: The variables that were found.
        fields: The names of the fields that are settings.
    """
    settings = {env_name(field).removeprefix(PREFIX) for field in fields}
    credentials = (API_TOKEN, *map(env_name, OAUTH))
    for name, (_, place) in found.items():
        rest = name.removeprefix(PREFIX)
        if rest in settings or any(each.removeprefix(PREFIX) in rest for each in credentials):
            continue
        if meant := get_close_matches(rest, settings, n=1, cutoff=LIKENESS):
            _warn(name, place, f"{PREFIX}{meant[0]}")


@lru_cache
def _warn(name: str, place: str, meant: str) -> None:
    """Log the warning once per process: settings are read many times."""
    log.warning("%s (%s) is not a setting and has no effect. Did you mean %s?", name, place, meant)
