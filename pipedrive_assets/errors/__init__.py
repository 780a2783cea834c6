"""All errors of this project, grouped by what to do next.

    PipedriveError
      ConfigurationError       correct a setting                                     exit 2
        MissingTokenError      set the API token
        MissingExtraError      install an extra of this package
        WrongAccountError      the warehouse belongs to another company
      WarehouseError           the warehouse cannot be opened or written             exit 2
      QueryRefused             a query is not allowed, or failed                     exit 2
      ApiError                 Pipedrive refused a request                           exit 3
        BadRequest             400, 405, 422, 501: update this project
        AuthenticationError    401: check the API token and the company host
          AccessTokenRefused   401 after a renewal: check the OAuth app
          OAuthError           the access token could not be renewed
            ConsentEnded       the refresh token has ended: log in again
            OAuthAppUnknown    check the client ID and the client secret
            OAuthRefused       check the app's settings
        Blocked                403 from the gateway: wait, then run again
        Redirected             3xx: correct the base URL
        PageMarkerExpired      read the list again from its start
        Refused                affects this table only; other tables continue
          PermissionDenied     402, 403
            ScopeMissing       403: add a scope to the OAuth app
          Missing              404, 410
          FeatureUnavailable   415
        BudgetExhausted        daily tokens are spent: wait until `reset_at`         exit 4
        TransientApiError      retries are exhausted: run again later                exit 5
          TooManyRequests      429 for the burst limit or an unknown limit
      DataError                a reply is not as documented; rows could be lost      exit 6
        FieldsRefused          Pipedrive refuses fields that were loaded before
        RebuildError           raw replies do not lead to the warehouse
        ParentNotLoaded        load the parent table first
        ImplausibleLoss        too many rows are missing at once
      InternalError            a bug in this project: report it                      exit 7
      LoginFailed              a sign-in was not completed: log in again             exit 3
      CapReached               a token cap in the settings is reached                exit 4
      LoadFailed               some tables failed; the others are loaded             the first one's

Each status that Pipedrive documents also has its own class below these groups, under the names
that users of the Singer tap catch: for example, PipedriveNotFoundError is the Missing for a 404.

Facts are attributes. A message quotes Pipedrive and ends with the next step. No message contains
the API token.
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
    QueryRefused,
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
    RebuildError,
)
from pipedrive_assets.errors.extras import MissingExtraError, extra_needed, missing_extra
from pipedrive_assets.errors.oauth import (
    AccessTokenRefused,
    ConsentEnded,
    LoginFailed,
    OAuthAppUnknown,
    OAuthError,
    OAuthRefused,
    ScopeMissing,
)

__all__ = [
    "AccessTokenRefused",
    "ApiError",
    "AuthenticationError",
    "BadRequest",
    "Blocked",
    "BudgetExhausted",
    "CapReached",
    "ConfigurationError",
    "ConsentEnded",
    "DataError",
    "FeatureUnavailable",
    "FieldsRefused",
    "Forbidden",
    "ImplausibleLoss",
    "InternalError",
    "LoadFailed",
    "LoginFailed",
    "Missing",
    "MissingExtraError",
    "MissingTokenError",
    "OAuthAppUnknown",
    "OAuthError",
    "OAuthRefused",
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
    "QueryRefused",
    "RebuildError",
    "Redirected",
    "Refused",
    "ScopeMissing",
    "TooManyRequests",
    "TransientApiError",
    "WarehouseError",
    "WrongAccountError",
    "extra_needed",
    "missing_extra",
    "raise_alone",
]
