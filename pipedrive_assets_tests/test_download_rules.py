"""PIPEDRIVE_DOWNLOAD_FILES: which files a rule allows, and what is not a rule."""

import pytest

from pipedrive_assets.config import Settings
from pipedrive_assets.config.download_rules import RULE_COLUMNS, allowing, download_rules
from pipedrive_assets.errors import ConfigurationError


def row(**values):
    return {**dict.fromkeys(RULE_COLUMNS), "file_name": "9f_offer.pdf", "file_size": 5, **values}


@pytest.mark.parametrize(
    ("rules", "file", "is_allowed"),
    [
        ("*:*", {"file_name": None}, True),
        ("deals:pdf,docx<10MB", {"deal_id": 1, "file_size": 9_999_999}, True),
        ("deals:pdf,docx<10MB", {"deal_id": 1, "file_size": 10_000_000}, False),
        ("deals:pdf,docx<10MB", {"deal_id": 1, "file_name": "9f_offer.PDF"}, True),
        ("deals:.docx", {"deal_id": 1}, False),
        ("deals:pdf", {"person_id": 1}, False),
        ("persons,leads:*", {"lead_id": "x"}, True),
        ("deals:png; *:pdf < 1 KB", {}, True),
        ("*:pdf", {"file_name": "9f", "name": "Offer.pdf"}, True),
        ("*:pdf", {"file_name": "9f", "name": "Offer"}, False),
        ("*:*<1KB", {"file_size": None}, True),
    ],
)
def test_a_rule_has_records_ends_of_names_and_a_size(rules, file, is_allowed):
    assert is_allowed is (allowing(download_rules(rules), row(**file)) is not None)


def test_the_rule_with_the_highest_limit_counts():
    rules = download_rules("*:pdf<1KB;*:*<2KB")
    assert 2_000 == allowing(rules, row()).below


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        ("deals", "not a rule"),
        ("deals:pdf<", "not a rule"),
        ("tasks:pdf", "files cannot belong to 'tasks'"),
        ("deals:p/f", "not the end of a file name"),
        ("deals:pdf<0MB", "size"),
        ("deals:pdf<5XB", "size"),
        ("deals:pdf,", "not the end of a file name"),
    ],
)
def test_what_is_not_a_rule_is_named_in_one_sentence(rules, reason):
    with pytest.raises(ConfigurationError, match="PIPEDRIVE_DOWNLOAD_FILES") as caught:
        Settings(found={}, download_files=rules, download_to="files")
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("others", "named"),
    [
        ({}, "PIPEDRIVE_DOWNLOAD_TO"),
        ({"download_to": "files", "tables": "default,-files"}, "PIPEDRIVE_TABLES"),
        ({"download_to": "files", "exclude_columns": "files.file_name"}, "file_name"),
        (
            {"download_to": "files", "hash_columns": "files.name", "hash_key": "k" * 16},
            "PIPEDRIVE_HASH_COLUMNS",
        ),
    ],
)
def test_rules_need_a_place_the_table_and_its_columns(others, named):
    with pytest.raises(ConfigurationError, match=named):
        Settings(found={}, download_files="*:*", **others)
