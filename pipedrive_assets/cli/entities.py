"""`entities`: the tables that can be loaded."""

from pipedrive_assets.cli.output import print_table
from pipedrive_assets.registry import ENTITIES


def entities() -> None:
    """Print name, kind, endpoint and tokens per page of every table."""
    rows = [
        (
            entity.name,
            f"{entity.kind.value}{', optional' if entity.optional else ''}",
            f"/{entity.path}",
            str(entity.tokens_per_page),
        )
        for entity in ENTITIES
    ]
    print_table(("table", "kind", "endpoint", "tokens per page"), rows)
