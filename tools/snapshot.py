"""Write `definitions.json`: the assets, checks, jobs, schedules and sensors that Dagster loads.

    .venv/bin/python tools/snapshot.py [--check]

A test compares the file, which is part of the tests, with the definitions. A commit that changes
what users see in Dagster therefore shows it in its diff. All optional tables and the alert sensor
are included. Columns are not: each table has its column file.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import dagster as dg

from pipedrive_assets.config import Settings
from pipedrive_assets.definitions import build
from pipedrive_assets.registry import ENTITIES

TARGET = Path(__file__).parents[1] / "pipedrive_assets_tests" / "orchestration" / "definitions.json"
EVERYTHING = {
    "PIPEDRIVE_TABLES": ",".join(["default", *(f"+{e.name}" for e in ENTITIES if e.optional)]),
    "PIPEDRIVE_ALERT_WEBHOOK": "https://hooks.example/alerts",
}
Json = dict[str, Any]


def recorded(environment: Mapping[str, str]) -> Json:
    """Describe the definitions that some settings create.

    Args:
        environment: Settings as environment variables.

    Returns:
        JSON values sorted by name; they do not depend on the time.
    """
    definitions = build(Settings.from_env(environment))
    repository = definitions.get_repository_def()
    return {
        "assets": by_name(map(asset, definitions.resolve_all_asset_specs())),
        "checks": by_name(
            check(spec)
            for assets in repository.assets_defs_by_key.values()
            for spec in assets.check_specs
        ),
        "jobs": by_name(
            job(each) for each in repository.get_all_jobs() if not each.name.startswith("__")
        ),
        "schedules": by_name(map(schedule, repository.schedule_defs)),
        "sensors": by_name(map(sensor, repository.sensor_defs)),
    }


def by_name(described: Iterable[tuple[str, Json]]) -> Json:
    """Sort descriptions by name."""
    return dict(sorted(described))


def asset(spec: dg.AssetSpec) -> tuple[str, Json]:
    """Describe an asset."""
    partitions = spec.partitions_def
    freshness, automation = spec.freshness_policy, spec.automation_condition
    return spec.key.to_user_string(), {
        "description": spec.description,
        "group": spec.group_name,
        "depends on": sorted(dep.asset_key.to_user_string() for dep in spec.deps),
        "partitions": str(partitions) if partitions else None,
        "freshness": windows(freshness) if freshness else None,
        "automation": automation.get_label() or str(automation) if automation else None,
        "owners": sorted(spec.owners),
        "tags": dict(sorted(spec.tags.items())),
        "metadata": sorted(spec.metadata),
        "code version": spec.code_version,
    }


def windows(policy: dg.FreshnessPolicy) -> str | Json:
    """Describe when a freshness policy warns and when it fails."""
    return {
        name: str(window.to_timedelta())
        for name in ("warn_window", "fail_window")
        if (window := getattr(policy, name, None))
    } or str(policy)


def check(spec: dg.AssetCheckSpec) -> tuple[str, Json]:
    """Describe an asset check."""
    return f"{spec.asset_key.to_user_string()}: {spec.name}", {
        "description": spec.description,
        "blocking": spec.blocking,
    }


def job(definition: dg.JobDefinition) -> tuple[str, Json]:
    """Describe a job by its steps, assets and tags."""
    return definition.name, {
        "description": definition.description,
        "steps": sorted(node.name for node in definition.nodes),
        "assets": sorted(
            key.to_user_string() for key in definition.asset_layer.selected_asset_keys
        ),
        "tags": dict(sorted(definition.tags.items())),
    }


def schedule(definition: dg.ScheduleDefinition) -> tuple[str, Json]:
    """Describe a schedule."""
    return definition.name, {
        "description": definition.description,
        "job": definition.job_name,
        "cron": definition.cron_schedule,
        "time zone": definition.execution_timezone,
        "by default": definition.default_status.value,
    }


def sensor(definition: dg.SensorDefinition) -> tuple[str, Json]:
    """Describe a sensor."""
    return definition.name, {
        "description": definition.description,
        "type": definition.sensor_type.value,
        "jobs": sorted(target.job_name for target in definition.targets),
        "seconds between": definition.minimum_interval_seconds,
        "by default": definition.default_status.value,
    }


def snapshot() -> str:
    """Build the text of the file."""
    default = recorded({})
    whole = {
        "by default": {kind: list(found) for kind, found in default.items() if kind != "checks"},
        **recorded(EVERYTHING),
    }
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the file, or print whether it differs (`--check`)."""
    text = snapshot()
    if TARGET.exists() and TARGET.read_text("utf-8") == text:
        return 0
    if "--check" in arguments:
        print(f"{TARGET.name} differs from the definitions; run make snapshot and read its diff")
        return 1
    TARGET.write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
