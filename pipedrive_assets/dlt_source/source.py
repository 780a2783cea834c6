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
    moment_of,
    settings_with_key,
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
def pipedrive_source(
    pipedrive_api_key: Optional[TSecretStrValue] = dlt.secrets.value,  # noqa: UP045 - dlt reads it
    since_timestamp: Optional[Union[pendulum.DateTime, str]] = dlt.config.value,  # noqa: UP007, UP045
    incremental: bool = True,
    keep_partial: bool = False,
) -> Iterator[DltResource]:
    """All entities of the registry as dlt resources; those that PIPEDRIVE_TABLES does not name are
    not selected.

    The first run loads the complete history, or what changed since `since_timestamp` (naive
    means UTC); later runs load what changed. `incremental=False` loads everything again. The
    key is the argument's, dlt's (`sources.pipedrive.pipedrive_api_key`, with or without
    `credentials`), or the settings'; PIPEDRIVE_BASE_URL holds here too.

    A run that Pipedrive stops loads nothing, as is dlt's way. With `keep_partial` it loads what
    was read, the next run goes on from there, and `unfinished(pipeline)` says what is missing.

    Raises MissingTokenError without a key (the sandbox never stands in here),
    ConfigurationError for a `since_timestamp` that is no moment.
    """
    settings = settings_with_key(pipedrive_api_key)
    request = Request(
        overlap=settings.overlap,
        since=moment_of(since_timestamp) or settings.since_timestamp,
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
    # Records that histories show come first, so that most histories follow in the same run.
    for entity in sorted(entities, key=lambda each: each.name not in shown):
        check_excluded(entity)
        if entity.parent or entity.shape in OWN_SHAPES:
            continue
        resource = list_resource(session, entity)
        yield resource
        for child in entities:
            if child.parent == entity.name:
                yield child_resource(session, resource, child)
