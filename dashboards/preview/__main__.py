"""`python -m dashboards.preview`: the wall preview on the address of WARROOM_HTTP_HOST and WARROOM_HTTP_PORT, of the
dashboards in WARROOM_DASHBOARDS; without it those of the ready city.
"""

import os
import socket
from pathlib import Path

from dashboards.preview.app import JSON
from dashboards.preview.serve import serve
from services.settings import Settings

settings = Settings()
with socket.socket() as listening:
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((settings.http_host, settings.http_port))
    serve(settings, listening, Path(os.environ.get("WARROOM_DASHBOARDS", JSON)))
