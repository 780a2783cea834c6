"""Pipedrive's API: calls, pages, verdicts, pace and spending."""

from pipedrive_assets.api.budget import Tally
from pipedrive_assets.api.client import Answer, Client
from pipedrive_assets.api.paging import Page

__all__ = ["Answer", "Client", "Page", "Tally"]
