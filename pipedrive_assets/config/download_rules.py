"""Parses PIPEDRIVE_DOWNLOAD_FILES: rules such as `deals:pdf,docx<10MB`, separated by `;`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from pipedrive_assets.config.values import Unusable

FORM = "Use rules such as deals:pdf,docx<10MB or *:*, separated by semicolons."

OWNER_COLUMNS = {
    "deals": "deal_id",
    "persons": "person_id",
    "organizations": "org_id",
    "leads": "lead_id",
    "products": "product_id",
    "activities": "activity_id",
    "projects": "project_id",
}
"""The column of `files` with the record that a file belongs to, by that record's table."""

RULE_COLUMNS = ("file_name", "name", "file_size", "remote_location", *OWNER_COLUMNS.values())
"""The columns of `files` that the rules need."""

ANY = "*"
_UNITS = {"B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}
_RULE = re.compile(
    r"(?P<owners>[^:<]+):(?P<extensions>[^:<]+)(?:<\s*(?P<size>\d+)\s*(?P<unit>[A-Za-z]+))?"
)
_EXTENSION = re.compile(r"\.?([A-Za-z0-9]{1,16})")


@dataclass(frozen=True, slots=True, kw_only=True)
class DownloadRule:
    """Which files are downloaded.

    Attributes:
        owners: The tables of records that the file belongs to; empty: any, or none.
        extensions: The ends of the file name, in lower case without a dot; empty: any.
        below: The file has fewer bytes; None: any number.
    """

    owners: tuple[str, ...] = ()
    extensions: tuple[str, ...] = ()
    below: int | None = None

    def allows(self, row: Mapping[str, Any]) -> bool:
        """Whether a file is to be downloaded.

        Args:
            row: A row of `files`. A size that is null or 0 is unknown, so that only the download
                can check the limit.
        """
        is_owned = not self.owners or any(
            row[OWNER_COLUMNS[owner]] is not None for owner in self.owners
        )
        is_kind = not self.extensions or extension_of(row) in self.extensions
        return is_owned and is_kind and (self.below is None or (row["file_size"] or 0) < self.below)


def allowing(rules: Iterable[DownloadRule], row: Mapping[str, Any]) -> DownloadRule | None:
    """Return the rule with the highest limit that allows a file; None if no rule does.

    Args:
        rules: The rules.
        row: A row of `files`.
    """
    found = [rule for rule in rules if rule.allows(row)]
    return max(found, key=lambda rule: rule.below or float("inf"), default=None)


def extension_of(row: Mapping[str, Any]) -> str:
    """Return the end of a file's name in lower case without the dot; empty if it has none.

    Args:
        row: A row of `files`.
    """
    ends = (PurePosixPath(row[name] or "").suffix for name in ("file_name", "name"))
    return next((end[1:].lower() for end in ends if len(end) > 1), "")


def download_rules(given: str | Iterable[DownloadRule]) -> tuple[DownloadRule, ...]:
    """Return the rules; a file is downloaded if one of them allows it.

    Args:
        given: Rules, in text separated by semicolons.

    Raises:
        Unusable: A rule has another form.
    """
    if not isinstance(given, str):
        return tuple(given)
    return tuple(_rule(text.strip()) for text in given.split(";") if text.strip())


def _rule(text: str) -> DownloadRule:
    found = _RULE.fullmatch(text)
    if not found:
        raise Unusable(f"{text!r} is not a rule. {FORM}")
    return DownloadRule(
        owners=_words(found["owners"], lambda word: _owner(text, word)),
        extensions=_words(found["extensions"], lambda word: _extension(text, word)),
        below=_bytes(text, found["size"], found["unit"]) if found["size"] else None,
    )


def _words(text: str, check: Any) -> tuple[str, ...]:
    words = [word.strip() for word in text.split(",")]
    return () if words == [ANY] else tuple(check(word) for word in words)


def _owner(text: str, word: str) -> str:
    if word not in OWNER_COLUMNS:
        raise Unusable(
            f"{text!r}: files cannot belong to {word!r}. Use *, or {', '.join(OWNER_COLUMNS)}."
        )
    return word


def _extension(text: str, word: str) -> str:
    found = _EXTENSION.fullmatch(word)
    if not found:
        raise Unusable(
            f"{text!r}: {word!r} is not the end of a file name. Use *, or names such as pdf,docx."
        )
    return found[1].lower()


def _bytes(text: str, number: str, unit: str) -> int:
    if unit.upper() not in _UNITS or not int(number):
        raise Unusable(f"{text!r}: the size is not usable. Use a size such as <500KB or <10MB.")
    return int(number) * _UNITS[unit.upper()]
