"""The page in headless Chromium over a whole hub: right numbers, live, honest about age, back after any restart."""

import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.async_api import Browser, Page, Route, expect

from opd_sdk import AsyncHub
from tests.hubs import RunningHub, running_hub
from tests.preview.server import Server
from tests.preview.wall import EVERYWHERE, dashboards, panel, write
from tests.simulator.small_city import SMALL_CITY

PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("wall"), SMALL_CITY) as running:
        yield running


@pytest.fixture(scope="module")
def server(hub: RunningHub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("dashboards")
    dashboards(folder)
    with Server.of(hub.endpoints, folder) as server:
        yield server


@pytest.fixture
def own_server(hub: RunningHub, tmp_path: Path) -> Iterator[Server]:
    """For tests that stop it."""
    dashboards(tmp_path)
    with Server.of(hub.endpoints, tmp_path) as server:
        yield server


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    page = await browser.new_page(viewport={"width": 1920, "height": 1080})
    page.set_default_timeout(PATIENCE_MS)
    expect.set_options(timeout=PATIENCE_MS)
    yield page
    await page.close()


async def issue(hub: RunningHub, ticket: str) -> None:
    """One more citizen waits for an identity card."""
    url = hub.endpoints.nats_url_for("app-dukcapil-antrean")
    async with AsyncHub(url, opd="dukcapil", app="antrean", timezone="Asia/Makassar") as opd:
        await opd.queue.issued(ticket=ticket, unit="loket-ktp", service="ktp")
    await hub.settle()


def waiting(hub: RunningHub) -> str:
    return str(hub.query("SELECT waiting FROM wall.open('queue', now(), ARRAY['dukcapil'])")[0][0])


def tile(page: Page, number: int) -> Any:
    return page.locator(f'[data-panel="{number}"]')


async def test_tiles_show_the_figures_and_change_when_an_event_is_published(
    hub: RunningHub, server: Server, page: Page
) -> None:
    await issue(hub, "A-001")
    await page.goto(server.url("/"))
    await expect(page.locator("#city")).to_have_text("Kota Kecil")
    await expect(page.locator("#title")).to_have_text("Dinding")
    await expect(tile(page, 1).locator("b")).to_have_text(waiting(hub))
    before = int(waiting(hub))
    for number in (1, 2, 3):
        await issue(hub, f"A-00{1 + number}")
        assert int(waiting(hub)) == before + number
        # Pushed: without the hub's hint it would be read again every five seconds only.
        await expect(tile(page, 1).locator("b")).to_have_text(str(before + number), timeout=2000)
    await expect(tile(page, 2).locator("tbody tr")).to_have_text([f"issued{before + 3}"])


async def test_colours_say_the_status_and_silence_is_not_zero(server: Server, page: Page) -> None:
    await page.goto(server.url("/d/first"))
    cells = tile(page, 3).locator(".cell")
    await expect(cells).to_have_text(["critical 78 minutes", "ok 12 minutes", "no_data  "])
    for cell, colour in zip(
        await cells.all(), ["rgb(216, 65, 60)", "rgb(63, 156, 90)", "rgb(138, 143, 152)"], strict=True
    ):
        await expect(cell).to_have_css("background-color", colour)
    await expect(tile(page, 5).locator("b")).to_have_text("Belum ada data")


async def test_a_faulty_query_is_one_kind_line_and_costs_no_other_panel(server: Server, page: Page) -> None:
    await page.goto(server.url("/d/first"))
    await expect(tile(page, 4).locator(".problem")).to_have_text(
        'Kueri panel ini tidak dapat dijalankan: column "nothing" does not exist'
    )
    await expect(page.locator(".problem")).to_have_count(1)


async def test_every_kind_of_panel_is_drawn_with_nothing_from_elsewhere(
    hub: RunningHub, server: Server, page: Page
) -> None:
    await issue(hub, "E-001")
    heard: list[str] = []
    page.on("request", lambda request: heard.append(request.url))
    page.on("console", lambda message: heard.append(f"console: {message.text}") if message.type == "error" else None)
    page.on("pageerror", lambda error: heard.append(f"error: {error}"))
    await page.goto(server.url("/d/first"))
    await expect(tile(page, 6).locator(".scatterlayer path.js-line")).to_have_count(1)
    await expect(tile(page, 7).locator("circle")).to_have_count(2)
    await expect(tile(page, 7).locator("circle").first).to_have_attribute("fill", "#d8413c")
    await expect(tile(page, 7).locator("svg > text")).to_have_text(["Batua 90", "Jongaya 10"])
    await expect(tile(page, 8).locator(".bars span")).to_have_text(["issued"])
    await expect(tile(page, 9).locator("text")).to_have_text("25%")
    # The whole dial, and the part of it that is filled: a quarter of the way from its lower left end.
    dial, part = [await arc.get_attribute("d") or "" for arc in await tile(page, 9).locator("path").all()]
    assert dial.split("A")[0] == part.split("A")[0]
    assert [float(at) for at in part.rsplit(" ", 2)[1:]] == pytest.approx([31.8, 58.2], abs=0.1)
    # Values between gaps are points; those of a line are not.
    await expect(tile(page, 14).locator(".scatterlayer path.point")).to_have_count(3)
    sizes = [await point.get_attribute("d") for point in await tile(page, 6).locator(".scatterlayer path.point").all()]
    assert all(size.startswith("M0,0") for size in sizes if size)
    await expect(tile(page, 10).locator(".lane i")).to_have_count(2)
    await expect(tile(page, 11).locator("strong")).to_have_text("Loket")
    assert {url for url in heard if not url.startswith((server.url("/"), "data:"))} == set()


async def test_a_closed_row_asks_nothing_before_it_is_opened(server: Server, page: Page) -> None:
    await page.goto(server.url("/d/first"))
    await expect(tile(page, 1).locator("b")).not_to_be_empty()
    await expect(tile(page, 13)).to_have_count(0)
    await tile(page, 12).locator("h2").click()
    await expect(tile(page, 13).locator("b")).not_to_be_empty()


async def test_a_variable_filters_and_an_unknown_value_is_refused(hub: RunningHub, server: Server, page: Page) -> None:
    await issue(hub, "B-001")
    await page.goto(server.url("/d/first"))
    await expect(tile(page, 1).locator("b")).to_have_text(waiting(hub))
    await page.locator("select").select_option("dinkes")
    await expect(tile(page, 1).locator("b")).to_have_text("0")
    assert "var-opd=dinkes" in page.url
    await page.goto(server.url("/d/first?var-opd=bpbd"))
    await expect(page.locator("main")).to_contain_text("opd has no value 'bpbd'; choose from its list.")


async def test_silence_of_the_hub_is_said_at_once_and_greys_the_wall(
    hub: RunningHub, server: Server, page: Page
) -> None:
    await page.goto(server.url("/d/first?kiosk"))
    await expect(page.locator("#fresh")).to_have_text("Langsung")
    await expect(page.locator("nav")).to_be_hidden()
    hub.stack.stop("aggregator")
    try:
        with psycopg.connect(hub.endpoints.database_url) as owner:
            owner.execute("DELETE FROM hub.pulse")
            owner.execute("INSERT INTO hub.pulse (at) VALUES ('2026-11-21T02:32:00Z')")
        await expect(page.locator("#fresh")).to_contain_text("DATA LAMA sejak 21 Nov 10:32 / stale since 21 Nov 10:32")
        await expect(page.locator("#fresh")).to_contain_text("hub tidak memberi tanda hidup")
        assert "grayscale" in await page.locator("main").evaluate("main => getComputedStyle(main).filter")
        with psycopg.connect(hub.endpoints.database_url) as owner:
            owner.execute("UPDATE hub.pulse SET at = now(), waiting_since = now() - interval '2 minutes'")
        await expect(page.locator("#fresh")).to_contain_text("hub tertinggal")
    finally:
        with psycopg.connect(hub.endpoints.database_url) as owner:
            owner.execute("DELETE FROM hub.pulse")
        hub.stack.start("aggregator")
    await expect(page.locator("#fresh")).to_have_text("Langsung")


async def test_the_page_comes_back_by_itself_after_a_restart_of_the_server(
    hub: RunningHub, own_server: Server, page: Page
) -> None:
    await page.goto(own_server.url("/d/first"))
    await expect(page.locator("#fresh")).to_have_text("Langsung")
    await page.evaluate("window.untouched = true")
    own_server.stop()
    await expect(page.locator("#fresh")).to_contain_text("sambungan ke server terputus")
    await expect(page.locator("#fresh")).to_contain_text("DATA LAMA sejak")
    await issue(hub, "C-001")
    own_server.start()
    await expect(page.locator("#fresh")).to_have_text("Langsung")
    await expect(tile(page, 1).locator("b")).to_have_text(waiting(hub))
    assert await page.evaluate("window.untouched")

    own_server.stop()
    write(own_server.folder, "first", "Dinding baru", [panel(1, "stat", EVERYWHERE)])
    own_server.start()
    await expect(page.locator("#title")).to_have_text("Dinding baru")
    assert not await page.evaluate("window.untouched"), "another build is loaded anew"


async def test_a_connection_that_hangs_is_given_up(hub: RunningHub, own_server: Server, page: Page) -> None:
    await page.goto(own_server.url("/d/first"))
    await expect(page.locator("#fresh")).to_have_text("Langsung")
    hung: list[Route] = []

    async def hang(route: Route) -> None:
        if hung:
            await route.continue_()
        else:
            hung.append(route)

    await page.route("**/dashboards", hang)
    own_server.stop()
    await expect(page.locator("#fresh")).to_contain_text("sambungan ke server terputus")
    own_server.start()
    await page.evaluate("load()")
    await expect(page.locator("#fresh")).to_have_text("Langsung")
    assert hung


async def test_a_wall_that_was_shown_asks_again_whatever_it_was_answered(own_server: Server, page: Page) -> None:
    await page.goto(own_server.url("/d/first"))
    await expect(page.locator("#fresh")).to_have_text("Langsung")
    answers = iter([404, 400])

    async def refuse(route: Route) -> None:
        status = next(answers, None)
        await (route.continue_() if status is None else route.fulfill(status=status, body="no"))

    await page.route("**/dashboards", refuse)
    await page.evaluate("load()")
    await expect(page.locator("#fresh")).to_contain_text("sambungan ke server terputus")
    await expect(page.locator("#fresh")).to_have_text("Langsung")
    assert next(answers, None) is None


async def test_several_values_are_said_to_be_chosen(server: Server, page: Page) -> None:
    await page.goto(server.url("/d/second?var-opd=dinkes&var-opd=dukcapil"))
    await expect(page.locator("select option:checked")).to_have_text("2 dipilih")
    await page.goto(server.url("/d/second?var-opd=dinkes"))
    await expect(page.locator("select option:checked")).to_have_text("Dinkes")


async def test_figures_stay_while_the_database_is_away_and_go_on_after(
    hub: RunningHub, server: Server, page: Page
) -> None:
    await page.goto(server.url("/d/first"))
    await expect(tile(page, 1).locator("b")).to_have_text(waiting(hub))
    before = waiting(hub)
    hub.stack.stop("postgres")
    await page.wait_for_timeout(3000)
    await expect(tile(page, 1).locator("b")).to_have_text(before)
    hub.stack.start("postgres")
    await issue(hub, "D-001")
    await expect(tile(page, 1).locator("b")).to_have_text(str(int(before) + 1))


async def test_a_playlist_turns_from_one_dashboard_to_the_next(server: Server, page: Page) -> None:
    await page.goto(server.url("/?kiosk&playlist=5"))
    await expect(page.locator("#title")).to_have_text("Dinding")
    await expect(page.locator("#title")).to_have_text("Kedua")
    await expect(page.locator("#title")).to_have_text("Dinding")


async def test_a_table_that_is_longer_than_its_panel_turns_its_pages(server: Server, page: Page) -> None:
    await page.goto(server.url("/d/long?kiosk"))
    words, rows = tile(page, 1).locator(".more"), tile(page, 1).locator("tbody tr")
    await expect(words).to_have_text(re.compile(r"^1–\d+ dari 60$"))
    first = await rows.all_text_contents()
    last = int(re.findall(r"\d+", await words.inner_text())[1])
    assert first == [str(number) for number in range(1, last + 1)]
    # By itself.
    await expect(words).to_have_text(re.compile(rf"^{last + 1}–\d+ dari 60$"))
    assert (await rows.all_text_contents())[0] == str(last + 1)
    # It goes on from there when its dashboard comes again.
    await page.evaluate("load('first')")
    await expect(page.locator("#title")).to_have_text("Dinding")
    await page.evaluate("load('long')")
    await expect(words).to_have_text(re.compile(rf"^{2 * last + 1}–\d+ dari 60$"))
    # Where one can scroll there is but one page.
    await page.goto(server.url("/d/long"))
    await expect(rows).to_have_count(60)
    await expect(words).to_have_count(0)


def test_a_name_of_somebody_else_does_not_lead_here(server: Server) -> None:
    """A page from elsewhere whose name was made to lead to this machine could read the wall."""
    asked = urllib.request.Request(server.url("/dashboards"), headers={"Host": "evil.example"})  # noqa: S310 - ours
    assert answer(asked)[0] == 400


def test_odd_parameters_are_no_fault(server: Server) -> None:
    assert answer(urllib.request.Request(server.url("/stream/first?row=" + "9" * 5000)))[0] == 200  # noqa: S310 - ours


def test_the_command_shows_the_wall_on_this_machine_only(hub: RunningHub) -> None:
    command = [sys.executable, "-m", "services.cli", "--state", str(hub.stack.state), "--lang", "en"]
    with subprocess.Popen(
        [*command, "dashboards", "preview"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as preview:
        try:
            assert preview.stdout
            said = preview.stdout.readline()
            found = re.fullmatch(r"The wall: (http://127\.0\.0\.1:\d+/)\n", said)
            assert found, said
            status, _ = answer(urllib.request.Request(f"{found[1]}dashboards/warroom-city-wall"))  # noqa: S310 - ours
            assert status == 200
        finally:
            preview.send_signal(signal.SIGINT)
        assert "Traceback" not in preview.communicate(timeout=30)[1]


def answer(request: urllib.request.Request) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(request, timeout=15) as response:  # noqa: S310 - ours
            return response.status, response.headers
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/d/first",
        "/page.js",
        "/figures.js",
        "/panels.js",
        "/page.css",
        "/plotly.js",
        "/dashboards",
        "/dashboards/first",
    ],
)
def test_it_is_read_only_and_keeps_to_itself(server: Server, path: str) -> None:
    status, headers = answer(urllib.request.Request(server.url(path)))  # noqa: S310 - ours
    assert status == 200
    assert headers["content-security-policy"].startswith("default-src 'none'; script-src 'self';")
    for method in ("POST", "PUT", "DELETE"):
        assert answer(urllib.request.Request(server.url(path), method=method))[0] == 405  # noqa: S310 - ours


@pytest.mark.parametrize(
    "path", ["/d", "/d/", "/queries.sql", "/app.py", "/../app.py", "/dashboards/none", "/stream/none", "/d/../page.py"]
)
def test_nothing_else_is_served(server: Server, path: str) -> None:
    assert answer(urllib.request.Request(server.url(path)))[0] == 404  # noqa: S310 - ours
