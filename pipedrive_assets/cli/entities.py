"""`entities`: what can be loaded."""

import argparse

from pipedrive_assets.cli.command import Command
from pipedrive_assets.cli.text_table import print_table
from pipedrive_assets.registry import ENTITIES


def list_entities(_arguments: argparse.Namespace) -> None:
    """Name, endpoint, tokens a page."""
    rows = [
        (
            entity.name,
            f"{entity.kind.value}{', optional' if entity.optional else ''}",
            f"/{entity.path}",
            str(entity.cost),
        )
        for entity in ENTITIES
    ]
    print_table(("table", "kind", "endpoint", "tokens a page"), rows)


COMMAND = Command(
    name="entities", help="list what can be loaded and what a page costs", run=list_entities
)
