"""The wall that `warroom up` starts shows the dashboards of the catalogue in force."""

import json
import shutil
import urllib.request
from pathlib import Path
from typing import Any

from deploy.local.hub import preview_url
from deploy.local.stack import Stack
from tests.cli.conftest import ROOT, Warroom

_EXAMPLE = ROOT / "examples" / "permit-receipts" / "catalogue"
_OTHER_NAME = "Berkas selesai cepat"


def _shown(state: Path, uid: str) -> Any:
    url = f"{preview_url(Stack(state))}dashboards/{uid}"
    with urllib.request.urlopen(url, timeout=60) as answer:  # noqa: S310 - ours
        return json.load(answer)


def test_the_wall_is_that_of_the_catalogue_and_follows_it(tmp_path: Path) -> None:
    own = Warroom(tmp_path / "state")
    catalogue = shutil.copytree(_EXAMPLE, tmp_path / "catalogue")
    try:
        done = own("up", "--catalogue", str(catalogue))
        assert done.returncode == 0, done.stderr
        wall = _shown(own.state, "warroom-permits")
        assert (wall["zone"], wall["dashboard"]["timezone"]) == ("Europe/Amsterdam", "Europe/Amsterdam")
        assert _OTHER_NAME not in json.dumps(wall)
        for path in catalogue.glob("kpis/*.yaml"):
            text = path.read_text(encoding="utf-8").replace("Waktu penerimaan permohonan (persentil 90)", _OTHER_NAME)
            path.write_text(text, encoding="utf-8")
        done = own("up", "--catalogue", str(catalogue))
        assert done.returncode == 0, done.stderr
        assert _OTHER_NAME in json.dumps(_shown(own.state, "warroom-permits"))
        assert len(list((own.state / "dashboards").iterdir())) == 1
    finally:
        assert own("down").returncode == 0
