"""Descriptions of the columns that the readable views add."""

from collections.abc import Mapping

VIEW_COLUMNS: Mapping[str, tuple[str, str]] = {
    "pipedrive_url": (
        "text",
        "Address of the record in Pipedrive; empty if the company's domain is unknown.",
    ),
    "owner_name": ("text", "Name of the owner, or the id if no name is known."),
    "organization_name": ("text", "Name of the organization, or its id if no name is known."),
    "person_name": ("text", "Name of the person, or the id if no name is known."),
    "pipeline_name": ("text", "Name of the pipeline, or its id if no name is known."),
    "stage_name": ("text", "Name of the stage, or its id if no name is known."),
    "weighted_value": (
        "double",
        "Value times probability; may be empty.",
    ),
    "next_activity_id": ("bigint", "Open activity with the earliest due date and time."),
    "next_activity_subject": ("text", "Subject of the next activity."),
    "next_activity_type": ("text", "Key of the type of the next activity."),
    "next_activity_date": ("date", "Due date of the next activity."),
    "next_activity_time": ("text", "Due time of the next activity, UTC; may be empty."),
    "last_activity_id": ("bigint", "Done activity with the latest due date and time."),
    "last_activity_subject": ("text", "Subject of the last activity."),
    "last_activity_type": ("text", "Key of the type of the last activity."),
    "last_activity_date": ("date", "Due date of the last activity."),
    "type_name": ("text", "Name of the activity type, or its key if no name is known."),
    "deal_title": ("text", "Title of the deal, or its id if no title is known."),
    "user_name": ("text", "Name of the user who made the change, or the id if no name is known."),
    "field_name": ("text", "Label of the changed field, or its key if no label is known."),
    "old_value_readable": ("text", "Value before the change, with labels and names for ids."),
    "new_value_readable": ("text", "Value after the change, with labels and names for ids."),
    "labels": ("text", "Names of the labels, separated by commas."),
    "channel_label": ("text", "Name of the marketing channel, or the option's id."),
    "industry_label": ("text", "Name of the industry, or the option's id."),
    "priority_label": ("text", "Name of the priority, or the option's id."),
    "outcome_label": ("text", "Name of the outcome, or the option's id."),
    "visible_to_label": ("text", "Who can see it, or the option's id."),
    "category_label": ("text", "Name of the category, or the option's id."),
}
"""Type and description of the columns that a readable view adds to those of its table."""

PERSONAL_VIEW_COLUMNS = frozenset(
    {
        *("owner_name", "person_name", "user_name", "deal_title"),
        *("next_activity_subject", "last_activity_subject"),
        *("old_value_readable", "new_value_readable"),
    }
)
"""Columns of `VIEW_COLUMNS` with personal data."""
