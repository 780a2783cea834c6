"""README and docs cite what there is."""

import runpy
from pathlib import Path

import pytest

from pipedrive_assets.registry import DEFAULT_ENTITIES
from pipedrive_assets.views.sql import DERIVED_TABLES

TOOL = Path(__file__).parents[1] / "tools" / "docs.py"


@pytest.fixture(scope="module")
def tool():
    return runpy.run_path(str(TOOL))


def test_every_test_and_file_that_is_cited_exists(tool):
    texts = tool["documents"]()

    assert {"README.md", "docs/seeds.md", "docs/behaviors.md"} <= set(texts)
    assert [] == tool["false_citations"](texts, tool["defined_tests"]())


def test_every_surprise_is_held_by_a_test(tool):
    assert [] == tool["untested_behaviors"](tool["documents"]()["docs/behaviors.md"])


def test_what_is_cited_in_vain_is_named(tool):
    text = "[a](b.md) [c](https://d.test/e.md) [f](seeds.md#g) (`test_h`, `test_i`)"

    assert [
        "docs/a.md cites test_h, but this test does not exist",
        "docs/a.md links to b.md, but this file does not exist",
    ] == tool["false_citations"]({"docs/a.md": text}, {"test_i"})


def test_a_surprise_that_no_test_holds_is_named(tool):
    text = (
        "# T\n\n1. **A.** (`test_a`)\n2. **B.**\n   And more.\n\n## More\n\n3. **C.** (`test_c`)\n"
    )

    assert ["docs/behaviors.md: entry 2 cites no test"] == tool["untested_behaviors"](text)


def test_a_part_is_renewed_within_a_line_and_in_lines_of_its_own(tool):
    text = "| <!-- a -->1<!-- /a --> |\n<!-- b -->\n2\n3\n<!-- /b -->\n"

    assert "| <!-- a -->4<!-- /a --> |\n<!-- b -->\n5\n<!-- /b -->\n" == tool["renewed"](
        text, {"a": lambda: "4", "b": lambda: "5"}
    )


def test_readme_names_the_tables(tool):
    text = tool["documents"]()["README.md"]
    overview = text.partition("## What you get")[2].partition("\n### ")[0]
    names = {table.name for table in (*DEFAULT_ENTITIES, *DERIVED_TABLES)}

    assert set() == {name for name in names if f"`{name}`" not in overview}


@pytest.mark.parametrize(
    ("page", "table", "personal", "other"),
    [
        ("entities", "persons", "first_name", "org_id"),
        ("entities", "persons", "persons__emails.value", "persons__emails.primary"),
        ("derived", "forecast", "owner_name", "owner_id"),
        ("sql", "deals_readable", "title", "stage_name"),
        ("sql", "deals_readable", "person_name", "stage_name"),
    ],
)
def test_a_page_of_columns_marks_those_with_personal_data(tool, page, table, personal, other):
    text = tool["documents"]()[f"docs/{page}.md"]
    section = text.partition(f"# {table}\n")[2].partition("\n## ")[0]
    rows = {line.split(" | ")[0]: line for line in section.splitlines() if line.startswith("| `")}

    assert rows[f"| `{personal}`"].endswith("(personal) |")
    assert "(personal)" not in rows[f"| `{other}`"]
