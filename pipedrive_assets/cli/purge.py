"""`purge`: take a person out of the warehouse, for good."""

import argparse
import sys
from collections.abc import Mapping

from pipedrive_assets.cli.command import Command
from pipedrive_assets.config import Settings
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.windows import utc_now


def purge(arguments: argparse.Namespace) -> None:
    """Erase a person and say what was touched; nothing is asked of Pipedrive."""
    from pipedrive_assets.load import forgive_person, purge_person, recognized
    from pipedrive_assets.warehouse import warehouse_of

    settings = Settings.from_env()
    warehouse = warehouse_of(settings)
    try:
        if not warehouse.exists():
            raise ConfigurationError(
                f"There is no warehouse {warehouse.store}, so nobody can be taken out of it. "
                "Set PIPEDRIVE_WAREHOUSE to the file meant, or PIPEDRIVE_DATASET."
            )
        if arguments.undo:
            forgive_person(warehouse, arguments.person)
            print(
                f"Person {arguments.person} is off the list. `load --full` brings them back and "
                "writes every row again."
            )
            return
        size = f"{megabytes:,.0f} MB" if (megabytes := warehouse.store.megabytes) else "the tables"
        print(f"Erasing, and writing {size} anew …", file=sys.stderr, flush=True)
        touched = purge_person(warehouse, arguments.person, utc_now())
        known = recognized(warehouse, arguments.person)
        warehouse.renew_copy()
    finally:
        warehouse.close()
    for table, rows in touched.items():
        print(f"{table}: {rows} rows")
    print(
        f"Person {arguments.person} is erased here, and later loads leave them out. {_by(known)} "
        "If Pipedrive still has them, delete them there too."
    )


def _by(known: Mapping[str, int]) -> str:
    """What later loads recognize the person by."""
    if not known:
        return (
            "They are recognized by the id alone: the warehouse has no name, address or number of "
            "them. A load that reads the person from Pipedrive adds what it has."
        )
    counts = ", ".join(f"{known[kind]} of kind {kind}" for kind in sorted(known))
    return (
        f"They are recognized by the id and by hashes of names, addresses and numbers ({counts})."
    )


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--person", type=int, required=True, metavar="id", help="Pipedrive's id")
    parser.add_argument(
        "--undo", action="store_true", help="take the person off the list of the erased"
    )


COMMAND = Command(
    name="purge",
    help="take a person out of every table, for erasure requests",
    run=purge,
    options=_options,
)
