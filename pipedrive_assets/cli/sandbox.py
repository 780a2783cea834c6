"""`sandbox`: the invented company on a local port."""

from pipedrive_assets.connect import SANDBOX_DEALS
from pipedrive_assets.errors import ConfigurationError
from pipedrive_assets.sandbox import CLIENT_ID, CLIENT_SECRET, Sandbox, World, serve
from pipedrive_assets.windows import utc_now


def sandbox(port: int, token: str) -> None:
    """Serve the invented company until interrupted.

    Args:
        port: TCP port.
        token: API token that requests need.

    Raises:
        ConfigurationError: The port cannot be opened.
    """
    world = World(deals=SANDBOX_DEALS, instant=utc_now())
    company = Sandbox(world, api_token=token, clock=utc_now)
    try:
        server = serve(company, port)
    except OSError as error:
        raise ConfigurationError(
            f"Port {port} cannot be opened ({error.strerror}). Use another one: --port 8124."
        ) from error
    with server:
        print(
            f"The invented company is at {server.url}, API token {token}. Press Ctrl-C to "
            f"stop.\nPIPEDRIVE_BASE_URL={server.url} PIPEDRIVE_API_TOKEN={token}\n"
            f"With an OAuth app: PIPEDRIVE_BASE_URL={server.url} PIPEDRIVE_CLIENT_ID={CLIENT_ID} "
            f"PIPEDRIVE_CLIENT_SECRET={CLIENT_SECRET}, then: pipedrive-assets login",
            flush=True,
        )
        server.wait()
