"""`doctor`: what is wrong, and what to do about it."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from rich.text import Text

from pipedrive_assets.cli.accounts import accounts_at
from pipedrive_assets.cli.output import console
from pipedrive_assets.doctor import Finding, Level, examine, examine_account

STYLES = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "bold red"}


def doctor(accounts: str | None = None, *, quick: bool) -> int:
    """Print each finding as soon as it is made.

    Args:
        accounts: Where to find several accounts, as `module:name`; None: the one of the settings.
        quick: Request no row of any table.

    Returns:
        The exit code of the first failure, 0 without one.
    """
    screen = console()
    found: list[Finding] = []
    findings = (
        _of_accounts(accounts, probing=not quick)
        if accounts
        else examine(os.environ, Path.cwd(), probing=not quick)
    )
    for finding in findings:
        level = (f"{finding.level.value:<5}", STYLES.get(finding.level, ""))
        line = Text.assemble(level, f" {finding.topic:<10} {finding.text}")
        screen.print(line, soft_wrap=True)
        if finding.remedy:
            screen.print(f"{'':<16} -> {finding.remedy}", soft_wrap=True)
        found.append(finding)
    failures = [finding for finding in found if finding.level is Level.FAIL]
    warnings = [finding for finding in found if finding.level is Level.WARN]
    screen.print(f"\n{_counted(len(failures), 'failure')}, {_counted(len(warnings), 'warning')}.")
    return failures[0].exit_code if failures else 0


def _of_accounts(place: str, *, probing: bool) -> Iterator[Finding]:
    """Examine each account of a mapping, one after the other."""
    for name, settings in accounts_at(place).items():
        for finding in examine_account(settings, probing=probing):
            yield replace(finding, text=f"{name}: {finding.text}")


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
