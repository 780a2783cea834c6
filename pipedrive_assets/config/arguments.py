"""Settings that are given in code: by a dlt pipeline, or by a tap's config file."""

from collections.abc import Mapping
from typing import Any

from pipedrive_assets.config.settings import Settings
from pipedrive_assets.errors import ConfigurationError, MissingTokenError


def with_arguments(
    settings: Settings,
    given: Mapping[str, Any],
    *,
    no_token: str,
    names: Mapping[str, str] | None = None,
) -> Settings:
    """Replace settings. The result has an API token or an OAuth app, so never means the sandbox.

    Args:
        settings: The settings of the environment.
        given: By setting, the values that replace theirs.
        no_token: The error message if there is neither an API token nor an OAuth app.
        names: By setting, what its argument is called, for error messages.

    Returns:
        The settings with the given values.

    Raises:
        MissingTokenError: There is neither an API token nor an OAuth app.
        ConfigurationError: One sentence with the argument, its value and the remedy.
    """
    try:
        found = settings.replace(**given)
    except ConfigurationError as error:
        # Raised outside of this block: the first error's context may hold the API token.
        key, reason = next(iter(error.reasons.items()))
    else:
        if found.has_access:
            return found
        raise MissingTokenError(no_token)
    raise ConfigurationError(f"{(names or {}).get(key, key)}: {reason}")
