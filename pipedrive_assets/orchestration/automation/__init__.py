"""What starts runs: the schedule, the freshness sensor, and what they know of earlier runs."""
