"""Runs the preview's server on a socket that is bound already."""

import logging
import socket

import uvicorn

from dashboards.preview.app import create_app
from services.settings import Settings


def serve(settings: Settings, listening: socket.socket) -> None:
    """Serve until the process is asked to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        access_log=False,
        server_header=False,
        # Streams never end by themselves.
        timeout_graceful_shutdown=3,
    )
    uvicorn.Server(config).run(sockets=[listening])
