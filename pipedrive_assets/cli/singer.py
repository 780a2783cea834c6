"""`singer`: the tap as Singer's targets expect it, messages on standard output and nothing else."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipedrive_assets.cli.command import Command
from pipedrive_assets.errors import ConfigurationError, WarehouseError


def run_tap(arguments: argparse.Namespace) -> None:
    """Discover, or sync."""
    from pipedrive_assets.singer import Catalog, PipedriveTap
    from pipedrive_assets.singer.messages import target_closed

    state = _json_file(arguments.state, "--state") if arguments.state else None
    tap = PipedriveTap(_json_file(arguments.config, "--config"), state)
    try:
        with _progress_on_stderr():
            if arguments.discover:
                tap.do_discover().dump(sys.stdout)
            elif chosen := arguments.catalog or arguments.properties:
                tap.do_sync(Catalog.from_dict(_json_file(chosen, "--catalog")))
            else:
                tap.do_sync(tap.do_discover())
        sys.stdout.flush()
    except OSError as error:
        _drop_output()
        raise target_closed(error) from error
    except WarehouseError:
        _drop_output()
        raise


@contextmanager
def _progress_on_stderr() -> Iterator[None]:
    """What each stream sent, on standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    progress = logging.getLogger("pipedrive_assets.singer")
    progress.addHandler(handler)
    progress.setLevel(logging.INFO)
    progress.propagate = False
    try:
        yield
    finally:
        progress.removeHandler(handler)
        progress.propagate = True


def _drop_output() -> None:
    """Let Python end without a second complaint about output that nobody reads."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _json_file(path: Path, option: str) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigurationError(
            f"{option}: {path} cannot be read ({error.strerror}). Give the path of a JSON file."
        ) from error
    except (ValueError, RecursionError):
        raise ConfigurationError(
            f"{option}: {path} is no JSON. Correct it, or make it anew."
        ) from None


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", type=Path, required=True, help="JSON file: api_token …")
    parser.add_argument("-s", "--state", type=Path, help="the last state that a target wrote")
    parser.add_argument("--catalog", type=Path, help="what --discover wrote, with your selection")
    parser.add_argument("-p", "--properties", type=Path, help="older word for --catalog")
    parser.add_argument("-d", "--discover", action="store_true", help="write the catalog")


COMMAND = Command(
    name="singer",
    help="read as a Singer tap: messages on standard output",
    run=run_tap,
    options=_options,
)
