"""`python -m tests.preview.serve FOLDER`: the preview, as `python -m dashboards.preview`, with other dashboards."""

import sys
from pathlib import Path

import uvicorn

from dashboards.preview.app import create_app
from services.settings import Settings

settings = Settings()
uvicorn.run(
    create_app(settings, Path(sys.argv[1])), port=settings.http_port, log_level="warning", timeout_graceful_shutdown=3
)
