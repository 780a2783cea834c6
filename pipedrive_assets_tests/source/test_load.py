"""Loading end to end: whatever happened in the account, the warehouse shows it."""


def test_the_first_load_brings_every_row_with_every_value(office):
    office.load()

    assert [] == office.differences()


def test_a_week_without_a_run_leaves_no_gap(office):
    office.load()
    office.advance(days=7)

    office.load()

    assert [] == office.differences()


def test_loading_again_with_nothing_changed_loads_nothing(office):
    office.load()
    before = office.query("SELECT * FROM deals ORDER BY id")

    again = office.load()

    assert {name: 0 for name in again} == {name: report.written.loaded for name, report in again.items()}
    assert before == office.query("SELECT * FROM deals ORDER BY id")
