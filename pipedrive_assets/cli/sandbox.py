"""`sandbox`: the invented company on a real port."""

import argparse

from pipedrive_assets.cli.command import Command
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.windows import utc_now

SANDBOX_PORT = 8123


def serve_sandbox(arguments: argparse.Namespace) -> None:
    """Serve until interrupted."""
    from pipedrive_assets.connect import SANDBOX_DEALS, SANDBOX_TOKEN
    from pipedrive_assets.sandbox import Sandbox, World, serve

    world = World(deals=SANDBOX_DEALS, instant=utc_now())
    sandbox = Sandbox(world, api_token=SANDBOX_TOKEN, clock=utc_now)
    try:
        server = serve(sandbox, arguments.port)
    except OSError as error:
        raise ConfigurationError(
            f"Port {arguments.port} cannot be opened ({error.strerror}). Give another: --port 8124."
        ) from error
    with server:
        print(
            f"An invented company at {server.url}, api token {SANDBOX_TOKEN}. Ctrl-C stops it.\n"
            f"PIPEDRIVE_BASE_URL={server.url} PIPEDRIVE_API_TOKEN={SANDBOX_TOKEN}",
            flush=True,
        )
        server.wait()


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, default=SANDBOX_PORT)


COMMAND = Command(
    name="sandbox",
    help="serve the invented company on this machine",
    run=serve_sandbox,
    options=_options,
)
