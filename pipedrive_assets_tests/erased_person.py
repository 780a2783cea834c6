"""A person whose name, address and number occur wherever an account can hold them."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipedrive_assets.rows.redaction import OWN, is_structure
from pipedrive_assets_tests.conftest import NOON, Office
from pipedrive_assets_tests.truth import opened

NAME, ADDRESS, NUMBER = "Zebulon Quatermass", "z.quatermass@zeb.example", "+49 30 5559876"
FORMS = (
    *("Zebulon Quatermass", "zebulon quatermass", "ZEBULON QUATERMASS", "Quatermass, Zebulon"),
    *("z.quatermass@zeb.example", "Z.Quatermass@ZEB.example", "+49 30 5559876", "030/5559876"),
)
LEFT = re.compile(
    rb"zebulon[\W_]{0,3}quatermass|quatermass, zebulon|z\.quatermass@zeb|5559876", re.IGNORECASE
)
"""What no byte may be left of; in UTF-16 nothing is stored here."""

FIXED = frozenset(
    {
        *("urls", "url", "code", "symbol", "interval", "conference_meeting_client", "due_time"),
        *("duration", "assignee", "filter_code", "billing_frequency", "format", "tax_method"),
        *("expected_outcome", "duration", "marketing_status", "file_type", "params", "tax"),
        *("default_currency", "field_type", "subscription_url", "version", "discount_type"),
    }
)
MOMENT = re.compile(r"\d{4}-\d\d-\d\d|\d\d:\d\d")


def occurring(office: Office) -> int:
    """A person with rows of their own, whom one row of every other table names in each text.

    Returns:
        The person's id.
    """
    world = office.world
    deal = world.ids("deals")[0]
    person = world.add(
        "persons",
        name=NAME,
        first_name="Zebulon",
        last_name="Quatermass",
        emails=[{"value": ADDRESS, "primary": True, "label": "work"}],
        phones=[{"value": NUMBER, "primary": True, "label": "work"}],
    )
    champion = world.code("deals", "Champion")
    world.edit("deals", deal, person_id=person, custom_fields={champion: person})
    world.add_participant(deal, person)
    world.add("activities", subject=f"Lunch with {NAME}", person_id=person, deal_id=deal)
    world.add("activities", subject=f"Lunch with {NAME}", person_id=person)
    world.add("notes", content=f"<p>Call <b>Zebulon</b> Quatermass, {NUMBER}</p>", deal_id=deal)
    world.add("notes", content=f"Ask {NAME}", person_id=person)
    world.add("files", file_name="Zebulon_Quatermass.pdf", person_id=person, deal_id=deal)
    world.add("person_followers", person_id=person)
    for title in (NAME, f"{NAME} deal", ADDRESS, f"Call {NUMBER}"):
        world.edit("deals", deal, title=title)
    world.edit("deals", deal, title="Deal")
    for linked in (person, None):
        party = {"name": NAME, "email_address": ADDRESS, "linked_person_id": linked}
        thread = world.add(
            "mail_threads",
            subject="Dear Zebulon",
            folders=["inbox"],
            parties={"from": [party], "to": []},
            drafts_parties=[party],
            last_message_timestamp=NOON.isoformat(),
        )
        world.add("mail_messages", mail_thread_id=thread, **{"from": [party], "subject": NAME})
    world.add_option("deals", world.code("deals", "Priority"), f"Client of {NAME}")
    lead, score = world.ids("leads")[0], world.code("deals", "Score")
    whole = {"name": NAME, "value": person, "email": [{"value": ADDRESS}], "phone": []}
    world.edit("leads", lead, custom_fields={champion: whole, score: whole})
    world.edit("deals", deal, custom_fields={score: 49305559876})
    _merged_twin(office, person)
    plant(office, person)
    return person


def _merged_twin(office: Office, person: int) -> None:
    emails = [{"value": ADDRESS, "primary": True, "label": "work"}]
    twin = office.world.add("persons", name=NAME, emails=emails)
    office.world.merge("persons", twin, person)


def plant(office: Office, person: int) -> None:
    """Name the person in each free text of the first rows of each table, without a trace."""
    for name, table in office.world.tables.items():
        others = [key for key in table.rows if name != "persons" or key != person]
        for nth, form in enumerate(FORMS):
            for key in others[nth : nth + 1]:
                row = table.rows[key]
                for column, value in list(row.items()):
                    row[column] = _planted(name, column, value, f"see {form} there")
        table.touch()


def _planted(table: str, column: str, value: Any, text: str) -> Any:
    if is_structure(column) or column in (*FIXED, *OWN.get(table, ())) or "url" in column:
        return value
    if isinstance(value, str) and not MOMENT.match(value):
        return text
    if isinstance(value, dict):
        return {key: _planted(table, key, inner, text) for key, inner in value.items()}
    if isinstance(value, list):
        return [_planted(table, column, item, text) for item in value]
    return value


def cells(office: Office) -> list[str]:
    """Tables, staged copies among them, and columns of the warehouse that name the person."""
    found = []
    with opened(office.database) as connection:
        columns = connection.execute(
            "SELECT c.table_schema, c.table_name, c.column_name FROM information_schema.columns c "
            "JOIN information_schema.tables t USING (table_schema, table_name) WHERE "
            "t.table_type = 'BASE TABLE' AND c.table_schema LIKE 'pipedrive%' ORDER BY 1, 2, 3"
        ).fetchall()
        for table in sorted({(schema, name) for schema, name, _ in columns}):
            named = [column for *of, column in columns if tuple(of) == table]
            shown = ", ".join(f'CAST("{column}" AS VARCHAR)' for column in named)
            rows = connection.execute(f'SELECT {shown} FROM {table[0]}."{table[1]}"').fetchall()
            for place, column in enumerate(named):
                if any(row[place] and LEFT.search(row[place].encode()) for row in rows):
                    found.append(f"{table[1]}.{column}")
    return sorted(set(found))


def left_in_files(folders: Iterable[Path]) -> list[str]:
    """Files, in these folders and at any depth, with a byte of the person."""
    paths = (path for folder in folders for path in [folder, *folder.rglob("*")])
    return [str(path) for path in paths if path.is_file() and LEFT.search(path.read_bytes())]
