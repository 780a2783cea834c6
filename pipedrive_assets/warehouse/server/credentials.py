"""What PIPEDRIVE_DESTINATION names: a destination of dlt, with its credentials where dlt looks for
them (environment, .dlt/secrets.toml).
"""

import contextlib
from typing import Any

import dlt
from dlt.common.configuration.exceptions import ConfigFieldMissingException, ConfigurationException
from dlt.common.destination.exceptions import UnknownDestinationModule
from dlt.common.exceptions import DltException
from dlt.destinations.job_client_impl import SqlJobClientBase

from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.warehouse.dialect import POSTGRES

SETTING = "PIPEDRIVE_DESTINATION"
_REMEDY = "Give duckdb, postgres, motherduck, snowflake or bigquery."


def configuration(name: str) -> Any:
    """The destination's configuration, resolved as dlt does; ConfigurationError otherwise."""
    try:
        destination: Any = dlt.destination(name)
        if not issubclass(destination.client_class, SqlJobClientBase):
            raise ConfigurationError(f"{SETTING}: {name} holds no tables. {_REMEDY}")
        if destination.destination_type.endswith(".duckdb"):
            raise ConfigurationError(
                f"{SETTING}: {name} is a DuckDB file. Set {SETTING}=duckdb and PIPEDRIVE_WAREHOUSE "
                "to its path, or remove both."
            )
        found = destination.configuration(destination.spec()._bind_dataset_name("any"))  # noqa: SLF001 - dlt has no other way
    except UnknownDestinationModule:
        raise ConfigurationError(
            f"{SETTING}: dlt knows no destination {name!r}. {_REMEDY}"
        ) from None
    except ImportError as error:
        extra = "pipedrive-assets[postgres]" if name == POSTGRES else f"dlt[{name}]"
        raise ConfigurationError(
            f"{SETTING}={name} needs the package {error.name or 'of its driver'}, which is not "
            f"installed. Run: pip install '{extra}'"
        ) from None
    except ConfigFieldMissingException as error:
        missing = ", ".join(field for field in error.fields if field != "credentials")
        raise ConfigurationError(
            f"{SETTING}={name} needs credentials{f' ({missing})' if missing else ''}. Set "
            f"DESTINATION__{name.upper()}__CREDENTIALS (for PostgreSQL: "
            "postgresql://user:password@host:5432/database), or [destination."
            f"{name}.credentials] in .dlt/secrets.toml."
        ) from None
    except ConfigurationException:
        # What dlt says quotes the value, and the value holds a password.
        raise ConfigurationError(
            f"The credentials of {SETTING}={name} cannot be read. Correct "
            f"DESTINATION__{name.upper()}__CREDENTIALS, or [destination.{name}.credentials] in "
            ".dlt/secrets.toml."
        ) from None
    _refuse_misread(name, found)
    return found


def _refuse_misread(name: str, config: Any) -> None:
    """Raise ConfigurationError where a part of the password would be shown as host: dlt takes a URL
    apart at its first @.
    """
    if "@" in location(config):
        raise ConfigurationError(
            f"The credentials of {SETTING}={name} hold an @ that is taken for the end of the "
            "password. Write the password percent-encoded (@ as %40, / as %2F, % as %25) in "
            f"DESTINATION__{name.upper()}__CREDENTIALS, or give [destination.{name}.credentials] "
            "in .dlt/secrets.toml its parts."
        )


def location(config: Any) -> str:
    """Host and database, in dlt's words where it has some."""
    with contextlib.suppress(DltException):
        return str(config.data_location())
    return str(config.fingerprint() or "")
