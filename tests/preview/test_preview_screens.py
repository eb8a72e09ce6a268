"""The committed dashboards on a wall and on a telephone: nothing cut, nothing on top of another, letters large enough.

The pictures are in the run's temporary folder, `screens*/`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from dashboards.preview.app import JSON
from dashboards.preview.model import read
from services.catalogue import load
from simulator.run import run
from tests.hubs import RunningHub, running_hub
from tests.preview.server import Server

UIDS = list(read(JSON).dashboards)
_CITY = load(Path("schemas/catalogue"))
_SECONDS = 8.0
_PATIENCE_MS = 60_000
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
    ("width", "height", "kiosk", "least"), [(1920, 1080, "?kiosk", 16), (390, 844, "", 12)], ids=["wall", "telephone"]
)
async def test_nothing_is_cut_or_covered(
    page: Page, server: Server, pictures: Path, uid: str, width: int, height: int, kiosk: str, least: int
) -> None:
    await page.set_viewport_size({"width": width, "height": height})
    await page.goto(server.url(f"/d/{uid}{kiosk}"))
    await drawn(page)
    await page.screenshot(path=pictures / f"{uid}-{width}.png", full_page=not kiosk)
    faults = await page.evaluate(FAULTS, least)
    refused = await page.locator(".problem").all_text_contents()
    assert (faults, refused) == ([], [])


def test_there_are_dashboards_to_look_at() -> None:
    assert "warroom-city-wall" in UIDS
