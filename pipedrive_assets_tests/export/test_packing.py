"""Which files an export keeps, and which it writes."""

from dataclasses import replace

import pytest

from pipedrive_assets.export.manifest import DataFile
from pipedrive_assets.export.packing import MOST_ROWS, MOST_SMALL, LoadRows, pack


def load(number, rows=10):
    return LoadRows(load=f"{number:04}", rows=rows, fingerprint=number * 7 + rows)


def files(packing):
    """The files of a packing, as the manifest has them then."""
    made = [
        DataFile(
            path=f"t/{group[0].load}-{sum(each.rows for each in group)}.parquet",
            rows=sum(each.rows for each in group),
            first_load=group[0].load,
            last_load=group[-1].load,
            fingerprint=str(sum(each.fingerprint for each in group)),
        )
        for group in packing.groups
    ]
    return [*packing.kept, *made]


def test_the_first_time_every_load_is_written_once():
    loads = [load(number, rows=MOST_ROWS // 3) for number in range(10)]

    packing = pack(loads, [])

    assert () == packing.kept
    assert loads == [each for group in packing.groups for each in group]
    assert all(sum(each.rows for each in group) <= MOST_ROWS for group in packing.groups)
    assert 4 == len(packing.groups)


def test_a_load_with_more_rows_than_a_file_has_a_file():
    packing = pack([load(1, rows=3 * MOST_ROWS), load(2)], [])

    assert [1, 1] == [len(group) for group in packing.groups]


def test_nothing_is_written_without_a_change():
    loads = [load(number) for number in range(5)]
    held = files(pack(loads, []))

    again = pack(loads, held)

    assert (tuple(held), ()) == (again.kept, again.groups)


def test_a_new_load_gets_a_new_file():
    loads = [load(number) for number in range(5)]
    held = files(pack(loads, []))

    again = pack([*loads, load(9)], held)

    assert tuple(held) == again.kept
    assert ((load(9),),) == again.groups


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param(lambda each: replace(each, fingerprint=each.fingerprint + 1), id="a value"),
        pytest.param(lambda each: replace(each, rows=each.rows - 1), id="a row less"),
        pytest.param(lambda _: None, id="no row left"),
    ],
)
def test_only_the_file_of_a_change_is_written_again(changed):
    loads = [load(number, rows=MOST_ROWS) for number in range(3)]
    held = files(pack(loads, []))
    now = [loads[0], changed(loads[1]), loads[2]]
    now = [each for each in now if each]

    again = pack(now, held)

    assert {held[0], held[2]} == {*again.kept}
    assert [each for each in now if each not in (loads[0], loads[2])] == [
        each for group in again.groups for each in group
    ]


def test_a_new_file_never_spans_a_kept_one():
    loads = [load(1), load(2, rows=MOST_ROWS), load(3)]
    held = [file for file in files(pack(loads, [])) if file.rows == MOST_ROWS]

    again = pack(loads, held)

    assert ((loads[0],), (loads[2],)) == again.groups


def test_many_small_files_are_merged():
    held, loads = [], []
    for number in range(2 * MOST_SMALL):
        loads.append(load(number))
        held = files(pack(loads, held))
        assert len(held) <= MOST_SMALL + 1
        assert sum(each.rows for each in loads) == sum(file.rows for file in held)
