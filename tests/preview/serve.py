"""`python -m tests.preview.serve FOLDER`: the preview, as `python -m dashboards.preview`, with other dashboards."""

import socket
import sys
from pathlib import Path

from dashboards.preview.serve import serve
from services.settings import Settings

settings = Settings()
with socket.socket() as listening:
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((settings.http_host, settings.http_port))
    serve(settings, listening, Path(sys.argv[1]))
