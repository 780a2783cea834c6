"""What a run loads, as JSON: written when its recording starts, and read to repeat the run."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from pipedrive_assets.api import Caps
from pipedrive_assets.connect import Account
from pipedrive_assets.load.context import Context
from pipedrive_assets.load.erase import erased_list
from pipedrive_assets.load.raw_zone import RawRun
from pipedrive_assets.load.recording.position import (
    Position,
    forget_positions,
    note_position,
    positions,
)
from pipedrive_assets.load.recording.state import commit_counts, table_states
from pipedrive_assets.load.report import LoadRequest
from pipedrive_assets.registry import BY_NAME, Entity
from pipedrive_assets.windows import Window, utc_now

FORMAT = 2
"""Version of the recording."""

_PLAIN = (
    *("full", "newest", "recheck_days", "recheck_flow_days", "run_id", "purge_deleted"),
    *("max_share", "accept_loss", "reconciles"),
)


def note_start(raw: RawRun, context: Context) -> None:
    """Write what a run loads, when it began, and the state of the warehouse before it.

    Args:
        raw: The recording of the run.
        context: The run, which has not loaded anything yet.
    """
    with context.warehouse.sql() as sql:
        erased = {person: at.isoformat() for person, at in erased_list.erased_at(sql).items()}
        states, steps = table_states(sql), positions(sql)
        note_position(sql, raw.folder, Position())
        # In a file, rows are committed together with the position of the run.
        commits = commit_counts(sql) if context.warehouse.backend.server else {}
        recorded_at = utc_now()
    raw.begin(
        {
            "format": FORMAT,
            "version": version("pipedrive-assets"),
            "recorded_at": recorded_at.isoformat(),
            "now": context.now.isoformat(),
            "account": asdict(context.account),
            "request": request_facts(context.request),
            "states": states,
            "erased": erased,
            "steps": steps,
            "commits": commits,
        }
    )
    forget_positions(context.warehouse, steps)


def account_of(facts: Mapping[str, Any]) -> tuple[Account, datetime]:
    """Return the account of a recorded run, and when it began (UTC)."""
    return Account(**facts["account"]), datetime.fromisoformat(facts["now"])


def request_facts(request: LoadRequest) -> dict[str, Any]:
    """Return a request as JSON, without its caps: the steps have what these left out."""
    window = request.window
    return {
        "entities": [_entity_facts(entity) for entity in request.entities],
        "window": [_text(window.start), _text(window.end)],
        "overlap": request.overlap.total_seconds(),
        "since": _text(request.since),
        **{name: getattr(request, name) for name in _PLAIN},
    }


def request_of(facts: Mapping[str, Any]) -> LoadRequest:
    """Return the request of a recorded run, without caps."""
    start, end = facts["window"]
    return LoadRequest(
        entities=tuple(map(_entity_of, facts["entities"])),
        window=Window(start=datetime.fromisoformat(start), end=_moment(end)),
        overlap=timedelta(seconds=facts["overlap"]),
        since=_moment(facts["since"]),
        caps=Caps(per_run=0, per_day=0),
        **{name: facts[name] for name in _PLAIN},
    )


def _entity_facts(entity: Entity) -> dict[str, Any]:
    """Return what the settings add to a table, without what a raw zone does not allow."""
    facts = {
        "name": entity.name,
        "bodies": entity.has_bodies,
        "history": entity.history,
        "mails_in": entity.mails_in,
        "schema_policy": entity.schema_policy,
    }
    repeated = replace(_entity_of(facts), page_rows=entity.page_rows)
    return {**facts, "is_exact": repeated == entity}


def _entity_of(facts: Mapping[str, Any]) -> Entity:
    entity = BY_NAME[facts["name"]]
    return replace(
        entity.with_bodies() if facts["bodies"] else entity,
        history=facts["history"],
        mails_in=facts["mails_in"],
        schema_policy=facts["schema_policy"],
    )


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
