"""Columns of a deal that depend on its other columns."""

from pipedrive_assets.sandbox.company.tables import Row


def settle_status(row: Row, stamp: str) -> None:
    """Set the times that a deal's status requires, and clear the others."""
    won, lost = row["status"] == "won", row["status"] == "lost"
    for name, is_set in (("won", won), ("lost", lost), ("close", won or lost)):
        row[f"{name}_time"] = stamp if is_set else None
        row[f"local_{name}_date"] = stamp[:10] if is_set else None
    if won and row["first_won_time"] is None:
        row["first_won_time"] = stamp
    if not lost:
        row["lost_reason"] = None


def settle_stage(row: Row, stage: Row, stamp: str) -> None:
    """Set a deal's pipeline and the time of its stage change.

    Args:
        row: The deal; it is changed in place.
        stage: The deal's stage.
        stamp: Time of the change, UTC.
    """
    row["pipeline_id"] = stage["pipeline_id"]
    row["stage_change_time"] = stamp


def mark_deleted(row: Row) -> None:
    """Delete a deal softly; `deleted` is also a value of the status filter."""
    row["is_deleted"] = True
    row["status"] = "deleted"


def line_sum(line: Row) -> float:
    """Compute the price of a product line after its discount."""
    gross = line["quantity"] * line["item_price"]
    discount = line["discount"]
    if line["discount_type"] == "percentage":
        discount = gross * discount / 100
    return round(float(gross - discount), 2)
