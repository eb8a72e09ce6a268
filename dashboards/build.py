"""The JSON of all dashboards in both languages: a city's own by `warroom dashboards build`, the committed ones by
`python -m dashboards.build`.
"""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path

from dashboards.words import LANGUAGES, Lang, Words
from opd_schemas.catalogue import Catalogue
from services.catalogue import load

with warnings.catch_warnings():
    # On import the SDK advises the second form of dashboards, which Grafana 10 and 11 do not read.
    warnings.filterwarnings("ignore", "Prefer using dashboardv2", DeprecationWarning)
    from grafana_foundation_sdk.cog.encoder import JSONEncoder

    from dashboards import agency, city_wall, hub_health, ledger, permits, queues, visits
    from dashboards.screen import TITLES, uid_of

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


def write(catalogue: Catalogue, output: Path) -> int:
    """Bring a folder into line with the catalogue, and say how many files it holds; of other files it touches none but
    the dashboards that an earlier release left.
    """
    wanted = {output / path: text for path, text in documents(catalogue)}
    for path in {found for lang in LANGUAGES for found in (output / lang).glob("warroom-*.json")} - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return len(wanted)


if __name__ == "__main__":
    write(load(Path("schemas/catalogue")), Path(__file__).with_name("json"))
