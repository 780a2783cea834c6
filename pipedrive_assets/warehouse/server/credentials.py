"""The credentials of PostgreSQL, from dlt's configuration (environment, .dlt/secrets.toml)."""

import contextlib
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
from dlt.common.exceptions import DltException

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.warehouse.dialect import POSTGRES

_PLACES = (
    "DESTINATION__POSTGRES__CREDENTIALS, or [destination.postgres.credentials] in .dlt/secrets.toml"
)


def configuration() -> Any:
    """Return dlt's configuration of the destination `postgres`, with its credentials.

    Returns:
        dlt's configuration object.

    Raises:
        ConfigurationError: The driver is not installed, or the credentials are missing or invalid.
    """
    try:
        destination: Any = dlt.destination("postgres")
        found = destination.configuration(destination.spec()._bind_dataset_name("any"))  # noqa: SLF001 - dlt has no other way
    except ImportError as error:
        raise ConfigurationError(
            f"PIPEDRIVE_DESTINATION=postgres needs the package {error.name or 'of its driver'}, "
            "which is not installed. Run: pip install 'pipedrive-assets[postgres]'"
        ) from None
    except ConfigFieldMissingException:
        raise ConfigurationError(
            f"PIPEDRIVE_DESTINATION=postgres needs credentials. Set {_PLACES}, to a URL: "
            "postgresql://user:password@host:5432/database"
        ) from None
    except ConfigurationException:
        # dlt's text quotes the value, which contains the password.
        raise ConfigurationError(
            f"The credentials of PIPEDRIVE_DESTINATION=postgres are invalid. Correct {_PLACES}."
        ) from None
    _refuse_misread(found)
    _refuse_other_databases(found)
    return found


def _refuse_other_databases(config: Any) -> None:
    """Raise `ConfigurationError` if the URL is one of another database."""
    scheme = getattr(config.credentials, "drivername", None) or POSTGRES
    if not str(scheme).startswith(POSTGRES):
        raise ConfigurationError(
            f"The credentials of PIPEDRIVE_DESTINATION=postgres are a URL of {scheme}. Set "
            f"{_PLACES}, to postgresql://user:password@host:5432/database"
        )


def _refuse_misread(config: Any) -> None:
    """Raise `ConfigurationError` if the host contains an @.

    dlt splits the URL at the first @, so the host would contain a part of the password.
    """
    if "@" in location(config):
        raise ConfigurationError(
            "The password in the credentials of PIPEDRIVE_DESTINATION=postgres contains an @. "
            f"Write it percent-encoded (@ as %40, / as %2F, % as %25) in {_PLACES}."
        )


def location(config: Any) -> str:
    """Return host and database without credentials; dlt's fingerprint if it does not have them."""
    with contextlib.suppress(DltException):
        return str(config.data_location())
    return str(config.fingerprint() or "")
