"""`python -m dashboards.build` writes the JSON of all dashboards in both languages; `--check` says what differs."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards import agency, city_wall, hub_health, ledger, permits, queues, visits
from dashboards.screen import TITLES, uid_of
from dashboards.words import LANGUAGES, Lang, Words
from opd_schemas.catalogue import Catalogue
from services.catalogue import load

OUTPUT = Path(__file__).with_name("json")
_CATALOGUE = Path("schemas/catalogue")
_DASHBOARDS = (city_wall, queues, permits, visits, agency, ledger, hub_health)
#: What the kiosk shows in turn, and for how long.
_PLAYLIST = ("warroom-city-wall", "warroom-queues", "warroom-permits", "warroom-visits")
_PLAYLIST_NAME = Words("Ruang Kendali", "War Room")
_INTERVAL = "30s"


def documents(catalogue: Catalogue) -> Iterator[tuple[str, str]]:
    """Path below `json/` and content of every file; the same catalogue gives the same bytes."""
    for lang in LANGUAGES:
        for module in _DASHBOARDS:
            yield f"{lang}/{uid_of(module.UID, lang)}.json", _text(module.build(lang, catalogue))
        yield f"playlist-{lang}.json", _text(_playlist(lang))


def _playlist(lang: Lang) -> dict[str, object]:
    """The body that Grafana's API takes; playlists are the one thing that it does not read from files."""
    items = [
        {"type": "dashboard_by_uid", "value": uid_of(uid, lang), "order": order, "title": TITLES[uid].of(lang)}
        for order, uid in enumerate(_PLAYLIST, start=1)
    ]
    return {"name": _PLAYLIST_NAME.of(lang), "interval": _INTERVAL, "items": items}


def _text(document: object) -> str:
    return json.dumps(document, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def main() -> int:
    """Exit code 1 if `--check` found a file that is not as it would be written."""
    parser = argparse.ArgumentParser(prog="python -m dashboards.build", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; name each file that differs")
    check = parser.parse_args().check
    wanted = {OUTPUT / path: text for path, text in documents(load(_CATALOGUE))}
    surplus = set(OUTPUT.rglob("*.json")) - wanted.keys()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    if check:
        for path in sorted([*stale, *surplus]):
            print(f"{path.relative_to(OUTPUT.parent)} differs; run: make generate", file=sys.stderr)
        return 1 if stale or surplus else 0
    for path in surplus:
        path.unlink()
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
