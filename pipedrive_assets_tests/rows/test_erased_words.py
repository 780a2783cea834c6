"""Erased persons are recognized by hashes: whole words, in any case, however they are written."""

import pytest

from pipedrive_assets.rows.erased_words import Kind, Recognizer, erased_values
from pipedrive_assets.rows.redaction import Redactor, may_name

VALUES: tuple[tuple[Kind, str], ...] = (
    ("name", "Anna Li"),
    ("name", "Adams"),
    ("name", "Zoë Müller-Lüdenscheidt"),
    ("name", "李娜"),
    ("name", "X"),
    ("address", "anna.li@firm.example"),
    ("address", "n/a"),
    ("number", "+49 30 5559876"),
    ("number", "123"),
)


@pytest.fixture(scope="module")
def redactor() -> Redactor:
    found = [value for kind, text in VALUES for value in erased_values("5a17", kind, text)]
    return Redactor(Recognizer("5a17", found), [77], ["ab12"])


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("anna li stays", "*** stays"),
        ("ANNA  LI", None),
        ("Anna_Li_CV.pdf", "***_CV.pdf"),
        ("Mr. Adams, hello", "Mr. ***, hello"),
        ("Zoe\u0308 Mu\u0308ller-Lüdenscheidt!", None),
        ("to Anna\u00a0Li", "to ***"),
        ("<p>Anna</p> <b>Li</b> called", " ***  called"),
        ("Anna&nbsp;Li called", "*** called"),
        ("mail anna.li@firm.example.", "mail ***."),
        ("mailto:anna%2Eli%40firm.example", "mailto:***"),
        ("call 030/555 98 76 now", "call *** now"),
        ("0049305559876", None),
        ("李娜喜欢茶", "***喜欢茶"),
        ('{"a": ["Anna Li", 1], "b": "ok"}', '{"a": [1], "b": "ok"}'),
    ],
)
def test_words_of_the_erased_go_and_the_others_stay(redactor, text, left):
    assert redactor.redact(text) == left


@pytest.mark.parametrize(
    "text",
    [
        "Adamson",
        "McAdams",
        "Annali Lin",
        "Anna and Li",
        "x",
        "n/a",
        "123",
        "joe+li@firm.example",
        "555 98 77",
        "2026-03-10T12:00:00Z",
        '{"a": 1}',
        "{not json",
        "",
    ],
)
def test_what_only_looks_alike_is_left_as_it_is(redactor, text):
    assert redactor.redact(text) is text


def test_an_address_within_a_longer_one_is_another_address():
    found = erased_values("5a17", "address", "li@firm.example")
    redactor = Redactor(Recognizer("5a17", found), [])

    assert redactor.redact("anna.li@firm.example") == "anna.li@firm.example"
    assert redactor.redact("li@firm.example.org") == "li@firm.example.org"
    assert redactor.redact("to: li@firm.example, ok") == "to: ***, ok"


@pytest.mark.parametrize(
    ("value", "left"),
    [
        ({"person_id": 77, "id": 5}, {"person_id": None, "id": 5}),
        ({"person_ids": [77, 78]}, {"person_ids": [78]}),
        ({"ab12": 77, "n": 77}, {"ab12": None, "n": 77}),
        ({"p": {"value": 77, "name": "Ann", "email": []}}, {"p": None}),
        ({"first_name": "Anna", "last_name": "Li"}, {"first_name": None, "last_name": None}),
        ({"field_key": "ab12", "old_value": "77"}, {"field_key": "ab12", "old_value": None}),
        ({"anna.li@firm.example": True, "b": 1}, {"b": 1}),
        ([49305559876, 5], [5]),
    ],
)
def test_objects_and_lists_are_searched_at_every_depth(redactor, value, left):
    assert redactor.redact(value) == left
    assert redactor.redact({"deep": [value]})["deep"] == [left]


def test_objects_without_the_erased_are_the_same_objects(redactor):
    value = {"person_id": 78, "list": [{"name": "Ann"}], "n": 1.5, "flag": True, "none": None}

    assert redactor.redact(value) is value


def test_hashes_hold_no_word_and_depend_on_the_salt():
    one, other = (list(erased_values(salt, "name", "Anna Li")) for salt in ("aa", "bb"))

    assert one != other
    assert not any("anna" in str(value).lower() for value in one)


def test_ids_times_fixed_words_and_a_persons_own_record_are_not_searched():
    assert not may_name("persons", ("id",), "emails__value")
    assert not may_name("deals", ("id",), "update_time")
    assert not may_name("leads", ("id",), "id")
    assert may_name("deals", ("id",), "_2nd_contact")
    assert may_name("leads", ("id",), "champion_id__v_text")


@pytest.mark.parametrize(
    ("column", "value", "left"),
    [
        ("status", "adams", "adams"),
        ("origin_id", "5559876", "5559876"),
        ("origin_id", "anna.li@firm.example", None),
        ("org_id", {"name": "Anna Li", "value": 3}, {"name": None, "value": 3}),
        ("label_ids", [49305559876], [49305559876]),
        ("title", "adams", None),
    ],
)
def test_ids_and_fixed_words_stay_unless_they_are_prose_or_an_address(
    redactor, column, value, left
):
    assert redactor.redact_cell("deals", column, value) == left
    assert redactor.redact({column: value})[column] == left
