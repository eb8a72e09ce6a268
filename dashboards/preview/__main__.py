"""`python -m dashboards.preview`: the wall preview on the address of WARROOM_HTTP_HOST and WARROOM_HTTP_PORT."""

import socket

from dashboards.preview.serve import serve
from services.settings import Settings

settings = Settings()
with socket.socket() as listening:
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((settings.http_host, settings.http_port))
    serve(settings, listening)
