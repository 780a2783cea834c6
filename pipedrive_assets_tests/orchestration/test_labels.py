"""Owners, tags and group by setting, as Dagster takes them."""

import pytest
from dagster import AssetSpec, DagsterInvalidDefinitionError
from dagster._utils.tags import normalize_tags

from pipedrive_assets.config import Settings, values
from pipedrive_assets.definitions import build


def specs(**values):
    return list(build(Settings.from_env(values)).resolve_all_asset_specs())


def test_owners_tags_and_group_of_the_settings_are_those_of_every_asset():
    labelled = specs(
        PIPEDRIVE_ASSET_OWNERS="anna@example.com, team:sales",
        PIPEDRIVE_ASSET_TAGS="domain=sales,acme.com/tier=1,gdpr",
        PIPEDRIVE_ASSET_GROUP="pipedrive",
    )

    wanted = {"domain": "sales", "acme.com/tier": "1", "gdpr": ""}
    assert [] == [spec.key for spec in labelled if not wanted.items() <= spec.tags.items()]
    assert {("anna@example.com", "team:sales")} == {tuple(spec.owners) for spec in labelled}
    assert {"pipedrive"} == {spec.group_name for spec in labelled}


def test_what_an_asset_says_of_itself_stays_beside_the_labels():
    plain = {spec.key: spec for spec in specs()}
    labelled = {spec.key: spec for spec in specs(PIPEDRIVE_ASSET_TAGS="domain=sales")}

    assert {key: {**spec.tags, "domain": "sales"} for key, spec in plain.items()} == {
        key: dict(spec.tags) for key, spec in labelled.items()
    }
    assert {key: spec.group_name for key, spec in plain.items()} == {
        key: spec.group_name for key, spec in labelled.items()
    }


@pytest.mark.parametrize(
    "owner", ["anna@example.com", "a.b+c@x-y.co.uk", "team:sales", "team:sales_2"]
)
def test_an_owner_that_the_setting_accepts_is_accepted_by_dagster(owner):
    assert values.OWNER.fullmatch(owner)
    assert [owner] == AssetSpec("deals", owners=[owner]).owners


@pytest.mark.parametrize(
    "owner", ["team:", "anna", "anna@localhost", "anna@example.consulting", "TEAM:sales"]
)
def test_an_owner_that_dagster_refuses_is_refused_by_the_setting(owner):
    assert not values.OWNER.fullmatch(owner)
    with pytest.raises(DagsterInvalidDefinitionError):
        AssetSpec("deals", owners=[owner])


@pytest.mark.parametrize(
    "tag",
    [
        *("gdpr=", "domain=sales", "acme.com/tier=1", "a/b/c=1", "=1", "domain=two words"),
        *("t\u00e4g=1", "domain=t\u00e4g", "x" * 64 + "=1", "x=" + "1" * 64, "dagster/kind=x"),
    ],
)
def test_a_tag_is_taken_where_dagster_takes_it(tag):
    key, _, value = tag.partition("=")

    def taken():
        try:
            normalize_tags({key: value}, strict=True, allow_private_system_tags=False)
        except DagsterInvalidDefinitionError:
            return False
        return True

    assert taken() == bool(values.TAG.fullmatch(tag))
