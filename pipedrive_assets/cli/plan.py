"""`plan`: what the next load will cost, before it is begun; asks Pipedrive nothing."""

import argparse
from math import ceil
from typing import TYPE_CHECKING

from pipedrive_assets.cli.command import Command
from pipedrive_assets.cli.text_table import print_table
from pipedrive_assets.config import Settings
from pipedrive_assets.registry import Entity
from pipedrive_assets.windows import Window, utc_now

if TYPE_CHECKING:
    from pipedrive_assets.load.report import LoadRequest
    from pipedrive_assets.load.tokens.estimate import AccountNote, Estimate


def show_plan(arguments: argparse.Namespace) -> None:
    """Tokens per table, then what they mean for the account."""
    from pipedrive_assets.cli.load import chosen
    from pipedrive_assets.connect import caps_of
    from pipedrive_assets.load import LoadRequest

    settings = Settings.from_env()
    request = LoadRequest(
        entities=chosen(arguments.tables, settings),
        window=Window(start=utc_now()),
        overlap=settings.overlap,
        full=arguments.full,
        recheck_days=settings.recheck_days,
        recheck_flow_days=settings.recheck_flow_days,
        caps=caps_of(settings),
    )
    estimates, note = _look_up(settings, request)
    print_table(
        ("table", "rows held", "tokens", "how"),
        [
            (
                one.entity.name,
                f"{one.rows:,}",
                f"{one.tokens:,}{'+' if one.is_least else ''}",
                one.why,
            )
            for one in estimates
        ],
    )
    for line in sentences(estimates, note, request):
        print(line)


def _look_up(settings: Settings, request: "LoadRequest") -> tuple[list["Estimate"], "AccountNote"]:
    """From the warehouse, if there is one; none is made."""
    from pipedrive_assets.load.tokens.estimate import account_note, estimate
    from pipedrive_assets.warehouse import ledger, warehouse_of

    now = utc_now()
    warehouse = warehouse_of(settings)
    try:
        if not warehouse.exists():
            return estimate(None, request, now), account_note(None, now)
        with warehouse.sql() as sql:
            ledger.prepare(sql)
            return estimate(sql, request, now), account_note(sql, now)
    finally:
        warehouse.close()


def sentences(
    estimates: list["Estimate"], note: "AccountNote", request: "LoadRequest"
) -> list[str]:
    """What the numbers mean: what comes at once, what waits, and how many days."""
    from pipedrive_assets.load.tokens.estimate import total

    core, open_end = total(estimates, capped=False)
    capped, open_end_too = total(estimates, capped=True)
    lines = [
        "",
        (
            f"Tables without a cap take {'at least' if open_end else 'about'} {core:,} tokens, and "
            "go first. A page of 500 rows costs the same as an empty one."
        ),
        _account_line(note),
    ]
    drifting = any("that change by then" in one.why for one in estimates)
    if capped or drifting:
        least = "at least" if open_end_too else "about"
        lines.append(
            f"Histories, participants and optional tables take {least} {capped:,} tokens."
            f" {_cap_line(request, note, capped)}"
        )
    if drifting:
        lines.append(
            "Every deal, or what else a table is read for, of a table with 0+ tokens is read; each "
            "that changes before the next load costs a call more."
        )
    unknown = [one for one in estimates if "not known yet" in one.why]
    for parent in dict.fromkeys(one.entity.parent for one in unknown):
        children = [one.entity for one in unknown if one.entity.parent == parent]
        lines.append(_per_parent_line(parent or "", children, request, note))
    return lines


def _account_line(note: "AccountNote") -> str:
    if note.limit is None:
        return (
            "Pipedrive has not told this account's daily limit yet; the smallest plan's is 30,000."
        )
    left = "" if note.left is None else f", of which {note.left:,} were left when last seen"
    return (
        f"The account has {note.limit:,} tokens a day{left}; "
        f"runs into this warehouse took {note.today:,} of them today."
    )


def _cap_line(request: "LoadRequest", note: "AccountNote", tokens: int) -> str:
    from pipedrive_assets.load.tokens.backlog import tokens_a_day

    a_day = tokens_a_day(request.caps.per_run, request.caps.day_cap(note.limit))
    if a_day is None:
        return "No cap holds them back."
    days = max(1, ceil(tokens / a_day))
    until = "within a day" if days == 1 else f"in {days} days, the most recent changes first"
    return f"Their cap is {a_day:,} a day, so they are complete {until}."


def _per_parent_line(
    parent: str, children: list[Entity], request: "LoadRequest", note: "AccountNote"
) -> str:
    from pipedrive_assets.load.tokens.estimate import tokens_per_thousand

    per_table = list(tokens_per_thousand(children))
    named = ", ".join(f"{entity.name} {tokens:,}" for entity, tokens in per_table)
    capped = sum(tokens for entity, tokens in per_table if entity.capped)
    return (
        f"How many {parent} there are is not known before {parent} is loaded. Each 1,000 {parent} "
        f"take up to: {named}. {_cap_line(request, note, capped)} Load {parent} alone, then plan "
        f"again: python -m pipedrive_assets load {parent}"
    )


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("tables", nargs="*", metavar="table", help="default: all")
    parser.add_argument("--full", action="store_true", help="as if for load --full")


COMMAND = Command(
    name="plan",
    help="tell what the next load will cost in API tokens and days; asks Pipedrive nothing",
    run=show_plan,
    options=_options,
)
