"""The log line and the materialization metadata of a loaded table."""

from datetime import date
from typing import Any

import dagster as dg

from pipedrive_assets.load import TableReport
from pipedrive_assets.load.attachments.report import AttachmentReport
from pipedrive_assets.orchestration.preview import markdown
from pipedrive_assets.orchestration.table_schema import column_schema, list_schemas
from pipedrive_assets.warehouse import Warehouse, sample_rows

PREVIEW_ROWS = 5


def sentence(report: TableReport) -> str:
    """Return the log line of a loaded table."""
    if report.error:
        return f"{report.entity.name}: FAILED. {report.error}"
    if report.waiting:
        return " ".join(
            filter(None, (f"{report.entity.name}: {report.waiting}", report.unread_sentence))
        )
    if report.skipped:
        return f"{report.entity.name}: skipped because Pipedrive refuses it: «{report.skipped}»"
    loaded = (
        f"{report.entity.name}: {report.written.loaded} rows loaded, "
        f"{report.total} in the table ({report.stats.requests} requests, "
        f"{report.stats.tokens} tokens, {report.seconds:.1f} s)"
    )
    more = (*report.warnings, *report.schema_changes, *report.more_sentences)
    return " ".join((f"{loaded}." if more else loaded, *more))


def token_facts(report: TableReport) -> dict[str, Any]:
    """Return the token usage of the run and the day, and what a capped table waits for.

    The sensor does not request a table with `resumes_at` before that time.
    """
    tokens, waiting = report.tokens, report.waiting
    facts: dict[str, Any] = {}
    if tokens:
        facts["tokens_run"], facts["tokens_today"] = tokens.by_run, tokens.today
        facts["tokens_reset_at"] = dg.MetadataValue.timestamp(tokens.ends_at)
        if tokens.left is not None:
            facts["tokens_left"] = tokens.left
    if report.entity.capped:
        facts["waiting"] = waiting.count if waiting else 0
    if waiting:
        facts["waiting_for"] = waiting.reason
        facts["resumes_at"] = dg.MetadataValue.timestamp(waiting.resumes_at)
        if waiting.done_at:
            facts["done_at"] = dg.MetadataValue.timestamp(waiting.done_at)
    return facts


def attachment_facts(attachments: AttachmentReport | None) -> dict[str, Any]:
    """Return what a load did with attachments; nothing if it downloads none."""
    if attachments is None:
        return {}
    return {
        "attachments_downloaded": attachments.downloaded,
        "attachments_bytes": attachments.size,
        "attachments_refused": attachments.refused,
        "attachments_failed": attachments.failed,
        "attachments_only_linked": attachments.remote,
        "attachments_waiting": attachments.waiting,
        "attachments_tokens": attachments.stats.tokens,
    }


def schema_facts(report: TableReport) -> dict[str, Any]:
    """Return the columns of the table, its custom fields and its lists, as Dagster metadata."""
    entity, custom = report.entity, report.written.custom
    return {"dagster/column_schema": column_schema(entity, custom), **list_schemas(entity, custom)}


def sample_facts(warehouse: Warehouse, report: TableReport, preview: str) -> dict[str, Any]:
    """Return the newest change, its age at load time in seconds, and a preview of the newest rows.

    Args:
        warehouse: The warehouse to query.
        report: The load of the table.
        preview: The setting PIPEDRIVE_PREVIEW: masked, full or off. Invented data is never masked.

    Raises:
        WarehouseError: The rows could not be read.
    """
    rows = 0 if preview == "off" else PREVIEW_ROWS
    seen = sample_rows(warehouse, report.entity, report.written.custom, rows=rows)
    masked = preview == "masked" and not report.account.is_sandbox
    newest, began = seen.newest_change, report.began_at
    facts: dict[str, Any] = {}
    if newest:
        facts["newest_change"] = dg.MetadataValue.timestamp(newest)
    if newest and began:
        facts["newest_change_lag_seconds"] = max(0.0, (began - newest).total_seconds())
    if shown := markdown(report.entity, seen, masked=masked):
        facts["preview"] = dg.MetadataValue.md(shown)
    return facts


def metadata(report: TableReport, *, closed_until: date | None = None) -> dict[str, Any]:
    """Return the metadata of a materialization.

    Automation reads `warehouse`, `complete_until`, `closed_until`, `skipped` and `resumes_at`.
    """
    reached = report.complete_until
    return {
        "rows_loaded": report.written.loaded,
        "rows_new": report.written.new,
        "rows_updated": report.written.updated,
        "rows_removed": report.written.removed,
        "rows_read": report.written.read,
        "rows_in_table": report.total if report.rows_total is None else report.rows_total,
        **({} if report.rows_total is None else {"dagster/row_count": report.rows_total}),
        "dagster/table_name": f"{report.warehouse.rpartition(':')[2]}.{report.entity.name}",
        **({"dlt_load_id": report.written.load_id} if report.written.load_id else {}),
        "marked_deleted": report.written.marked_deleted,
        **({"rows_filtered": report.written.filtered} if report.entity.row_filter else {}),
        "misfit_values": report.written.coercion_failures,
        "window": report.what,
        "requests": report.stats.requests,
        "tokens": report.stats.tokens,
        "retries": report.stats.retries,
        "replies_429": report.stats.replies_429,
        "burst_waits": report.stats.burst_waits,
        "seconds": round(report.seconds, 2),
        **{f"seconds_{phase}": round(took, 3) for phase, took in report.phases.items()},
        "account": str(report.account),
        "account_id": report.account.company_id,
        "sandbox": report.account.is_sandbox,
        "warehouse": report.warehouse,
        **({"skipped": report.skipped} if report.skipped else {}),
        **({"warnings": list(report.warnings)} if report.warnings else {}),
        **({"schema_changes": list(report.schema_changes)} if report.schema_changes else {}),
        **({"unread": report.unread} if report.entity.parent else {}),
        **attachment_facts(report.attachments),
        **token_facts(report),
        **({"closed_until": closed_until.isoformat()} if closed_until else {}),
        **({"complete_until": dg.MetadataValue.timestamp(reached)} if reached else {}),
    }
