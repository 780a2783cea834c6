"""Names on the charts: pipelines and stages of the same name stay apart."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

OTHER_STAGES = "other stages"
NO_CURRENCY = "no currency"


def apart(names: Mapping[Hashable, str]) -> dict[Hashable, str]:
    """Labels by id: the name, with its id where another one has the same name."""
    counts = Counter(names.values())
    return {key: name if counts[name] == 1 else f"{name} ({key})" for key, name in names.items()}


def stage_labels(stages: Sequence[tuple[Any, Any, str, str]]) -> dict[Any, str]:
    """Labels of stages that are drawn together, by their id.

    Args:
        stages: The id of a stage and of its pipeline, the names of the pipeline and of the stage.

    Returns:
        The stage's name; with its pipeline's where two pipelines have a stage of that name.
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
    """A sentence that names the currencies left out, with their deals; empty: none is left out."""
    left = {name: count for name, count in deals.items() if name not in drawn and count}
    if not left:
        return ""
    said = ", ".join(f"{name or NO_CURRENCY} ({count:,.0f} deals)" for name, count in left.items())
    return f"Not drawn, for want of room: {said}.".replace("(1 deals)", "(1 deal)")
