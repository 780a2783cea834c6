"""Client for Pipedrive's API: requests, pagination, status codes, rate limits, token budget.

This package is independent of the tables: endpoints and token costs are arguments.
"""

from pipedrive_assets.api.allowance import Caps, TokenBudget
from pipedrive_assets.api.budget import RequestStats
from pipedrive_assets.api.calls import ApiCall
from pipedrive_assets.api.client import Answer, Client
from pipedrive_assets.api.connection_errors import READ_SECONDS
from pipedrive_assets.api.daily import DayNote, QuotaWindow, current_day
from pipedrive_assets.api.download import DOWNLOAD_TOKENS, Expected, FileBody
from pipedrive_assets.api.oauth import OAuthApp
from pipedrive_assets.api.paging import EMPTY_PAGES, Page, endless_pages, looping_pagination
from pipedrive_assets.api.verdict import ApiReply
from pipedrive_assets.api.wire import USER_AGENT

__all__ = [
    "DOWNLOAD_TOKENS",
    "EMPTY_PAGES",
    "READ_SECONDS",
    "USER_AGENT",
    "Answer",
    "ApiCall",
    "ApiReply",
    "Caps",
    "Client",
    "DayNote",
    "Expected",
    "FileBody",
    "OAuthApp",
    "Page",
    "QuotaWindow",
    "RequestStats",
    "TokenBudget",
    "current_day",
    "endless_pages",
    "looping_pagination",
]
