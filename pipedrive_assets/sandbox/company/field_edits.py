"""Edits of the custom field definitions of a world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipedrive_assets.sandbox.company import custom_fields
from pipedrive_assets.sandbox.company.reference_rows import FOUNDED

if TYPE_CHECKING:
    from pipedrive_assets.sandbox.company.tables import Row


class FieldEdits:
    """The custom fields of a world, by table and code."""

    stamp: str
    """Current time of the world, UTC."""

    required_fields: dict[str, dict[str, Row]]
    """Requirements of fields as Pipedrive returns them, by table and code; others are optional."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.fields = {
            entity: custom_fields.initial_fields(seed, entity, FOUNDED)
            for entity in custom_fields.FIELD_OWNERS
        }
        self.required_fields: dict[str, dict[str, Row]] = {}
        self._next_option = 10_000
        self._next_field = 1_000

    def code(self, entity: str, label: str) -> str:
        """Code of the first custom field with this label."""
        return next(
            code for code, field in self.fields[entity].items() if field["field_name"] == label
        )

    def add_field(self, entity: str, label: str, field_type: str = "varchar") -> str:
        """Add a custom field; enum and set fields start with two options.

        Args:
            entity: Table of the field.
            label: Label of the field.
            field_type: Type of the field.

        Returns:
            Code of the field.
        """
        self._next_field += 1
        code = custom_fields.code_of(self.seed, entity, self._next_field)
        listed: list[Row] | None = [] if field_type in {"enum", "set"} else None
        self.fields[entity][code] = custom_fields.custom_field(code, label, field_type, listed)
        if listed is not None:
            for name in ("One", "Two"):
                self.add_option(entity, code, name)
        return code

    def rename_field(self, entity: str, code: str, label: str) -> None:
        """Change the label of a custom field; its code stays.

        Args:
            entity: Table of the field.
            code: Code of the field.
            label: The new label.
        """
        field = self.fields[entity][code]
        renamed = custom_fields.custom_field(code, label, field["field_type"], field["options"])
        self.fields[entity][code] = renamed

    def remove_field(self, entity: str, code: str) -> None:
        """Delete a custom field; API v2 no longer returns its values."""
        del self.fields[entity][code]

    def add_option(self, entity: str, code: str, label: str) -> int:
        """Add an option to an enum or set field.

        Args:
            entity: Table of the field.
            code: Code of the field.
            label: Label of the option.

        Returns:
            Id of the option.
        """
        self._next_option += 1
        added = custom_fields.option(self._next_option, label, self.stamp)
        self.fields[entity][code]["options"].append(added)
        return self._next_option

    def rename_option(self, entity: str, code: str, option_id: int, label: str) -> None:
        """Change the label of an option.

        Args:
            entity: Table of the field.
            code: Code of the field.
            option_id: Id of the option.
            label: The new label.
        """
        for each in self.fields[entity][code]["options"]:
            if each["id"] == option_id:
                each.update(label=label, update_time=self.stamp)

    def remove_option(self, entity: str, code: str, option_id: int) -> None:
        """Delete an option; records that have its id keep it.

        Args:
            entity: Table of the field.
            code: Code of the field.
            option_id: Id of the option.
        """
        field = self.fields[entity][code]
        field["options"] = [each for each in field["options"] if each["id"] != option_id]
