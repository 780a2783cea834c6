"""Unique labels for pipelines, stages and users on the charts."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

OTHER_STAGES = "other stages"
NO_CURRENCY = "no currency"


def apart(names: Mapping[Hashable, str]) -> dict[Hashable, str]:
    """Return a unique label by id: the name, followed by the id if the name is not unique."""
    counts = Counter(names.values())
    return {key: name if counts[name] == 1 else f"{name} ({key})" for key, name in names.items()}


def stage_labels(stages: Sequence[tuple[Any, Any, str, str]]) -> dict[Any, str]:
    """Return unique labels of stages in one chart, by their id.

    Args:
        stages: The id of the stage, the id of its pipeline, the name of the pipeline, and the name
            of the stage.

    Returns:
        The stage's name, followed by its pipeline's if several pipelines have such a stage.
    """
    pipelines = apart({pipeline: name for _, pipeline, name, _ in stages})
    counts = Counter({stage: name for stage, _, _, name in stages}.values())
    return apart(
        {
            stage: name if counts[name] == 1 else f"{name} ({pipelines[pipeline]})"
            for stage, pipeline, _, name in stages
        }
    )


def not_drawn(deals: Mapping[str | None, float], drawn: Sequence[str | None]) -> str:
    """Name the currencies that a chart omits, with their numbers of deals.

    Args:
        deals: The number of deals by currency.
        drawn: The currencies in the chart.

    Returns:
        A sentence; empty if no currency is omitted.
    """
    left = {name: count for name, count in deals.items() if name not in drawn and count}
    if not left:
        return ""
    names = ", ".join(f"{name or NO_CURRENCY} ({count:,.0f} deals)" for name, count in left.items())
    return f"Not shown in the chart: {names}.".replace("(1 deals)", "(1 deal)")
