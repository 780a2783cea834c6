"""What the last materializations of derived assets reported.

A run that finds the same content reports it again, without computing it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

CONTENT = "content"
"""The metadata key of what the report was made from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownContent:
    """The last reports on some derived assets.

    Attributes:
        digest: The digest of the content that all of them were made from; empty if they differ, or
            if one of them was made for another warehouse or another preview.
        metadata: Their metadata, by the name of the asset.
        made_from: The part of `content` that is not the digest.
    """

    digest: str = ""
    metadata: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    made_from: Mapping[str, str] = field(default_factory=dict)

    def content(self, digest: str) -> dict[str, Any]:
        """Return the metadata of a report that is made from a content."""
        return {CONTENT: dg.MetadataValue.json({**self.made_from, "digest": digest})}

    def of(self, name: str, keys: Iterable[str]) -> dict[str, Any]:
        """Return those of some metadata values that an asset reported."""
        reported = self.metadata.get(name, {})
        return {key: reported[key] for key in keys if key in reported}


def known_content(
    instance: dg.DagsterInstance, keys: Collection[dg.AssetKey], warehouse: str, preview: str
) -> KnownContent:
    """Return the last reports on some derived assets.

    Args:
        instance: Dagster's instance.
        keys: The assets.
        warehouse: The name of the warehouse.
        preview: The setting PIPEDRIVE_PREVIEW.
    """
    made_from = {"warehouse": warehouse, "preview": preview}
    records = instance.get_asset_records(list(keys))
    last = [record.asset_entry.last_materialization for record in records]
    events = [event.asset_materialization for event in last if event]
    found = {event.asset_key.path[-1]: event.metadata for event in events if event}
    digests = {_digest(found.get(key.path[-1], {}), made_from) for key in keys}
    return KnownContent(
        digest=digests.pop() if len(digests) == 1 else "", metadata=found, made_from=made_from
    )


def _digest(metadata: Mapping[str, Any], made_from: Mapping[str, str]) -> str:
    content = getattr(metadata.get(CONTENT), "value", None)
    if not isinstance(content, dict) or {**content, **made_from} != content:
        return ""
    return str(content.get("digest", ""))
