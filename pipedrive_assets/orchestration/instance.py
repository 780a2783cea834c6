"""Completes `dagster asset materialize --select deals+`.

That command does not read workspace.yaml and needs a partition. `dagster.yaml` names this class as
the instance class. If that command creates it and options are missing, the command runs again with
them. Without the line in `dagster.yaml` the command needs `-m pipedrive_assets --partition <day>`;
everything else works the same.
"""

import os
import re
import subprocess
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef

from pipedrive_assets.config import Settings
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.orchestration.automation.partitions import open_day
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.views.sql import DERIVED_TABLES, OVERVIEW
from pipedrive_assets.windows import utc_now

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MODULE = "pipedrive_assets"
LOCATION_OPTIONS = (
    *(
        "-m",
        "--module-name",
        "-f",
        "--python-file",
        "--package-name",
        "--autoload-defs-module-name",
    ),
    *("-d", "--working-directory", "-a", "--attribute"),
)
LOCATION_VARIABLES = (
    *("DAGSTER_MODULE_NAME", "DAGSTER_PYTHON_FILE", "DAGSTER_PACKAGE_NAME"),
    *("DAGSTER_WORKING_DIRECTORY", "DAGSTER_ATTRIBUTE", "DAGSTER_autoload_defs_module_name"),
)
"""Where else Dagster takes a code location from; such a command is left as it is."""

PARTITION_OPTIONS = ("--partition", "--partition-range")
SELECT_OPTIONS = ("--select",)
PLAIN_SELECTION = re.compile(r"[\w+*,\s]+")
NAME = re.compile(r"[^\W\d]\w*")
OPERATORS = ("and", "or", "not")
DAY = re.compile(r"\d{4}-\d\d-\d\d")
HELP_OPTIONS = ("--help", "-h")
DERIVED_ASSETS = {*(derived.name for derived in DERIVED_TABLES), OVERVIEW}
SUPERSEDED = "ignore:Function `asset_materialize_command` is superseded"
"""The first process has shown this warning already."""


class BareCommandInstance(dg.DagsterInstance):
    """Dagster's own instance, which completes a bare `dagster asset materialize`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Run the completed command in place of a bare one, and exit with its code.

        Raises:
            SystemExit: The command was a bare one; with one sentence where a setting is wrong.
        """
        if is_bare(sys.argv, os.environ, Path.cwd()):
            stop_on_wrong_settings(sys.argv)
            command = spelled_out(sys.argv, today=open_day(utc_now()))
            print(f"dagster {' '.join(command)}", file=sys.stderr)  # noqa: T201 - README promises it
            full = [sys.executable, "-W", SUPERSEDED, "-m", "dagster", *command]
            raise SystemExit(subprocess.call(full))  # noqa: S603 - what the user typed
        super().__init__(*args, **kwargs)

    @classmethod
    def config_schema(cls) -> Mapping[str, Any]:
        """Return an empty schema: the class has no configuration."""
        return {}

    @staticmethod
    def config_defaults(base_dir: str) -> Mapping[str, Any]:
        """Return Dagster's own defaults."""
        return InstanceRef.config_defaults(base_dir)


def is_bare(argv: Sequence[str], environ: Mapping[str, str], folder: Path) -> bool:
    """Return whether a process is `dagster asset materialize` without any code location.

    Args:
        argv: The command line of the process.
        environ: Its environment, which may name a code location.
        folder: Its working directory, whose pyproject.toml may name one.
    """
    program, words = Path(argv[0]), argv[1:]
    is_dagster = program.stem == "dagster" or (
        program.name == "__main__.py" and program.parent.name == "dagster"
    )
    if not is_dagster or list(words[:2]) != ["asset", "materialize"] or _has(words, HELP_OPTIONS):
        return False
    if _has(words, LOCATION_OPTIONS) or any(environ.get(name) for name in LOCATION_VARIABLES):
        return False
    return not _names_location(folder / "pyproject.toml")


def _names_location(path: Path) -> bool:
    """Whether a pyproject.toml has a block from which Dagster takes a code location."""
    try:
        tool = tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError):
        return False
    return "dagster" in tool or "dg" in tool


def stop_on_wrong_settings(argv: Sequence[str]) -> None:
    """Exit with one sentence about a wrong setting; Dagster would print a long traceback.

    Raises:
        SystemExit: A setting, partition or name in the command is wrong.
    """
    try:
        settings = Settings.from_env()
        check_partitions(argv, settings.first_partition.isoformat(), open_day(utc_now()))
        check_selection(argv, settings.entities)
        check_names(argv, {entity.name for entity in settings.entities} | DERIVED_ASSETS)
    except ConfigurationError as error:
        raise SystemExit(f"{type(error).__name__}: {error}") from None


def check_partitions(argv: Sequence[str], first: str, last: str) -> None:
    """Check the partitions in a command.

    Args:
        argv: The command line.
        first: The first partition.
        last: The last partition.

    Raises:
        ConfigurationError: A partition does not exist.
    """
    for value in _given(argv, PARTITION_OPTIONS):
        days = value.split("...")
        for day in days:
            if not (DAY.fullmatch(day) and first <= day <= last):
                raise ConfigurationError(
                    f"Unknown partition {day!r}. Partitions are the UTC days from {first} "
                    f"(PIPEDRIVE_FIRST_PARTITION) to {last}, written as {last}."
                )
        if days != sorted(days):
            raise ConfigurationError(
                f"The partition range {value} ends before it begins. Nothing was loaded. Write the "
                "earlier day first."
            )


def check_selection(argv: Sequence[str], entities: Sequence[Entity]) -> None:
    """Check that the settings load the tables that a command selects.

    Raises:
        ConfigurationError: PIPEDRIVE_TABLES leaves a table out.
    """
    left_out = set(BY_NAME) - {entity.name for entity in entities}
    for value in _given(argv, SELECT_OPTIONS):
        for name in re.findall(r"\w+", value):
            if name in left_out:
                raise ConfigurationError(
                    f"{name} is not one of the loaded tables. To add it, set "
                    f"PIPEDRIVE_TABLES=default,+{name} in the environment or in .env."
                )


def check_names(argv: Sequence[str], assets: Collection[str]) -> None:
    """Check the asset names in a command.

    Raises:
        ConfigurationError: A name is not an asset.
    """
    for value in _given(argv, SELECT_OPTIONS):
        names = NAME.findall(value) if PLAIN_SELECTION.fullmatch(value) else []
        for name in [name for name in names if name not in assets and name not in OPERATORS]:
            likely = get_close_matches(name, assets, n=1) or ["deals"]
            raise ConfigurationError(
                f"Unknown asset {name!r}. Did you mean {likely[0]!r}? List all assets with: "
                f"dagster asset list -m {MODULE}"
            )


def _given(argv: Sequence[str], options: Sequence[str]) -> Iterator[str]:
    """The values of options in a command: `--option value` or `--option=value`."""
    for option, value in zip(argv, [*argv[1:], ""], strict=True):
        name, is_joined, joined = option.partition("=")
        if name in options:
            yield joined if is_joined else value


def spelled_out(argv: Sequence[str], *, today: str) -> list[str]:
    """Return the full arguments of a bare `dagster asset materialize`.

    Args:
        argv: The command line of the process.
        today: The partition to materialize where the command names none.
    """
    words = list(argv[1:])
    has_choice = _has(words, PARTITION_OPTIONS) or _selects_derived_only(words)
    partition = [] if has_choice else ["--partition", today]
    return [*words, "-m", MODULE, *partition]


def _selects_derived_only(words: Sequence[str]) -> bool:
    """Whether a command selects by name, and derived assets only; they have no partitions."""
    names = [name for value in _given(words, SELECT_OPTIONS) for name in value.split(",")]
    return bool(names) and {name.strip() for name in names} <= DERIVED_ASSETS


def _has(words: Sequence[str], options: Sequence[str]) -> bool:
    return any(
        word == option or word.startswith(f"{option}=") for word in words for option in options
    )
