"""The committed dashboards on a wall and on a telephone: nothing cut, nothing on top of another, letters large enough.

The pictures are in the run's temporary folder, `screens*/`.
"""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.async_api import Browser, Page, expect
from psycopg.rows import dict_row

from bench.panels import statements
from dashboards.preview.app import JSON
from dashboards.preview.model import read
from dashboards.words import DIMENSIONS, STATUSES
from services.catalogue import load
from simulator.run import run
from tests.hubs import RunningHub, running_hub
from tests.preview.server import Server

UIDS = list(read(JSON).dashboards)
_CITY = load(Path("schemas/catalogue"))
_SECONDS = 8.0
_PATIENCE_MS = 60_000
#: Of each table that turns its pages: its panel, what it says of the page, and the page's rows.
PAGES = """
() => [...document.querySelectorAll(".panel.table")]
    .map((panel) => [Number(panel.dataset.panel), panel.querySelector(".more")?.textContent ?? "",
        [...panel.querySelectorAll("tbody tr")].map((row) => row.textContent)])
    .filter(([, words]) => words.includes("–"))
"""
FAULTS = Path(__file__).with_name("faults.js").read_text(encoding="utf-8")


async def live_through_a_morning(hub: RunningHub) -> None:
    await run(
        _CITY,
        lambda opd, app: hub.endpoints.nats_url_for(f"app-{opd}-{app}"),
        seed=1,
        rate=100.0,
        duration=_SECONDS,
        speed=60.0,
        report=lambda _: None,
    )
    await hub.settle()


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    """The ready city after some minutes of its life."""
    with running_hub(tmp_path_factory.mktemp("city"), _CITY) as running:
        asyncio.run(live_through_a_morning(running))
        yield running


@pytest.fixture(scope="module")
def server(hub: RunningHub) -> Iterator[Server]:
    with Server.of(hub.endpoints, JSON) as server:
        yield server


@pytest.fixture(scope="module")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """One for all, so that what does not change is loaded once."""
    page = await browser.new_page()
    yield page
    await page.close()


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("screens")


async def drawn(page: Page) -> None:
    """Every panel has got its figures, or the word that there are none."""
    await expect(page.locator(".panel > .body").first).to_be_attached(timeout=_PATIENCE_MS)
    await expect(page.locator(".panel > .body:empty")).to_have_count(0, timeout=_PATIENCE_MS)
    await page.wait_for_timeout(500)


@pytest.mark.parametrize("uid", UIDS)
@pytest.mark.parametrize(
    ("name", "width", "height", "least"),
    [("wall", 1920, 1080, 16), ("desk", 1920, 1080, 12), ("telephone", 390, 844, 12)],
)
async def test_nothing_is_cut_or_covered(
    page: Page, server: Server, pictures: Path, uid: str, name: str, width: int, height: int, least: int
) -> None:
    kiosk = name == "wall"
    rows = [each["id"] for each in read(JSON).dashboards[uid].body["panels"] if each["type"] == "row"]
    await page.set_viewport_size({"width": width, "height": height})
    # At a desk and on a telephone with all rows opened.
    await page.goto(server.url(f"/d/{uid}?" + ("kiosk" if kiosk else "&".join(f"row={row}" for row in rows))))
    await drawn(page)
    await page.screenshot(path=pictures / f"{uid}-{name}.png", full_page=not kiosk)
    faults = await page.evaluate(FAULTS, least)
    refused = await page.locator(".problem").all_text_contents()
    assert (faults, refused) == ([], [])
    if kiosk:
        await all_pages_are_told(page, least)
    else:
        # Where there is room to scroll, nothing is left out.
        assert await page.locator(".more").all_text_contents() == []


async def all_pages_are_told(page: Page, least: int) -> None:
    """What is too long for a wall is told page by page, each row of it, and nothing of any page is cut."""
    # Figures that come meanwhile would change the rows.
    await page.evaluate("source.close()")
    told: dict[int, set[str]] = {}
    counts: dict[int, int] = {}
    for _ in range(30):
        for panel, words, rows in await page.evaluate(PAGES):
            first, last, of = (int(number) for number in re.findall(r"\d+", words)[:3])
            assert len(rows) == last - first + 1
            counts[panel] = of
            told.setdefault(panel, set()).update(f"{first + at} {row}" for at, row in enumerate(rows))
        if all(len(told[panel]) == count for panel, count in counts.items()):
            break
        await page.evaluate("turnPages().forEach(render)")
        assert await page.evaluate(FAULTS, least) == []
    assert {panel: len(rows) for panel, rows in told.items()} == counts


_WORST_FIRST = ["critical", "warning", "stale", "no_data", "ok"]
_STATES = """
SELECT k.dimension, k.programme, k.programme_id, n.status FROM wall.kpi k JOIN wall.kpi_now n USING (kpi)
"""
_WAITING = "SELECT (SELECT waiting FROM wall.open('queue')), (SELECT open FROM wall.open('permit'))"


def city_wall_says(hub: RunningHub) -> dict[str, set[str]]:
    """What each panel of the city wall must say, by its heading; of the statuses and services it is ''."""
    with psycopg.connect(hub.endpoints.database_url_for("grafana_reader")) as wall:
        states = wall.execute(_STATES).fetchall()
        (now,) = wall.execute(_WAITING).fetchall()
    count = Counter(status for *_, status in states)
    says = {name.id: set[str]() for name in DIMENSIONS.values()}
    for dimension, programme, name in {(dimension, programme, name) for dimension, programme, name, _ in states}:
        of = [status for *place, status in states if place == [dimension, programme, name]]
        worst = min(of, key=_WORST_FIRST.index)
        says[DIMENSIONS[dimension].id].add(f"{name} {STATUSES[worst].id} {of.count(worst)}/{len(of)}")
    says[""] = {f"{STATUSES[status].id} {count[status]}" for status in _WORST_FIRST}
    says["Layanan saat ini"] = {f"Menunggu di antrean {now[0]}", f"Izin diproses {now[1]}"}
    return says


async def tiles_of(page: Page, number: int) -> set[str]:
    """Each tile's words of one panel, with one space between them."""
    texts = await page.locator(f'[data-panel="{number}"] .cell').all_inner_texts()
    return {" ".join(text.split()) for text in texts}


async def test_city_wall_says_what_the_wall_says(hub: RunningHub, page: Page, server: Server) -> None:
    """Through shared answers, filters of rows and words for codes."""
    panels = {each["id"]: each for each in read(JSON).dashboards["warroom-city-wall"].body["panels"]}
    headed = {
        panels[number - 1]["options"]["content"].removeprefix("## "): number
        for number, each in panels.items()
        if panels.get(number - 1, each)["type"] == "text"
    }
    headed |= {"": 3, "Layanan saat ini": 4}
    await page.set_viewport_size({"width": 1920, "height": 1080})
    await page.goto(server.url("/d/warroom-city-wall"))
    await drawn(page)
    for _ in range(40):
        # A figure may change between the question to the one and to the other.
        says = city_wall_says(hub)
        shown = {heading: await tiles_of(page, headed[heading]) for heading in says}
        if all(says[heading] <= shown[heading] for heading in says):
            break
        await asyncio.sleep(0.5)
    assert [(heading, said) for heading in says for said in says[heading] - shown[heading]] == []
    assert sum(len(tiles) for tiles in says.values()) > 15
    assert all(len(shown[name.id]) == len(says[name.id]) for name in DIMENSIONS.values())


def titles(panel: dict[str, Any]) -> dict[str, tuple[str, bool]]:
    """Of each column that is shown and described: its heading, and whether it is a part that is told in percent."""
    found = {}
    for override in panel["fieldConfig"]["overrides"]:
        says = {each["id"]: each["value"] for each in override["properties"]}
        if not says.get("custom.hidden"):
            unit = says.get("unit", panel["fieldConfig"]["defaults"].get("unit"))
            name = override["matcher"]["options"]
            found[name] = (says.get("displayName", name), unit == "percentunit")
    return found


def is_told(value: float, text: str) -> bool:
    """Whether `text` is the number as Indonesian writes it, rounded to the digits that it shows."""
    written = re.match(r"-?[\d.]+(?:,(\d+))?", text)
    if written is None:
        return False
    number = float(written[0].replace(".", "").replace(",", "."))
    return abs(number - value) <= 0.5001 * 10 ** -len(written[1] or "")


async def cells_of(page: Page, panel: dict[str, Any]) -> list[dict[str, str]]:
    """What a panel shows: by heading, of each row of a table, or of all tiles as of one row."""
    place = page.locator(f'[data-panel="{panel["id"]}"]')
    if panel["type"] == "stat":
        tiles = [await tile.locator("span, b").all_inner_texts() for tile in await place.locator(".cell").all()]
        return [{tile[0]: tile[1] for tile in tiles if len(tile) == 2}]
    rows = await place.locator("tbody tr").all()
    heads = await place.locator("th").all_inner_texts()
    return [dict(zip(heads, await row.locator("td").all_inner_texts(), strict=True)) for row in rows]


@pytest.mark.parametrize("uid", [uid for uid in UIDS if not uid.endswith("-en") and uid != "warroom-city-wall"])
async def test_numbers_on_the_page_are_those_of_its_queries(
    hub: RunningHub, page: Page, server: Server, uid: str
) -> None:
    body = read(JSON).dashboards[uid].body
    panels = [each for each in body["panels"] if each["type"] in ("stat", "table") and each["targets"][0].get("rawSql")]
    await page.set_viewport_size({"width": 1920, "height": 1080})
    await page.goto(server.url(f"/d/{uid}"))
    await drawn(page)
    wrong: list[str] = []
    for _ in range(40):
        wrong, told = [], 0
        for panel in panels:
            shown = await cells_of(page, panel)
            with psycopg.connect(hub.endpoints.database_url_for("grafana_reader")) as wall:
                statement = statements(wall)[f"{uid.removeprefix('warroom-')}: {panel['title']}"]
                answers = wall.cursor(row_factory=dict_row).execute(statement.encode()).fetchall()
            wrong += [f"{panel['title']}: {len(shown)} of {len(answers)} rows"] * (len(shown) != len(answers))
            for answer, row in zip(answers, shown, strict=False):
                for column, (title, percent) in titles(panel).items():
                    value = answer.get(column)
                    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or title not in row:
                        continue
                    told += 1
                    if not is_told(float(value) * (100 if percent else 1), row[title]):
                        wrong.append(f"{panel['title']}: {title} is {value}, shown as {row[title]!r}")
        # A figure may change between the question to the one and to the other.
        if not wrong:
            break
        await asyncio.sleep(0.5)
    assert wrong == []
    assert told > 5


def test_there_are_dashboards_to_look_at() -> None:
    assert "warroom-city-wall" in UIDS
