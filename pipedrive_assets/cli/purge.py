"""`purge`: erase a person from the warehouse."""

import sys
from collections.abc import Mapping

from pipedrive_assets.config import Settings
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.load import forgive_person, purge_person, recognized
from pipedrive_assets.load.attachments.erase import delete_contents, files_of_person
from pipedrive_assets.load.attachments.target import AttachmentTarget
from pipedrive_assets.load.raw_zone import RawZone
from pipedrive_assets.warehouse import Warehouse, ledger, warehouse_of
from pipedrive_assets.windows import utc_now


def purge(person: int, raw: str | None, files: str | None, *, undo: bool) -> None:
    """Erase a person and print what changed; no request is sent to Pipedrive.

    Args:
        person: The person's id in Pipedrive.
        raw: Whether to `keep` or `delete` all raw replies; None: there are none.
        files: Whether to `keep` or `delete` downloaded attachments of the person that belong to
            another record as well; None: there are none.
        undo: Only remove the person from the list of erased persons.

    Raises:
        ConfigurationError: There is no warehouse, or there are raw replies or such attachments
            and `raw` or `files` is None, or their place is not known.
    """
    settings = Settings.from_env()
    zone = RawZone.of(settings)
    if raw == "delete" and not zone:
        raise ConfigurationError(
            "--raw delete: PIPEDRIVE_RAW_TO is not set, so it is not known where raw replies are. "
            "Nothing was erased. Set it to their folder or URL, or leave out --raw."
        )
    if zone and not undo:
        _check_raw(zone, raw)
    warehouse = warehouse_of(settings)
    try:
        if not warehouse.exists():
            raise ConfigurationError(
                f"There is no warehouse {warehouse.backend}, so there is nothing to erase. "
                "Check PIPEDRIVE_WAREHOUSE and PIPEDRIVE_DATASET."
            )
        if undo:
            if zone:
                _note_erasure(zone, person, undo=True)
            forgive_person(warehouse, person)
            print(
                f"Person {person} is no longer on the list of erased persons. `load --full` loads "
                "the person again and writes every row again."
            )
        else:
            target = AttachmentTarget.of(settings)
            _check_attachments(warehouse, target, person, files)
            if zone and raw != "delete":
                _note_erasure(zone, person, undo=False)
            _erase(warehouse, person, erase_shared_files=files == "delete")
            if target:
                _erase_attachments(warehouse, target)
            if zone:
                _erase_raw(zone, deletes=raw == "delete")
    finally:
        warehouse.close()


def _check_raw(zone: RawZone, raw: str | None) -> None:
    """Require a decision on raw replies before anything is erased."""
    if raw is None and (files := zone.files()):
        raise ConfigurationError(
            f"{zone.store} has {len(files)} files with raw replies, which may contain the person. "
            "They cannot be edited. Nothing was erased. Add --raw delete to delete all of them as "
            "well, or --raw keep to erase the person from the warehouse only."
        )


def _check_attachments(
    warehouse: Warehouse, target: AttachmentTarget | None, person: int, files: str | None
) -> None:
    """Check that the contents can be deleted; require a decision on those of other records."""
    with warehouse.sql() as sql:
        ledger.prepare(sql)
        found = files_of_person(sql, person)
    here = str(target.store) if target else None
    places = {str(each.location) for each in (*found.alone.values(), *found.shared.values())}
    if elsewhere := sorted(places - {here}):
        raise ConfigurationError(
            f"Downloaded attachments of the person are in {elsewhere[0]}, but "
            f"PIPEDRIVE_DOWNLOAD_TO is {here or 'not set'}. Nothing was erased. Set it to that "
            "place, and run again."
        )
    if found.shared and files is None:
        raise ConfigurationError(
            f"{len(found.shared)} downloaded attachments belong to the person and to another "
            "record, for example a deal. Their rows stay, but their contents may name the person. "
            "Nothing was erased. Add --files delete to delete these contents, or --files keep."
        )


def _erase_attachments(warehouse: Warehouse, target: AttachmentTarget) -> None:
    with warehouse.sql() as sql:
        deleted = delete_contents(sql, target.store)
    if deleted:
        print(f"{target.store}: the contents of {deleted} attachments deleted.")


def _note_erasure(zone: RawZone, person: int, *, undo: bool) -> None:
    """Record the erasure for `rebuild`, before it is tried: it may be killed."""
    if zone.files():
        zone.note_erasure(person, utc_now(), undo=undo)


def _erase_raw(zone: RawZone, *, deletes: bool) -> None:
    if deletes:
        print(f"{zone.store}: {zone.delete()} files with raw replies deleted.")
    elif files := zone.files():
        print(f"{zone.store}: {len(files)} files with raw replies stay and may contain the person.")


def _erase(warehouse: Warehouse, person: int, *, erase_shared_files: bool) -> None:
    size = f"{megabytes:,.0f} MB" if (megabytes := warehouse.backend.megabytes) else "the tables"
    print(f"Erasing the person and rewriting {size} …", file=sys.stderr, flush=True)
    touched = purge_person(warehouse, person, utc_now(), erase_shared_files=erase_shared_files)
    known = recognized(warehouse, person)
    warehouse.renew_copy()
    for table, rows in touched.items():
        print(f"{table}: {rows} rows")
    print(
        f"Person {person} is erased from the warehouse, and later loads leave the person out. "
        f"{_recognized_by(known)} If the person still exists in Pipedrive, delete it there as well."
    )


def _recognized_by(known: Mapping[str, int]) -> str:
    """Return a sentence about what later loads recognize the person by."""
    if not known:
        return (
            "Loads recognize the person by the id alone, because the warehouse has no name, "
            "address or number of it. A load that reads the person from Pipedrive adds them."
        )
    counts = ", ".join(f"{known[kind]} of kind {kind}" for kind in sorted(known))
    return (
        "Loads recognize the person by the id and by hashes of names, addresses and numbers "
        f"({counts})."
    )
