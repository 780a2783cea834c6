"""`doctor`: what is wrong, and what to do about it."""

import argparse
import os
from pathlib import Path

from pipedrive_assets.cli.command import Command


def see_doctor(arguments: argparse.Namespace) -> None:
    """Print the findings; leave with the exit code of the first failure."""
    from pipedrive_assets.doctor import Finding, Level, examine

    found: list[Finding] = []
    for finding in examine(os.environ, Path.cwd(), probing=not arguments.quick):
        print(f"{finding.level.value:<5} {finding.topic:<10} {finding.text}", flush=True)
        if finding.remedy:
            print(f"{'':<16} -> {finding.remedy}", flush=True)
        found.append(finding)
    failures = [finding for finding in found if finding.level is Level.FAIL]
    warnings = [finding for finding in found if finding.level is Level.WARN]
    print(f"\n{len(failures)} failures, {len(warnings)} warnings.")
    if failures:
        raise SystemExit(failures[0].exit_code)


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--quick", action="store_true", help="ask no table for a row; 2 tokens instead of hundreds"
    )


COMMAND = Command(
    name="doctor",
    help="check settings, api token, rights, limits, warehouse and clock",
    run=see_doctor,
    options=_options,
)
