"""The catalog: what may be read, and what somebody chose of it."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.singer.schema import Schema
from pipedrive_assets.singer.stream import Stream

Metadata = list[dict[str, Any]]


@dataclass(slots=True, kw_only=True)
class CatalogEntry:
    """A stream in a catalog; `metadata` holds what is selected, in Singer's own form."""

    tap_stream_id: str
    stream: str
    key_properties: list[str]
    schema: Schema
    metadata: Metadata = field(default_factory=list)
    replication_method: str | None = None
    replication_key: str | None = None

    def of(self, *breadcrumb: str) -> dict[str, Any]:
        """The metadata at a breadcrumb; that of the stream itself without one."""
        found = (each for each in self.metadata if each.get("breadcrumb") == list(breadcrumb))
        held = next(found, {}).get("metadata")
        return held if isinstance(held, dict) else {}

    @property
    def is_selected(self) -> bool:
        """Whether somebody selected it, or nobody said anything and it is selected by default."""
        said = self.of().get("selected", self.schema.get("selected"))
        return bool(self.of().get("selected-by-default") if said is None else said)

    @property
    def selected_properties(self) -> list[str]:
        """The properties to send; those with `inclusion: automatic` always."""
        return [name for name in self.schema.get("properties", {}) if self._is_sent(name)]

    def _is_sent(self, name: str) -> bool:
        told = self.of("properties", name)
        if told.get("inclusion") == "automatic" or name in self.key_properties:
            return True
        said = told.get("selected")
        return bool(told.get("selected-by-default", True) if said is None else said)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        facts = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in facts.items() if value is not None}


class Catalog:
    """Streams that may be selected."""

    def __init__(self, streams: Iterable[CatalogEntry]) -> None:
        """In the order in which they are read."""
        self.streams = list(streams)

    def get_stream(self, tap_stream_id: str) -> CatalogEntry | None:
        """The entry of a stream; None: the catalog has none."""
        return next((each for each in self.streams if each.tap_stream_id == tap_stream_id), None)

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"streams": [entry.to_dict() for entry in self.streams]}

    def dump(self, out: TextIO) -> None:
        """Write it as JSON."""
        json.dump(self.to_dict(), out, indent=2)
        out.write("\n")

    @classmethod
    def from_dict(cls, content: Any) -> "Catalog":
        """Read what `to_dict` gave, edited by whoever selects; raises ConfigurationError."""
        streams = content.get("streams") if isinstance(content, dict) else None
        if not isinstance(streams, list):
            raise ConfigurationError(
                "The catalog holds no list of streams. Make one with --discover, and edit that."
            )
        return cls(_entry(each) for each in streams)


def _entry(content: Any) -> CatalogEntry:
    name = content.get("tap_stream_id") if isinstance(content, dict) else None
    schema = content.get("schema") if isinstance(content, dict) else None
    metadata = content.get("metadata") or [] if isinstance(content, dict) else None
    if not isinstance(name, str) or not isinstance(schema, dict) or not isinstance(metadata, list):
        raise ConfigurationError(
            f"A stream of the catalog lacks its tap_stream_id or its schema: {str(content)[:80]!r}"
            ". Make the catalog anew with --discover, and edit that."
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


def entry_of(stream: Stream, schema: Schema) -> CatalogEntry:
    """The entry of a stream as discovery shows it, with nothing chosen yet."""
    automatic = {*stream.key_properties, stream.replication_key}
    told: dict[str, Any] = {
        "inclusion": "available",
        "selected-by-default": stream.selected_by_default,
        "schema-name": stream.tap_stream_id,
        "table-key-properties": stream.key_properties,
        "forced-replication-method": stream.replication_method,
    }
    if stream.replication_key:
        told["valid-replication-keys"] = [stream.replication_key]
    if stream.entity.parent:
        told["parent-tap-stream-id"] = stream.entity.parent
    return CatalogEntry(
        tap_stream_id=stream.tap_stream_id,
        stream=stream.tap_stream_id,
        key_properties=stream.key_properties,
        schema=schema,
        replication_method=stream.replication_method,
        replication_key=stream.replication_key,
        metadata=[
            {"breadcrumb": [], "metadata": told},
            *(_property(name, automatic=name in automatic) for name in schema["properties"]),
        ],
    )


def _property(name: str, *, automatic: bool) -> dict[str, Mapping[str, Any] | list[str]]:
    inclusion = "automatic" if automatic else "available"
    chosen = {} if automatic else {"selected-by-default": True}
    return {"breadcrumb": ["properties", name], "metadata": {"inclusion": inclusion, **chosen}}
