"""Explains estimates: what the next load costs, and for how many days a cap delays it."""

from collections.abc import Iterator, Sequence
from math import ceil

from pipedrive_assets.config import Settings
from pipedrive_assets.connect import caps_of
from pipedrive_assets.load.attachments.target import AttachmentTarget
from pipedrive_assets.load.report import LoadRequest
from pipedrive_assets.load.tokens.backlog import tokens_a_day
from pipedrive_assets.load.tokens.estimate import (
    AccountNote,
    Estimate,
    tokens_per_thousand,
    total,
)
from pipedrive_assets.registry import Entity
from pipedrive_assets.windows import Window, utc_now


def next_load(settings: Settings, entities: Sequence[Entity], *, full: bool = False) -> LoadRequest:
    """Return the load to estimate.

    Args:
        settings: The settings.
        entities: The tables.
        full: Whether each table is read from the start.
    """
    return LoadRequest(
        entities=tuple(entities),
        window=Window(start=utc_now()),
        overlap=settings.overlap,
        full=full,
        recheck_days=settings.recheck_days,
        recheck_flow_days=settings.recheck_flow_days,
        caps=caps_of(settings),
        attachments=AttachmentTarget.of(settings),
    )


def sentences(
    estimates: Sequence[Estimate], note: AccountNote, request: LoadRequest
) -> Iterator[str]:
    """Explain the estimates: what is read at once, what a cap delays, and for how many days.

    Args:
        estimates: The estimate of each table.
        note: The account's daily limit and what is left of it.
        request: The load that is estimated.

    Yields:
        One sentence each.
    """
    uncapped, is_least = total(estimates, capped=False)
    yield (
        f"Tables without a cap are read first and take {'at least' if is_least else 'about'} "
        f"{uncapped:,} tokens. A page of 500 rows costs as much as an empty page."
    )
    yield _account_line(note)
    capped, is_least = total(estimates, capped=True)
    drifting = any("that change by then" in one.why for one in estimates)
    if capped or drifting:
        least = "at least" if is_least else "about"
        yield (
            f"Histories, participants and optional tables take {least} {capped:,} tokens. "
            f"{_cap_line(request, note, capped)}"
        )
    if drifting:
        yield (
            "Tables marked `0+` are up to date. Each parent record that changes before the next "
            "load adds one request."
        )
    unknown = [one.entity for one in estimates if "not known yet" in one.why]
    for parent in dict.fromkeys(entity.parent or "" for entity in unknown):
        children = [entity for entity in unknown if entity.parent == parent]
        yield _per_parent_line(parent, children, request, note)


def _account_line(note: AccountNote) -> str:
    if note.limit is None:
        return (
            "The account's daily token limit is known after the first load. The smallest plan has "
            "30,000."
        )
    left = "" if note.left is None else f", of which {note.left:,} were left after the last run"
    return (
        f"The account has {note.limit:,} tokens per day{left}. "
        f"Runs into this warehouse used {note.today:,} of them today."
    )


def _cap_line(request: LoadRequest, note: AccountNote, tokens: int) -> str:
    per_day = tokens_a_day(request.caps.per_run, request.caps.day_cap(note.limit))
    if per_day is None:
        return "No cap delays them."
    days = max(1, ceil(tokens / per_day))
    until = "within a day" if days == 1 else f"in {days} days, the most recent changes first"
    return f"Their cap is {per_day:,} tokens per day, so they are complete {until}."


def _per_parent_line(
    parent: str, children: Sequence[Entity], request: LoadRequest, note: AccountNote
) -> str:
    per_table = list(tokens_per_thousand(children))
    named = ", ".join(f"{entity.name} {tokens:,}" for entity, tokens in per_table)
    capped = sum(tokens for entity, tokens in per_table if entity.capped)
    return (
        f"The number of {parent} is known after {parent} is loaded. 1,000 {parent} take up to: "
        f"{named} tokens. {_cap_line(request, note, capped)} For a better estimate, load {parent} "
        f"first: python -m pipedrive_assets load {parent}"
    )
