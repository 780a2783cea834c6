"""Examples of dlt pipelines: pipedrive_pipeline.py [all | selected | since | days]."""

import sys

import dlt

from pipedrive_assets.dlt_source import pipedrive_source, unfinished


def pipedrive_pipeline() -> dlt.Pipeline:
    """Create the pipeline that all examples use."""
    return dlt.pipeline(
        pipeline_name="pipedrive", destination="duckdb", dataset_name="pipedrive_data"
    )


def load_all() -> None:
    """Load all tables: their whole history first, changes in later runs."""
    pipeline = pipedrive_pipeline()
    load_info = pipeline.run(pipedrive_source())
    print(load_info)


def load_selected() -> None:
    """Load some tables; `custom_fields_mapping` maps columns to custom fields."""
    pipeline = pipedrive_pipeline()
    source = pipedrive_source().with_resources(
        "products", "deals", "deals_participants", "custom_fields_mapping"
    )
    load_info = pipeline.run(source)
    print(load_info)


def load_from_start_date() -> None:
    """Load activities changed since a date, and all deals, in one run."""
    pipeline = pipedrive_pipeline()
    activities = pipedrive_source(since_timestamp="2023-03-01 00:00:00Z").with_resources(
        "activities", "custom_fields_mapping"
    )
    deals = pipedrive_source().with_resources("deals", "deals_participants")
    load_info = pipeline.run([activities, deals])
    print(load_info)


def load_over_several_days() -> None:
    """Load an account whose history costs more API tokens than one day has.

    A run loads what it read until the tokens were used up; the run of the next day continues.
    """
    pipeline = pipedrive_pipeline()
    load_info = pipeline.run(pipedrive_source(keep_partial=True))
    print(load_info)
    if missing := unfinished(pipeline):
        sys.exit("\n".join(f"{name} is unfinished: {why}" for name, why in missing.items()))


EXAMPLES = {
    "all": load_all,
    "selected": load_selected,
    "since": load_from_start_date,
    "days": load_over_several_days,
}

if __name__ == "__main__":
    EXAMPLES[sys.argv[1] if len(sys.argv) > 1 else "all"]()
