"""The preview's server: the page, the dashboards, and one stream of results a browser. It reads; nothing is written."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

import anyio
import orjson
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboards.macros import Variable
from dashboards.preview.freshness import LIMIT, Freshness, Hub, judge
from dashboards.preview.hints import listen
from dashboards.preview.live import SQL, Full, Live, Query, Result, prepare
from dashboards.preview.model import PAGE, Dashboard, Library, read
from dashboards.preview.variables import Choice, UnknownValue, choose
from services import db
from services.settings import Settings

JSON = Path(__file__).parents[1] / "json"
#: Out of the installed package: no third-party code is ours to keep.
_PLOTLY = Path(str(files("plotly"))) / "package_data" / "plotly.min.js"
#: The page takes a stream that is silent for three of these for lost.
_BEAT_S = 2.0
_FAREWELL_S = 1.0
#: Few connections: queries wait for one another rather than for the hub's own work.
_CONNECTIONS = 4
_CITY, _HUB = Query(SQL["city"]), Query(SQL["hub"])
_HEADERS = {
    # Plotly writes its styles into the page.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Guarded:
    """Adds the headers that keep the page to itself."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(_HEADERS)
            await send(message)

        await self._app(scope, receive, guarded)


@dataclass(frozen=True)
class City:
    """The city's name, and the zone of its days."""

    name: str
    timezone: str


class Preview:
    """The dashboards, and the queries in view."""

    def __init__(self, library: Library, live: Live) -> None:
        self._library = library
        self._live = live
        #: Set when the server is to stop: streams never end by themselves.
        self._stopping = anyio.Event()

    async def end_streams(self) -> None:
        """Run as a task for the life of the process."""
        await self._stopping.wait()
        self._live.wake()

    async def health(self, _: Request) -> Response:
        """Whether the figures can be read, and which build this is."""
        city = await self._live.read(_CITY)
        since = self._live.unanswered_since([_CITY])
        well = city.frame is not None and (since is None or datetime.now(UTC) - since < LIMIT)
        return _json({"build": self._library.build, "problem": None if well else city.problem or "stale"}, well=well)

    async def titles(self, _: Request) -> Response:
        """All dashboards, those of the playlists first."""
        return _json(
            [
                {"uid": one.uid, "title": one.title, "lang": one.lang, "inTurn": one.uid in self._library.in_turn}
                for one in self._library.dashboards.values()
            ]
        )

    async def dashboard(self, request: Request) -> Response:
        """One dashboard with its variables' options, and the city."""
        dashboard = self._find(request)
        city, choices = await self._chosen(request, dashboard)
        return _json(
            {
                "build": self._library.build,
                "lang": dashboard.lang,
                "dashboard": dashboard.body,
                "variables": [choice.as_dict() for choice in choices],
                "city": city,
                "zone": dashboard.zone(city.timezone),
            }
        )

    async def stream(self, request: Request) -> Response:
        """All results of a dashboard, then those that change, and every few seconds how fresh they are."""
        dashboard = self._find(request)
        city, choices = await self._chosen(request, dashboard)
        opened = set(request.query_params.getlist("row"))
        panels = dashboard.queries(city.timezone, [choice.variable for choice in choices], opened)
        self._live.admit(query for queries in panels.values() for query in queries)
        return EventSourceResponse(
            self._events(panels), shutdown_event=self._stopping, shutdown_grace_period=_FAREWELL_S
        )

    async def _events(self, panels: Mapping[int, Sequence[Query]]) -> AsyncIterator[bytes]:
        yield _event("hello", {"build": self._library.build})
        said, said_at = None, 0.0
        sharing: dict[tuple[Query, ...], tuple[int, ...]] = {}
        for panel, queries in panels.items():
            sharing[tuple(queries)] = (*sharing.get(tuple(queries), ()), panel)
        every = {_HUB, *(query for queries in sharing for query in queries)}
        with self._live.watching(every) as viewer:
            while not self._stopping.is_set():
                changed = await viewer.changes(_BEAT_S)
                news = []
                for queries, ids in sharing.items():
                    known = tuple(result for query in queries if (result := self._live.result(query)) is not None)
                    if len(known) == len(queries) and not changed.isdisjoint(queries):
                        news.append(_panels_event(ids, known))
                fresh = judge(self._live.unanswered_since(every), _hub(self._live.result(_HUB)), datetime.now(UTC))
                if fresh != said or time.monotonic() - said_at >= _BEAT_S:
                    said, said_at = fresh, time.monotonic()
                    news.append(_event("fresh", _dated(fresh)))
                if news:
                    yield b"".join(news)

    def _find(self, request: Request) -> Dashboard:
        if (dashboard := self._library.dashboards.get(request.path_params["uid"])) is None:
            raise HTTPException(
                404, "Dashboard ini tidak ada; buka / untuk semuanya. / No such dashboard; open / for all."
            )
        return dashboard

    async def _chosen(self, request: Request, dashboard: Dashboard) -> tuple[City, list[Choice]]:
        self._live.admit([_CITY])
        city = _city(await self._live.read(_CITY))

        async def ask(sql: str, before: Sequence[Variable]) -> Result:
            query = dashboard.query(sql, city.timezone, before)
            self._live.admit([query])
            return await self._live.read(query)

        names = {key.removeprefix("var-") for key in request.query_params if key.startswith("var-")}
        wanted = {name: request.query_params.getlist(f"var-{name}") for name in names}
        try:
            return city, await choose(dashboard.variables, wanted, ask)
        except UnknownValue as error:
            raise HTTPException(400, str(error)) from None


async def _too_many(_: Request, __: Exception) -> Response:
    return PlainTextResponse(
        "Terlalu banyak tampilan berbeda dibuka; tutup sebagian, tunggu sebentar."
        " / Too many different views are open; close some, and wait a moment.",
        503,
    )


def create_app(settings: Settings, folder: Path = JSON, *, hosts: Sequence[str] = ("*",)) -> Starlette:
    """Wire the preview: the dashboards of `folder`, a pool as the settings' role, and the hints of the broker.

    `hosts` are the names by which a browser may call it: a name of somebody else's that leads here is refused.
    """
    pool = db.pool(settings.database_url, size=_CONNECTIONS, name="preview", configure=prepare)
    live = Live(pool)
    preview = Preview(read(folder), live)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await pool.open()
        tasks = [
            asyncio.create_task(listen(settings.nats_url, live.hint)),
            asyncio.create_task(preview.end_streams()),
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await live.close()
        await pool.close()

    return Starlette(
        routes=[
            *(_file(address, file) for address, file in PAGE.items()),
            _file("/plotly.js", _PLOTLY),
            Route("/healthz", preview.health),
            # The address that a dashboard has in Grafana, so that links between them hold here, too.
            _file("/d/{uid}", PAGE["/"]),
            Route("/dashboards", preview.titles),
            Route("/dashboards/{uid}", preview.dashboard),
            Route("/stream/{uid}", preview.stream),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=hosts), Middleware(Guarded)],
        exception_handlers={Full: _too_many},
        lifespan=lifespan,
    )


def _file(path: str, file: Path) -> Route:
    async def serve(_: Request) -> Response:
        # Asked for again each time: a wall screen must not keep the page of an older build.
        return FileResponse(file, headers={"cache-control": "no-cache"})

    return Route(path, serve)


def _json(content: object, *, well: bool = True) -> Response:
    return Response(orjson.dumps(content), 200 if well else 503, media_type="application/json")


def _event(name: str, content: object) -> bytes:
    return ServerSentEvent(orjson.dumps(content).decode(), event=name).encode()


# Put into words once for all browsers.
@lru_cache(maxsize=64)
def _panels_event(ids: Sequence[int], results: Sequence[Result]) -> bytes:
    return _event("panels", {"ids": ids, "results": [_shown(result) for result in results]})


def _shown(result: Result) -> dict[str, object]:
    frame = None if result.frame is None else orjson.Fragment(result.frame)
    return {"frame": frame, "problem": result.problem, "detail": result.detail, "span": result.span}


def _dated(fresh: Freshness) -> dict[str, object]:
    return {"since": fresh.since, "reason": fresh.reason}


def _city(result: Result) -> City:
    rows = [] if result.frame is None else orjson.loads(result.frame)["rows"]
    if not rows:
        raise HTTPException(
            503,
            "Basis data tidak menjawab, atau belum ada katalog; periksa: warroom status."
            " / The database does not answer, or has no catalogue yet; see: warroom status.",
        )
    return City(*rows[0])


@lru_cache(maxsize=4)
def _hub(result: Result | None) -> Hub | None:
    if result is None:
        return None
    rows = [] if result.frame is None else orjson.loads(result.frame)["rows"]
    if not rows:
        return Hub()
    return Hub(*(None if ms is None else datetime.fromtimestamp(ms / 1000, UTC) for ms in rows[0]))
