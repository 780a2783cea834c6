"""Any refusal of any endpoint, in any front end, then one healthy run: the account, every column.

A round refuses every place at once, each in another way; as many rounds as there are kinds put
each kind at each place. Lists have rounds of their own, because children of a refused list are
not asked for.
"""

import os
from collections.abc import Callable, Iterator
from functools import cache
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipedrive_assets.registry import BY_NAME, ENTITIES, Kind, children_of
from pipedrive_assets.sandbox.faults import Fault
from pipedrive_assets.sandbox.sandbox import LogLine
from pipedrive_assets_tests.proxy import (
    CHANGED,
    FAILURES,
    KINDS,
    RECORD,
    STATUSES,
    WHOLE_ACCOUNT,
    at,
    places,
)
from pipedrive_assets_tests.refused.trials import ALL, FRONT_ENDS, Trials

SOAK = int(os.environ.get("PIPEDRIVE_SOAK_EXAMPLES", "0"))
"""Random trials of a long soak; 0: a few."""

USUAL = (("403", 1), ("data: []", 1))
"""What `make test` tries of all refusals of a reconciliation."""

OF_PLACE = (*STATUSES, *FAILURES, *CHANGED)
CHILDREN = places(entity for entity in ENTITIES if entity.kind is Kind.CHILD)
LISTS = places(entity for entity in ENTITIES if entity.kind is not Kind.CHILD)
STATES = ("first", "second")
FEW = (
    "deals",
    "leads",
    "notes",
    "stages",
    "users",
    "custom_fields_mapping",
    "fields",
    "deals_participants",
    "deals_flow",
    "deals_products",
    "boards",
    "phases",
)
"""Tables of every kind of list."""


def concerned(place: str) -> tuple[str, ...]:
    """The tables to read where one place is refused: its own, their parents, some children."""
    own = [entity for entity in ENTITIES if place in places([entity])]
    names = [entity.name for entity in own][:4]
    for entity in own[:4]:
        names += [each for each in (entity.parent, entity.list_per) if each]
        names += [child.name for child in children_of(entity.name)][:3]
    return tuple(dict.fromkeys(names))


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Trials]:
    """Trials of these tables; each set is read a first time once."""

    @cache
    def made(*names: str) -> Trials:
        return Trials(tmp_path_factory.mktemp("trials"), names or ALL)

    return made


def round_of(refused: list[str], number: int, nth: int = 1) -> list[Fault]:
    """Every place refused, each in another way."""
    return [
        at(kind, place, nth)
        for index, place in enumerate(refused)
        if (kind := OF_PLACE[(number + index) % len(OF_PLACE)]) not in believed(place)
    ]


def believed(place: str) -> tuple[str, ...]:
    """Replies of a place that nothing tells from true ones."""
    return ()


def rounds() -> Iterator[object]:
    for front_end, state, number in product(
        ("load", "plain, keep_partial"), STATES, range(len(OF_PLACE))
    ):
        for name, refused in (("lists", LISTS), ("children", CHILDREN)):
            yield pytest.param(
                *(front_end, state, refused, number), id=f"{front_end}-{state}-{name}-{number}"
            )


@pytest.mark.soak
@pytest.mark.parametrize(("front_end", "state", "refused", "number"), list(rounds()))
def test_every_place_refused_at_once(trials, front_end, state, refused, number):
    assert [] == trials().wrongs(front_end, state, *round_of(refused, number))


@pytest.mark.soak
@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("place", [*LISTS, *CHILDREN])
def test_each_place_refused_in_every_way(trials, state, place):
    made = trials(*concerned(place))
    wrong = {
        (kind, nth): found[:3]
        for kind, nth in product(OF_PLACE, (1, 2))
        if kind not in believed(place)
        if (found := made.wrongs("singer", state, at(kind, place, nth)))
    }
    assert {} == wrong


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "nth"),
    [
        pytest.param(kind, nth, marks=() if (kind, nth) in USUAL else pytest.mark.soak)
        for kind, nth in product(OF_PLACE, (1, 3))
    ],
)
def test_no_row_is_purged_because_of_a_refusal(trials, kind, nth):
    rules = [at(kind, place, nth) for place in LISTS]

    assert [] == trials(*FEW, "persons").wrongs("load and reconcile, purge", "second", *rules)


@pytest.mark.samples(3)
@pytest.mark.parametrize("nth", [1, 30])
@pytest.mark.parametrize("kind", [*WHOLE_ACCOUNT, "500"])
def test_everything_refused_from_a_call_on(trials, kind, nth):
    assert [] == trials(*FEW).wrongs("singer", "first", at(kind, "*", nth))


@pytest.mark.samples(3)
@pytest.mark.parametrize("kind", ["402", "404", "data: null", "data: [], ended"])
@pytest.mark.parametrize(
    "child", ["deals_flow", "deals_products", "deals_participants", "mail_messages"]
)
def test_children_and_their_records_refused_in_mid_run(trials, child, kind):
    entity = BY_NAME[child]
    record = at(kind, BY_NAME[entity.parent].path + RECORD)
    children = at(kind, entity.path.format(id="*"), 3)

    assert [] == trials(entity.parent, child).wrongs("singer", "first", record, children)


@pytest.mark.slow
@pytest.mark.parametrize("front_end", ["load", "plain, keep_partial"])
def test_children_of_a_few_tables_each_refused_in_another_way(trials, front_end):
    children = [place for place in places(BY_NAME[name] for name in FEW) if place not in LISTS]

    assert [] == trials(*FEW).wrongs(front_end, "first", *round_of(children, 1))


REFUSALS = st.builds(
    lambda kind, place, nth, times: (kind, place, nth, times),
    st.sampled_from(list(KINDS)),
    st.sampled_from([*places(BY_NAME[name] for name in FEW), "v1/users/me", "*"]),
    st.sampled_from([1, 2, 3, 5, 20]),
    st.sampled_from([None, 1, 3]),
)


@pytest.mark.slow
@settings(max_examples=SOAK or 6, deadline=None)
@given(
    front_end=st.sampled_from(list(FRONT_ENDS) if SOAK else ["singer"]),
    state=st.sampled_from(STATES),
    rules=st.lists(REFUSALS, min_size=1, max_size=4),
)
def test_any_refusals_at_any_places(trials, front_end, state, rules):
    rules = [(kind, *rest) for kind, *rest in rules if kind not in believed(rest[0])]

    assert [] == trials(*FEW).wrongs(front_end, state, *(at(*each) for each in rules))


@pytest.mark.slow
@pytest.mark.parametrize("front_end", ["load", "plain", "singer"])
@pytest.mark.parametrize("kind", ["403", "data: []"])
def test_rows_loaded_while_field_definitions_were_refused_are_read_again(trials, front_end, kind):
    fields = at(kind, "api/v2/dealFields")

    assert [] == trials("deals", "leads").wrongs(front_end, "first", fields)


@pytest.mark.slow
def test_fields_that_stay_unknown_do_not_have_the_rows_read_again(trials):
    trial = trials("deals", "leads").first("load")
    fields = at("403", "api/v2/dealFields")
    trial.refused(fields)
    before = len(trial.office.sandbox.log)

    trial.refused(fields)

    asked = trial.office.sandbox.log[before:]
    lists = [line for line in asked if line.path.endswith(("/deals", "/leads"))]
    assert lists
    assert [] == [line for line in lists if _reads_everything(line)]


def _reads_everything(line: LogLine) -> bool:
    names = dict(line.params)
    return "updated_since" not in names and "desc" not in f"{names}".lower()
