"""Errors that this project did not foresee, as one sentence for the person who runs it."""

from pipedrive_assets.errors import DataError, PipedriveError


def explained(error: Exception, subject: str) -> PipedriveError:
    """Turn any exception into an error of this project.

    Args:
        error: What was raised while a table or stream was read.
        subject: The name of that table or stream.

    Returns:
        `error` itself where it belongs to this project, else a DataError with `error` as its cause.
    """
    if isinstance(error, PipedriveError):
        return error
    failure = DataError(
        f"Unexpected error while loading {subject}: {type(error).__name__}: {str(error)[:200]}. "
        "This is a bug in pipedrive_assets; rows committed earlier are kept. Report this message."
    )
    failure.__cause__ = error
    return failure
