"""`pipedrive_source`: every entity of the registry as a dlt resource."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Optional, Union

import dlt
import pendulum
from dlt.common.typing import TSecretStrValue
from dlt.extract import DltResource

from pipedrive_assets.connect import connect
from pipedrive_assets.dlt_source.arguments import (
    Request,
    SourceConfiguration,
    settings_with_access,
    time_of,
)
from pipedrive_assets.dlt_source.children import child_resource
from pipedrive_assets.dlt_source.fields import field_resources
from pipedrive_assets.dlt_source.lists import list_resource
from pipedrive_assets.dlt_source.run import Session
from pipedrive_assets.extract.custom_fields import OWN_SHAPES
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.rows.exclusion import check_excluded
from pipedrive_assets.warehouse.dlt.hints import NESTING
from pipedrive_assets.warehouse.ledger import PLAIN_SCHEMA


@dlt.source(
    name=PLAIN_SCHEMA, section="pipedrive", max_table_nesting=NESTING, spec=SourceConfiguration
)
def pipedrive_source(  # noqa: PLR0913, PLR0917 - each is an argument of its own to the user
    pipedrive_api_key: Optional[TSecretStrValue] = dlt.secrets.value,  # noqa: UP045 - dlt reads it
    since_timestamp: Optional[Union[pendulum.DateTime, str]] = dlt.config.value,  # noqa: UP007, UP045
    incremental: bool = True,
    keep_partial: bool = False,
    client_id: Optional[str] = None,  # noqa: UP045 - dlt reads it
    client_secret: Optional[TSecretStrValue] = None,  # noqa: UP045
    refresh_token: Optional[TSecretStrValue] = None,  # noqa: UP045
) -> Iterator[DltResource]:
    """Load Pipedrive with dlt, one resource per table.

    The first run loads the complete history, later runs load what changed. Tables that the setting
    PIPEDRIVE_TABLES leaves out are resources too, but not selected. The source never reads the
    sandbox. PIPEDRIVE_BASE_URL and the other settings apply.

    Args:
        pipedrive_api_key: The API token. Without it, dlt's `sources.pipedrive.pipedrive_api_key`
            or `sources.pipedrive.credentials.pipedrive_api_key` is used, then
            PIPEDRIVE_API_TOKEN.
        since_timestamp: Where the first run starts. A time without a zone is UTC. Without it, the
            first run loads the complete history.
        incremental: False loads everything again.
        keep_partial: What to do if Pipedrive stops responding. By default nothing is loaded, as in
            any dlt source. True loads what was read, the next run continues from there, and
            `unfinished(pipeline)` returns what is missing.
        client_id: Client ID of an OAuth app, in place of an API token. Without it, dlt's
            `sources.pipedrive.client_id` is used, then PIPEDRIVE_CLIENT_ID; likewise the two below.
        client_secret: Client secret of the OAuth app.
        refresh_token: Its refresh token. Without one, that of PIPEDRIVE_TOKEN_FILE is used.

    Yields:
        A resource per table, and those of custom fields.

    Raises:
        MissingTokenError: There is neither an API token nor an OAuth app.
        ConfigurationError: `since_timestamp` is not a time, or a setting is not usable.
    """
    settings = settings_with_access(
        api_token=pipedrive_api_key,
        client_id=client_id,
        client_secret=client_secret,
        refresh_token=refresh_token,
    )
    request = Request(
        overlap=settings.overlap,
        since=time_of(since_timestamp) or settings.since_timestamp,
        full=not incremental,
        keep_partial=keep_partial,
    )
    session = Session(partial(connect, settings), request)
    chosen = {entity.name for entity in settings.entities}
    for resource in _resources(session, settings.named(BY_NAME)):
        resource.selected = resource.name in chosen
        yield resource


def _resources(session: Session, entities: Sequence[Entity]) -> Iterator[DltResource]:
    yield from field_resources(session)
    shown = {name for entity in entities for name, _ in entity.embeds}
    # Tables whose records histories show come first: most histories are then read in the same run.
    for entity in sorted(entities, key=lambda each: each.name not in shown):
        check_excluded(entity)
        if entity.parent or entity.shape in OWN_SHAPES:
            continue
        resource = list_resource(session, entity)
        yield resource
        for child in entities:
            if child.parent == entity.name:
                yield child_resource(session, resource, child)
