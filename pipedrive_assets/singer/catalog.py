"""The catalog: the available streams, and which of them are selected."""

import json
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.singer.schema import Schema
from pipedrive_assets.singer.stream import DELETED_AT, Stream

Metadata = list[dict[str, Any]]


@dataclass(slots=True, kw_only=True)
class CatalogEntry:
    """A stream in a catalog, with the attributes of Singer's specification."""

    tap_stream_id: str
    stream: str
    key_properties: list[str]
    schema: Schema
    metadata: Metadata = field(default_factory=list)
    replication_method: str | None = None
    replication_key: str | None = None

    def of(self, *breadcrumb: str) -> dict[str, Any]:
        """Return the metadata at a breadcrumb, or of the stream itself without one."""
        found = (each for each in self.metadata if each.get("breadcrumb") == list(breadcrumb))
        held = next(found, {}).get("metadata")
        return held if isinstance(held, dict) else {}

    @property
    def is_selected(self) -> bool:
        """Whether the stream is selected, explicitly or by default."""
        selected = self.of().get("selected", self.schema.get("selected"))
        return bool(self.of().get("selected-by-default") if selected is None else selected)

    @property
    def selected_properties(self) -> list[str]:
        """The selected properties, and all with `inclusion: automatic`."""
        return [name for name in self.schema.get("properties", {}) if self._is_sent(name)]

    def _is_sent(self, name: str) -> bool:
        found = self.of("properties", name)
        if found.get("inclusion") == "automatic" or name in self.key_properties:
            return True
        selected = found.get("selected")
        return bool(found.get("selected-by-default", True) if selected is None else selected)

    def to_dict(self) -> dict[str, Any]:
        """Return the entry as a JSON object."""
        facts = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in facts.items() if value is not None}


class Catalog:
    """A catalog: the streams of a tap, each with its schema and selection."""

    def __init__(self, streams: Iterable[CatalogEntry]) -> None:
        """Make a catalog of streams, in the order in which a sync reads them."""
        self.streams = list(streams)

    def get_stream(self, tap_stream_id: str) -> CatalogEntry | None:
        """Return the entry of a stream, or None if the catalog has none."""
        return next((each for each in self.streams if each.tap_stream_id == tap_stream_id), None)

    def to_dict(self) -> dict[str, Any]:
        """Return the catalog as a JSON object."""
        return {"streams": [entry.to_dict() for entry in self.streams]}

    def dump(self, out: TextIO) -> None:
        """Write the catalog as JSON."""
        json.dump(self.to_dict(), out, indent=2)
        out.write("\n")

    @classmethod
    def from_dict(cls, content: Any) -> "Catalog":
        """Read a catalog.

        Args:
            content: A JSON object as `to_dict` returns it, with a selection.

        Returns:
            The catalog.

        Raises:
            ConfigurationError: It is not a catalog.
        """
        streams = content.get("streams") if isinstance(content, dict) else None
        if not isinstance(streams, list):
            raise ConfigurationError(
                "The catalog has no list of streams. Create a catalog with --discover and edit it."
            )
        return cls(_entry(each) for each in streams)


def _entry(content: Any) -> CatalogEntry:
    name = content.get("tap_stream_id") if isinstance(content, dict) else None
    schema = content.get("schema") if isinstance(content, dict) else None
    metadata = content.get("metadata") or [] if isinstance(content, dict) else None
    if not isinstance(name, str) or not isinstance(schema, dict) or not isinstance(metadata, list):
        raise ConfigurationError(
            "A stream of the catalog has no tap_stream_id or no schema: "
            f"{str(content)[:80]!r}. Create a new catalog with --discover and edit it."
        )
    return CatalogEntry(
        tap_stream_id=name,
        stream=content.get("stream") or name,
        key_properties=list(content.get("key_properties") or ()),
        schema=schema,
        metadata=[each for each in metadata if isinstance(each, dict)],
        replication_method=content.get("replication_method"),
        replication_key=content.get("replication_key"),
    )


def entry_of(stream: Stream, schema: Schema, optional_streams: Container[str]) -> CatalogEntry:
    """Return the entry of a stream as discovery returns it, without a selection.

    Args:
        stream: The stream.
        schema: Its schema.
        optional_streams: The optional streams that the config names; selected by default.

    Returns:
        The entry.
    """
    automatic = {*stream.key_properties, stream.replication_key, DELETED_AT}
    is_named = stream.tap_stream_id in optional_streams
    found: dict[str, Any] = {
        "inclusion": "available",
        "selected-by-default": stream.selected_by_default or is_named,
        "schema-name": stream.tap_stream_id,
        "table-key-properties": stream.key_properties,
        "forced-replication-method": stream.replication_method,
    }
    if stream.replication_key:
        found["valid-replication-keys"] = [stream.replication_key]
    if stream.entity.parent:
        found["parent-tap-stream-id"] = stream.entity.parent
    return CatalogEntry(
        tap_stream_id=stream.tap_stream_id,
        stream=stream.tap_stream_id,
        key_properties=stream.key_properties,
        schema=schema,
        replication_method=stream.replication_method,
        replication_key=stream.replication_key,
        metadata=[
            {"breadcrumb": [], "metadata": found},
            *(_property(name, automatic=name in automatic) for name in schema["properties"]),
        ],
    )


def _property(name: str, *, automatic: bool) -> dict[str, Mapping[str, Any] | list[str]]:
    inclusion = "automatic" if automatic else "available"
    chosen = {} if automatic else {"selected-by-default": True}
    return {"breadcrumb": ["properties", name], "metadata": {"inclusion": inclusion, **chosen}}
