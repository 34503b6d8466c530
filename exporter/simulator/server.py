"""How the simulator is served over a socket."""

import uvicorn
from starlette.types import ASGIApp


def configure(app: ASGIApp, host: str, port: int) -> uvicorn.Config:
    """The settings of uvicorn for the simulator: it dates its own answers, by its own clock, and logs nothing."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        lifespan="off",
        http="h11",
        ws="none",
        date_header=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=1,
    )
