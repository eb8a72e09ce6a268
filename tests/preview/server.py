"""A preview server as a process of its own."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

from deploy.local.stack import Endpoints

_PATIENCE_S = 60.0


class Server:
    """The preview of a folder of dashboards, on a port that it keeps over restarts."""

    def __init__(self, folder: Path, *, database_url: str, nats_url: str) -> None:
        self.folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._environment = {
            **os.environ,
            "WARROOM_DATABASE_URL": database_url,
            "WARROOM_NATS_URL": nats_url,
            "WARROOM_HTTP_PORT": str(self.port),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def of(cls, places: Endpoints, folder: Path) -> Self:
        """With the least rights that do."""
        return cls(
            folder,
            database_url=places.database_url_for("grafana_reader"),
            nats_url=places.nats_url_for("viewer"),
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def start(self) -> None:
        """Start it, and return once it answers for its health."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.preview.serve", str(self.folder)], env=self._environment
        )
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return urllib.request.urlopen(self.url("/healthz"), timeout=15).close()  # noqa: S310 - ours
            except urllib.error.HTTPError as error:
                # It is up, and says so itself.
                return error.close()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def stop(self) -> int:
        """End it as a supervisor would; its exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(timeout=_PATIENCE_S)
