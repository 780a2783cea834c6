"""`python -m pipedrive_assets`: which commands there are, and how each ends."""

import argparse
import contextlib
import logging
import sys
from collections.abc import Sequence

from pipedrive_assets.cli import (
    doctor,
    entities,
    load,
    plan,
    purge,
    reconcile,
    sandbox,
    singer,
    try_sandbox,
)
from pipedrive_assets.config import Settings
from pipedrive_assets.errors import LoadFailed, PipedriveError
from pipedrive_assets.extract.unexpected import foreseen

COMMANDS = (
    try_sandbox.COMMAND,
    load.COMMAND,
    plan.COMMAND,
    reconcile.COMMAND,
    purge.COMMAND,
    entities.COMMAND,
    sandbox.COMMAND,
    doctor.COMMAND,
    singer.COMMAND,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code.

    Errors of ours are one message on standard error.
    """
    arguments = _parser().parse_args(argv)
    # A level of its own: Dagster sets those of the loggers.
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    logging.basicConfig(format="%(message)s", handlers=[handler])
    try:
        arguments.run(arguments)
    except KeyboardInterrupt:
        return 130
    except Exception as caught:  # noqa: BLE001 - a bug ends in a sentence, too
        error = foreseen(caught, f"running the command {arguments.command.name}")
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        if arguments.command.alerts:
            _alert(arguments.command.name, error)
        return error.exit_code
    return 0


def _alert(name: str, error: PipedriveError) -> None:
    """Tell the webhook, where the settings can be read and name one."""
    from pipedrive_assets.alert import failure_text, post

    with contextlib.suppress(PipedriveError):
        if url := Settings.from_env().alert_webhook:
            said = (
                str(error) if isinstance(error, LoadFailed) else f"{type(error).__name__}: {error}"
            )
            post(url, failure_text(f"`python -m pipedrive_assets {name}`", said))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pipedrive_assets", description="Pipedrive in your own warehouse."
    )
    commands = parser.add_subparsers(title="commands", required=True)
    for command in COMMANDS:
        one = commands.add_parser(command.name, help=command.help)
        command.options(one)
        one.set_defaults(run=command.run, command=command)
    return parser
