"""What a command is: its name, its help, its options, what it does."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass


def no_options(_parser: argparse.ArgumentParser) -> None:
    """For a command that takes none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command; `run` raises PipedriveError where it fails, and imports what is heavy itself."""

    name: str
    help: str
    run: Callable[[argparse.Namespace], None]
    options: Callable[[argparse.ArgumentParser], None] = no_options
    alerts: bool = False
    """Whether its failure is told to PIPEDRIVE_ALERT_WEBHOOK: runs that nobody may be watching."""
