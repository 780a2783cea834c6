"""The address of a record in Pipedrive, as SQL.

The company's domain is in the ledger. An address is null if the domain or the id is unknown.
"""

from collections.abc import Mapping

URL = "pipedrive_url"
"""The column with the address of a row's record in Pipedrive."""

PAGES: Mapping[str, str] = {
    "deals": "deal/{id}",
    "persons": "person/{id}",
    "organizations": "organization/{id}",
    "products": "product/{id}",
    "leads": "leads/inbox/{id}",
    "projects": "projects/{id}",
    "activities": "activities/list?activity={id}#dialog/activity/edit",
    "stages": "pipeline/{id}",
}
"""Path of a record's page in Pipedrive's web app, by table. An activity has no page: its address
opens the list and the dialog of the activity. The page of a stage is that of its pipeline.

Source: addresses in Pipedrive's web app, which its documentation does not list.
"""


def record_url(name: str, key: str) -> str:
    """Return SQL for the address of a record.

    Args:
        name: The table of the record.
        key: SQL for the id in the address.

    Returns:
        An expression with the placeholder `{_pipedrive_account}`.
    """
    before, _, after = PAGES[name].partition("{id}")
    base = (
        f"(SELECT 'https://' || max(account.company_domain) || '.pipedrive.com/{before}' "
        "FROM {_pipedrive_account} account)"
    )
    end = f" || '{after}'" if after else ""
    return f"({base} || CAST({key} AS VARCHAR){end})"
