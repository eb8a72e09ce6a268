"""Runs one service: uvloop, one line of JSON a log entry, HTTP for health and metrics, a clean end on SIGTERM."""

import gc
import logging
from collections.abc import Callable

import structlog
import uvloop
from faststream.asgi import AsgiFastStream

from services.settings import Settings


def serve(create_app: Callable[[Settings], AsgiFastStream]) -> None:
    """Run the app until it is told to stop; settings come from the environment."""
    settings = Settings()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
    )
    app = create_app(settings)
    # What is loaded by now stays, and a batch makes thousands of objects that are gone with it: the collector need not
    # look through the one, nor be called in the midst of the other.
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    uvloop.run(
        app.run(
            log_level=logging.WARNING,
            run_extra_options={"host": settings.http_host, "port": settings.http_port, "access_log": "false"},
        )
    )
