"""Every error, grouped by what to do next.

    PipedriveError
      ConfigurationError       fix a setting                                         exit 2
        MissingTokenError      give an api token
        MissingExtraError      install an extra of this package
        WrongAccountError      the warehouse belongs to another company
      WarehouseError           free the warehouse file, or its disk                  exit 2
      ApiError                 Pipedrive said no                                     exit 3
        BadRequest             400, 405, 422, 501: update this project
        AuthenticationError    401: check the API token and the company host
        Blocked                403: wait: the gateway turned this address away
        Redirected             set the base URL
        PageMarkerExpired      scan the list again from its start
        Refused                this entity only; the others go on
          PermissionDenied     402, 403
          Missing              404, 410
          FeatureUnavailable   415
        BudgetExhausted        wait until `reset_at`; progress is kept               exit 4
        TransientApiError      retried already; run again later                      exit 5
          TooManyRequests      429 that names no limit, or the burst limit
      DataError                a reply broke a promise                               exit 6
        FieldsRefused          fields that were loaded before are refused now
        ParentNotLoaded        load the table first that it is read for
        ImplausibleLoss        too many rows are gone at once to be believed
      InternalError            a bug of this project: report it                      exit 7
      CapReached               the rest waits: a cap of this project's settings       exit 4
      LoadFailed               some tables failed; the others are loaded             the first one's

Below these groups each status that Pipedrive documents has a class of its own, under the names
that users of the Singer tap catch: PipedriveNotFoundError is the Missing of a 404.

Facts are attributes; the message quotes Pipedrive and ends with the next step. No message ever
holds the api token.
"""

from pipedrive_assets.errors.api import (
    ApiError,
    AuthenticationError,
    BadRequest,
    Blocked,
    BudgetExhausted,
    FeatureUnavailable,
    Forbidden,
    Missing,
    PageMarkerExpired,
    PermissionDenied,
    PipedriveBadRequestError,
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
    Redirected,
    Refused,
    TooManyRequests,
    TransientApiError,
)
from pipedrive_assets.errors.base import (
    ConfigurationError,
    MissingTokenError,
    PipedriveError,
    WarehouseError,
    WrongAccountError,
    raise_alone,
)
from pipedrive_assets.errors.data import (
    CapReached,
    DataError,
    FieldsRefused,
    ImplausibleLoss,
    InternalError,
    LoadFailed,
    ParentNotLoaded,
)
from pipedrive_assets.errors.extras import MissingExtraError, extra_needed, missing_extra

__all__ = [
    "ApiError",
    "AuthenticationError",
    "BadRequest",
    "Blocked",
    "BudgetExhausted",
    "CapReached",
    "ConfigurationError",
    "DataError",
    "FeatureUnavailable",
    "FieldsRefused",
    "Forbidden",
    "ImplausibleLoss",
    "InternalError",
    "LoadFailed",
    "Missing",
    "MissingExtraError",
    "MissingTokenError",
    "PageMarkerExpired",
    "ParentNotLoaded",
    "PermissionDenied",
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
    "PipedriveTooManyRequestsError",
    "PipedriveTooManyRequestsInSecondError",
    "PipedriveUnauthorizedError",
    "PipedriveUnprocessableEntityError",
    "PipedriveUnsupportedMediaError",
    "Redirected",
    "Refused",
    "TooManyRequests",
    "TransientApiError",
    "WarehouseError",
    "WrongAccountError",
    "extra_needed",
    "missing_extra",
    "raise_alone",
]
