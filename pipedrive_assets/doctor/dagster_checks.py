"""Checks where Dagster keeps its history (DAGSTER_HOME), without importing Dagster."""

from collections.abc import Mapping
from pathlib import Path

from pipedrive_assets.doctor.finding import Finding, fail, ok, warn

TOPIC = "dagster"


def check_home(environ: Mapping[str, str], root: Path) -> Finding:
    """Check that `dagster` commands in a folder find their configuration.

    Args:
        environ: The environment variables.
        root: The folder where the commands run.

    Returns:
        A finding on DAGSTER_HOME.
    """
    home = environ.get("DAGSTER_HOME", "").strip()
    if not home:
        if (root / "dagster.yaml").is_file():
            return ok(
                TOPIC, "Dagster uses dagster.yaml in this folder and keeps history in .dagster/"
            )
        return warn(
            TOPIC,
            f"There is no dagster.yaml in {root}, and DAGSTER_HOME is not set, so Dagster does not "
            "keep its history.",
            "Run in the project's folder, or set DAGSTER_HOME.",
        )
    folder = Path(home).expanduser()
    if not folder.is_absolute() or not folder.is_dir():
        remedy = "Set DAGSTER_HOME to the absolute path of a folder, or unset it."
        text = f"DAGSTER_HOME is {home!r}, which is not the absolute path of a folder."
        return fail(TOPIC, text, remedy)
    if not (folder / "dagster.yaml").is_file():
        return warn(
            TOPIC,
            f"DAGSTER_HOME is {home}, which has no dagster.yaml.",
            "Copy this project's dagster.yaml there, or unset DAGSTER_HOME.",
        )
    return ok(TOPIC, f"DAGSTER_HOME is {home}")
