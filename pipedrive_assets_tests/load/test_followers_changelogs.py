"""Changelogs of followers: who started and stopped to follow a record."""

import pytest

from pipedrive_assets.sandbox import faults

FOLLOWED = {
    "persons": ("person_followers", "person_id"),
    "organizations": ("organization_followers", "org_id"),
    "products": ("product_followers", "product_id"),
}
CHANGELOGS = tuple(f"{parent}_followers_changelog" for parent in FOLLOWED)


@pytest.mark.slow
def test_who_started_and_stopped_to_follow_is_read(make_office):
    office = make_office(deals=8)
    office.load(*FOLLOWED, *CHANGELOGS)
    ten = [line.tokens for line in office.sandbox.calls("/followers/changelog")]
    added = {}
    for parent, (table, column) in FOLLOWED.items():
        key = office.world.ids(parent)[0]
        added[parent] = office.world.add(table, user_id=9003, **{column: key})
        office.world.delete(table, added[parent])

    office.load(*FOLLOWED, *CHANGELOGS, full=True)

    assert {10} == {*ten}
    assert [] == office.differences(*CHANGELOGS)
    for parent, (_, column) in FOLLOWED.items():
        key = office.world.ids(parent)[0]
        found = office.query(
            f"SELECT action FROM {parent}_followers_changelog "
            f"WHERE {column} = {key} AND follower_user_id = 9003"
        )
        assert {("added",), ("removed",)} == {*found}


@pytest.mark.slow
def test_a_refused_changelog_is_skipped_and_keeps_its_rows(make_office):
    office = make_office(deals=8)
    office.load("persons", "persons_followers_changelog")
    held = office.query("SELECT count(*) FROM persons_followers_changelog")
    office.sandbox.inject(faults.refused("api/v2/persons/*/followers/changelog", 403).always())

    report = office.load("persons", "persons_followers_changelog", full=True)

    assert report["persons_followers_changelog"].error is None
    assert held == office.query("SELECT count(*) FROM persons_followers_changelog") != [(0,)]
