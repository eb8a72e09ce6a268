"""Runs the preview's server on a socket that is bound already."""

import logging
import socket
from ipaddress import ip_address
from pathlib import Path

import uvicorn

from dashboards.preview.app import JSON, create_app
from dashboards.preview.outage import pool_log
from services.settings import Settings


def serve(settings: Settings, listening: socket.socket, folder: Path = JSON) -> None:
    """Serve until the process is asked to stop. On this machine's own address only this machine's names lead here."""
    own = ip_address(listening.getsockname()[0]).is_loopback
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    logging.getLogger("psycopg.pool").addFilter(pool_log)
    config = uvicorn.Config(
        create_app(settings, folder, hosts=("127.0.0.1", "localhost") if own else ("*",)),
        # In C: a change goes to every browser.
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        # Streams never end by themselves.
        timeout_graceful_shutdown=3,
    )
    uvicorn.Server(config).run(sockets=[listening])
