"""Pipedrive as a Singer tap: streams, catalog, sync, and the errors that its users catch.

No warehouse, no ledger and no dlt: what a sync has to know of earlier ones is in Singer's state.
What to read is decided in `extract`.
"""

from pipedrive_assets.errors import (
    PipedriveBadRequestError,
    PipedriveError,
    PipedriveForbiddenError,
    PipedriveGoneError,
    PipedriveInternalServiceError,
    PipedriveNotFoundError,
    PipedriveNotImplementedError,
    PipedriveNull200Error,
    PipedrivePaymentRequiredError,
    PipedriveServiceUnavailableError,
    PipedriveTooManyRequestsError,
    PipedriveTooManyRequestsInSecondError,
    PipedriveUnauthorizedError,
    PipedriveUnprocessableEntityError,
    PipedriveUnsupportedMediaError,
)
from pipedrive_assets.singer.catalog import Catalog, CatalogEntry
from pipedrive_assets.singer.stream import (
    ActivityTypesStream,
    CurrenciesStream,
    DealsProductsStream,
    DealStageChangeStream,
    FiltersStream,
    PipelinesStream,
    RecentActivitiesStream,
    RecentDealsStream,
    RecentFilesStream,
    RecentNotesStream,
    RecentOrganizationsStream,
    RecentPersonsStream,
    RecentProductsStream,
    RecentUsersStream,
    StagesStream,
)
from pipedrive_assets.singer.tap import PipedriveTap

__all__ = [
    "ActivityTypesStream",
    "Catalog",
    "CatalogEntry",
    "CurrenciesStream",
    "DealStageChangeStream",
    "DealsProductsStream",
    "FiltersStream",
    "PipedriveBadRequestError",
    "PipedriveError",
    "PipedriveForbiddenError",
    "PipedriveGoneError",
    "PipedriveInternalServiceError",
    "PipedriveNotFoundError",
    "PipedriveNotImplementedError",
    "PipedriveNull200Error",
    "PipedrivePaymentRequiredError",
    "PipedriveServiceUnavailableError",
    "PipedriveTap",
    "PipedriveTooManyRequestsError",
    "PipedriveTooManyRequestsInSecondError",
    "PipedriveUnauthorizedError",
    "PipedriveUnprocessableEntityError",
    "PipedriveUnsupportedMediaError",
    "PipelinesStream",
    "RecentActivitiesStream",
    "RecentDealsStream",
    "RecentFilesStream",
    "RecentNotesStream",
    "RecentOrganizationsStream",
    "RecentPersonsStream",
    "RecentProductsStream",
    "RecentUsersStream",
    "StagesStream",
]
