"""Dagster's home: where its history goes. Dagster itself is not imported."""

from collections.abc import Mapping
from pathlib import Path

from pipedrive_assets.doctor.finding import Finding, fail, ok, warn

TOPIC = "dagster"


def check_home(environ: Mapping[str, str], root: Path) -> Finding:
    """Whether `dagster` commands in this folder find their configuration."""
    home = environ.get("DAGSTER_HOME", "").strip()
    if not home:
        if (root / "dagster.yaml").is_file():
            return ok(TOPIC, "dagster.yaml in this folder counts; history is kept in .dagster/")
        return warn(
            TOPIC,
            f"There is no dagster.yaml in {root}, and DAGSTER_HOME is not set.",
            "Run in the project's folder, or set DAGSTER_HOME; else Dagster forgets its history.",
        )
    folder = Path(home).expanduser()
    if not folder.is_absolute() or not folder.is_dir():
        remedy = "Set DAGSTER_HOME to the absolute path of a folder, or unset it."
        return fail(TOPIC, f"DAGSTER_HOME is {home!r}, which is no folder.", remedy)
    if not (folder / "dagster.yaml").is_file():
        return warn(
            TOPIC,
            f"DAGSTER_HOME is {home}, which has no dagster.yaml.",
            "Copy this project's dagster.yaml there, or unset DAGSTER_HOME.",
        )
    return ok(TOPIC, f"DAGSTER_HOME is {home}")
