"""The column files: what they hold, and that they are what the command makes of the documents."""

import importlib.util
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from pipedrive_assets.registry import ENTITIES, Entity
from pipedrive_assets.rows.columns import Column, columns_of

REPOSITORY = Path(__file__).parents[1]
TYPES = {"text", "bigint", "double", "bool", "timestamp", "date", "json"}


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tool", REPOSITORY / "tools" / "columns.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(tool: ModuleType) -> dict[Path, str]:
    files: dict[Path, str] = tool.expected_files()
    return files


def test_the_files_are_what_the_command_makes_of_the_documents(
    tool: ModuleType, made: dict[Path, str]
) -> None:
    assert [] == tool.differing(made)


def test_a_changed_and_a_stray_file_are_named(
    tool: ModuleType, made: dict[Path, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = {tmp_path / path.name: text for path, text in made.items()}
    for path, text in moved.items():
        path.write_text(text, "utf-8")
    (tmp_path / "deals.json").write_text("{}", "utf-8")
    (tmp_path / "gone.json").write_text("{}", "utf-8")
    monkeypatch.setattr(tool, "TARGET", tmp_path)
    assert [tmp_path / "deals.json", tmp_path / "gone.json"] == tool.differing(moved)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [(None, "make openapi"), ("{}", "api/v2/deals")],
)
def test_the_command_says_in_one_sentence_that_facts_are_missing(
    tool: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str | None,
    sentence: str,
) -> None:
    monkeypatch.setattr(tool, "FACTS", tmp_path / "openapi.json")
    if text:
        tool.FACTS.write_text(text, "utf-8")
    with pytest.raises(SystemExit, match=sentence):
        tool.main(["--check"])


def test_a_column_without_a_description_is_named(
    tool: ModuleType, made: dict[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = '{"columns": {"id": {}}, "lists": {"users": {"value": {"description": ""}}}}'
    monkeypatch.setattr(tool, "expected_files", lambda: {**made, Path("teams.json"): bare})
    monkeypatch.setattr(tool, "differing", lambda _: [])

    assert [] == tool.undescribed(made)
    assert ["teams.id", "teams.users.value"] == tool.undescribed({Path("teams.json"): bare})
    assert tool.main(["--check"]) == 1


def test_a_column_of_a_key_that_the_documents_lack_is_named_with_the_remedy(
    tool: ModuleType,
    made: dict[Path, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    stages = next(entity for entity in ENTITIES if entity.name == "stages")
    changed = replace(stages, key=("id", "board_id"), cursor="edit_time")
    monkeypatch.setattr(tool, "ENTITIES", [changed])
    monkeypatch.setattr(tool, "expected_files", lambda: made)

    assert ["stages.board_id", "stages.edit_time"] == tool.missing_keys(made)
    assert 1 == tool.main(["--check"])
    assert "stages.board_id is part of the key" in capsys.readouterr().out


@pytest.mark.parametrize("name", [entity.name for entity in ENTITIES])
def test_every_entity_has_its_key_its_cursor_and_our_two_columns(name: str) -> None:
    entity = next(entity for entity in ENTITIES if entity.name == name)
    wanted = {
        *entity.key,
        *filter(None, [entity.cursor]),
        "_row_hash",
        "_deleted_at",
        "_deleted_reason",
    }
    assert set() == wanted - set(columns_of(name).columns)


@pytest.mark.parametrize("name", [entity.name for entity in ENTITIES])
def test_only_types_of_dlt_occur(name: str) -> None:
    known = columns_of(name)
    tables = [known.columns, *known.lists.values()]
    assert set() == {column.type for table in tables for column in table.values()} - TYPES


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_every_field_asked_for_has_a_column_or_a_list(entity: Entity) -> None:
    known = columns_of(entity.name)
    asked = dict(entity.params).get("include_fields", "")
    assert set() == {*filter(None, asked.split(","))} - {*known.columns, *known.lists}


@pytest.mark.parametrize(
    ("entity", "column", "expected"),
    [
        ("deals", "value", "double"),
        ("deals", "local_won_date", "date"),
        ("deals", "archive_time", "timestamp"),
        ("deals", "source_lead_id", "text"),
        ("deals", "lost_reason", "text"),
        ("deals", "custom_fields", "json"),
        ("deals", "last_incoming_mail_time", "timestamp"),
        ("activities", "due_time", "text"),
        ("activities", "duration", "text"),
        ("activities", "due_date", "date"),
        ("users", "created", "timestamp"),
        ("users", "last_login", "timestamp"),
        ("users", "timezone_offset", "text"),
        ("products", "category", "text"),
        ("products", "visible_to", "bigint"),
        ("organizations", "address__formatted_address", "text"),
        ("deals_flow", "event", "json"),
        ("deals_participants", "person_id", "bigint"),
    ],
)
def test_a_column_has_the_type_its_values_need(entity: str, column: str, expected: str) -> None:
    assert expected == columns_of(entity).columns[column].type


def test_lists_have_columns_of_their_own() -> None:
    assert {"value": "bigint"} == _types(columns_of("deals").lists["label_ids"])
    assert {"value": "text", "primary": "bool", "label": "text"} == _types(
        columns_of("persons").lists["emails"]
    )


def test_the_stray_key_of_the_official_example_is_left_out() -> None:
    assert "org_id" not in columns_of("organizations").columns


def test_our_own_columns_say_what_they_mean() -> None:
    hashed = columns_of("stages").columns["_row_hash"]
    assert "bigint" == hashed.type
    assert re.search("changed", hashed.description or "")


def test_an_unknown_entity_is_named_in_a_sentence() -> None:
    with pytest.raises(KeyError, match="unicorns"):
        columns_of("unicorns")


def _types(columns: dict[str, Column]) -> dict[str, str]:
    return {name: column.type for name, column in columns.items()}
