"""What `diff` finds between two warehouses."""

import json
import shutil

import duckdb
import pytest

from pipedrive_assets.cli import main
from pipedrive_assets.compare import Comparison, Side, compare
from pipedrive_assets.errors import ConfigurationError, WarehouseError

DATASET = "pipedrive_data"
CHANGES = (
    "UPDATE deals SET value = coalesce(value, 0) + 1, title = 'New title' WHERE id <= 2",
    "UPDATE deals SET _deleted_at = now() WHERE id = 3",
    "DELETE FROM persons WHERE id = 1",
    "UPDATE persons__emails e SET value = 'new@example.com' "  # noqa: ISC004
    "FROM persons p WHERE p._dlt_id = e._dlt_root_id AND p.id = 2",
    "UPDATE organizations SET _dlt_load_id = '1', _row_hash = 1",
    "INSERT INTO stages BY NAME (SELECT * REPLACE (9999 AS id) FROM stages LIMIT 1)",
    "ALTER TABLE pipelines ADD COLUMN new_column VARCHAR",
    "UPDATE pipelines SET new_column = 'x' WHERE id = 1",
    "ALTER TABLE activity_types ALTER order_nr TYPE VARCHAR",
    "DROP TABLE lead_labels CASCADE",
)


@pytest.fixture(scope="module")
def sides(whole, tmp_path_factory):
    """A warehouse and a changed copy of it."""
    office, _ = whole
    copy = tmp_path_factory.mktemp("changed") / "copy.duckdb"
    shutil.copy(office.warehouse.path, copy)
    with duckdb.connect(str(copy)) as connection:
        connection.execute(f"SET schema = '{DATASET}'")
        for change in CHANGES:
            connection.execute(change)
    return office.warehouse.path, copy


def found(sides, *tables, **how):
    a, b = (Side(path=path, dataset=DATASET) for path in sides)
    return {each.table: each for each in compare(a, b, Comparison(tables=tables, **how))}


def test_changed_rows_are_found_with_the_columns_that_changed(sides):
    deals = found(sides, "deals")["deals"]

    assert (0, 0, 3) == (deals.only_in_a, deals.only_in_b, deals.changed)
    assert {"title": 2, "value": 2, "_deleted_at": 1} == deals.columns
    assert [(1,), (2,), (3,)] == [row.key for row in deals.examples]
    assert ("•••", "•••") == deals.examples[0].values["title"]
    before, after = deals.examples[0].values["value"]
    assert (before or 0) + 1 == after
    assert {"_deleted_at": (False, True)} == deals.examples[2].values


@pytest.mark.slow
def test_personal_values_are_returned_on_request(sides):
    deals = found(sides, "deals", shows_personal=True, most_examples=1)["deals"]

    assert 1 == len(deals.examples)
    assert "New title" == deals.examples[0].values["title"][1]


@pytest.mark.slow
def test_rows_of_one_side_are_found_by_their_keys(sides):
    both = found(sides, "persons", "stages")

    assert (1, [(1,)]) == (both["persons"].only_in_a, both["persons"].keys_in_a)
    assert (1, [(9999,)]) == (both["stages"].only_in_b, both["stages"].keys_in_b)


@pytest.mark.slow
def test_a_changed_list_is_a_change_of_its_row(sides):
    persons = found(sides, "persons")["persons"]

    assert {"emails": 1} == persons.columns
    assert ("•••", "•••") == persons.examples[0].values["emails"]


@pytest.mark.slow
def test_a_load_id_is_no_difference_and_neither_is_a_type(sides):
    both = found(sides, "organizations", "activity_types")

    assert both["organizations"].is_equal
    assert both["activity_types"].is_equal


@pytest.mark.slow
def test_a_new_column_differs_where_it_has_a_value(sides):
    pipelines = found(sides, "pipelines")["pipelines"]

    assert {"new_column": 1} == pipelines.columns
    assert ["new_column"] == pipelines.columns_only_in_b


@pytest.mark.slow
def test_the_rows_of_a_missing_table_are_only_on_the_other_side(sides, whole):
    office, _ = whole
    ((rows,),) = office.query("SELECT count(*) FROM lead_labels")
    labels = found(sides, "lead_labels")["lead_labels"]

    assert 0 < rows == labels.only_in_a
    assert 0 == labels.changed


@pytest.mark.slow
def test_two_loads_of_the_same_account_are_equal(whole, make_office):
    office, _ = whole
    other = make_office(deals=15)
    other.load()

    both = found((office.warehouse.path, other.warehouse.path))

    assert 40 < len(both)
    assert [] == [name for name, each in both.items() if not each.is_equal]


@pytest.mark.slow
def test_the_exit_code_is_that_of_diff(sides, capsys):
    a, b = map(str, sides)

    assert 1 == main(["diff", a, b, "deals", "organizations"])
    printed = capsys.readouterr().out
    assert "1 of 2 tables differ." in printed
    assert "New title" not in printed
    assert 0 == main(["diff", a, f"{b}:{DATASET}", "organizations"])
    assert "0 of 1 tables differ." in capsys.readouterr().out
    assert 1 == main(["diff", a, b, "deals", "--json", "--personal"])
    (deals,) = json.loads(capsys.readouterr().out)["tables"]
    assert (3, "New title") == (deals["changed"], deals["examples"][0]["values"]["title"][1])


def test_the_difference_of_long_values_is_printed(whole, tmp_path, capsys):
    office, _ = whole
    for name in ("before", "after"):
        shutil.copy(office.warehouse.path, tmp_path / name)
        with duckdb.connect(str(tmp_path / name)) as connection:
            connection.execute(
                f"UPDATE {DATASET}.currencies SET name = repeat('x', 90) || '{name}'"
            )

    main(["diff", str(tmp_path / "before"), str(tmp_path / "after"), "currencies"])

    assert "xbefore -> …xxx" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("sides_of", "error"),
    [
        (lambda a, _: (a, a), ConfigurationError),
        (lambda a, _: (a, a.with_name("none.duckdb")), WarehouseError),
    ],
)
def test_sides_that_cannot_be_compared_are_an_error(sides, sides_of, error):
    with pytest.raises(error):
        found(sides_of(*sides))


def test_a_url_with_a_password_and_an_unknown_table_are_usage_errors(sides, capsys):
    a, b = map(str, sides)

    assert 2 == main(["diff", a, "postgresql://loader:secret@db.example.com/warehouse"])
    printed = capsys.readouterr().err
    assert "DESTINATION__POSTGRES__CREDENTIALS" in printed
    assert "secret" not in printed
    assert 2 == main(["diff", a, b, "no_such_table"])
    assert "no_such_table" in capsys.readouterr().err
    assert 2 == main(["diff", a, f"{b}:crm"])
    assert "schema crm" in capsys.readouterr().err


@pytest.mark.slow
def test_no_file_is_changed(sides):
    before = [path.read_bytes() for path in sides]

    found(sides, "stages")

    assert before == [path.read_bytes() for path in sides]
