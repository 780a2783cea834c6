"""What a change of a deal brings about in the deal itself."""

from pipedrive_assets.sandbox.company.tables import Row


def settle_status(row: Row, stamp: str) -> None:
    """Set the times that belong to a deal's status and clear the others."""
    won, lost = row["status"] == "won", row["status"] == "lost"
    for name, holds in (("won", won), ("lost", lost), ("close", won or lost)):
        row[f"{name}_time"] = stamp if holds else None
        row[f"local_{name}_date"] = stamp[:10] if holds else None
    if won and row["first_won_time"] is None:
        row["first_won_time"] = stamp
    if not lost:
        row["lost_reason"] = None


def settle_stage(row: Row, stage: Row, stamp: str) -> None:
    """Put a deal into the pipeline of its stage and remember when it moved."""
    row["pipeline_id"] = stage["pipeline_id"]
    row["stage_change_time"] = stamp


def mark_deleted(row: Row) -> None:
    """Delete a deal softly; the status becomes `deleted`, as the status filter names it."""
    row["is_deleted"] = True
    row["status"] = "deleted"


def line_sum(line: Row) -> float:
    """What a product line of a deal costs after its discount."""
    gross = line["quantity"] * line["item_price"]
    discount = line["discount"]
    if line["discount_type"] == "percentage":
        discount = gross * discount / 100
    return round(float(gross - discount), 2)
