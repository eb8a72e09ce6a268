"""A Grafana in memory behind real HTTP: no Grafana server is to be had from any registry.

It behaves as Grafana 12.3 does as far as publishing goes, holds each request against Grafana's published description,
and its own replies too. It can be told to misbehave.
"""

import copy
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

from tests.publish.description import Description, Json

TOKEN = "glsa_only-for-tests_0123456789abcdef"
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True)
class Reply:
    """What is sent; `body` of str goes out as a web page, None as no body at all, bytes as they are."""

    status: int
    body: Any = None
    location: str | None = None
    after: float = 0


@dataclass
class Misbehaviour:
    """From now on such requests get this reply, `times` times; `done` first: only after it was carried out."""

    method: str
    path: str
    reply: Reply
    times: int
    done: bool


@dataclass
class Stored:
    """One dashboard with its history, newest save first."""

    id: int
    content: Json
    folder: str
    provisioned: bool = False
    saves: list[Json] = field(default_factory=list)

    @property
    def version(self) -> int:
        return len(self.saves)


class FakeGrafana:
    """Keeps folders, data sources, dashboards and playlists; a context manager that ends with its server."""

    def __init__(self, description: Description, prefix: str = "") -> None:
        self._description = description
        self._prefix = prefix
        self._misbehaviours: list[Misbehaviour] = []
        self._ids = 0
        self.folders: dict[str, Json] = {}
        self.data_sources: dict[str, Json] = {}
        self.passwords: dict[str, str] = {}
        self.dashboards: dict[str, Stored] = {}
        #: By uid: name, interval, and items of type and value.
        self.playlists: dict[str, Json] = {}
        #: The database behind the data source takes this one only.
        self.database_password = "the right one"
        self.requests: list[tuple[str, str]] = []
        self.violations: list[str] = []
        server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        server.grafana = self  # type: ignore[attr-defined]
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})

    def __enter__(self) -> "FakeGrafana":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}{self._prefix}"

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [(method, path) for method, path in self.requests if method in WRITES]

    def misbehave(self, method: str, path: str, reply: Reply, *, times: int = 1_000, done: bool = False) -> None:
        """Answer requests whose path (without /api) fits the pattern with `reply`."""
        self._misbehaviours.append(Misbehaviour(method, path, reply, times, done))

    def behave(self) -> None:
        """No more of it."""
        self._misbehaviours.clear()

    def edit(self, uid: str, change: Callable[[Json], None], *, by: str = "siti") -> None:
        """Somebody opens a dashboard in the browser, changes it, and saves; the browser adds what it always adds."""
        stored = self.dashboards[uid]
        content = copy.deepcopy(stored.content)
        built_in = {"builtIn": 1, "datasource": {"type": "grafana", "uid": "-- Grafana --"}, "type": "dashboard"}
        content["annotations"] = {"list": [built_in, *content.get("annotations", {}).get("list", [])]}
        content |= {"iteration": 1763856000000, "fiscalYearStartMonth": 0, "preload": False}
        content.setdefault("links", [])
        content["schemaVersion"] = content.get("schemaVersion", 0) + 1
        for panel in content.get("panels", []):
            panel["pluginVersion"] = "12.3.0"
        change(content)
        self._store(stored, content, message="", by=by)

    def answer(self, method: str, target: str, authorization: str | None, content: bytes) -> Reply:
        """One request, judged and carried out."""
        url = urlsplit(target)
        if not url.path.startswith(f"{self._prefix}/api/"):
            return Reply(404, "<html><body>nginx: not found</body></html>")
        path = url.path.removeprefix(f"{self._prefix}/api")
        self.requests.append((method, path))
        body = json.loads(content) if content else None
        query = parse_qs(url.query, keep_blank_values=True)
        if faults := self._description.request_faults(method, path, query, body):
            self.violations += [f"{method} {path}: {fault}" for fault in faults]
            return Reply(400, {"message": "violates Grafana's description"})
        told = next((m for m in self._misbehaviours if m.method == method and re.fullmatch(m.path, path)), None)
        if told is not None:
            told.times -= 1
            if told.times == 0:
                self._misbehaviours.remove(told)
            if not told.done:
                return told.reply
        if path != "/health" and authorization != f"Bearer {TOKEN}":
            return Reply(401, {"message": "Invalid API key"})
        reply = self._route(method, path, query, body)
        faults = self._description.reply_faults(method, path, reply.status, reply.body)
        self.violations += [f"reply to {method} {path}: {fault}" for fault in faults]
        return told.reply if told is not None else reply

    def _route(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Reply:
        parts = path.strip("/").split("/")
        match (method, *parts):
            case ("GET", "health"):
                return Reply(200, {"database": "ok", "version": "12.3.0", "commit": "0000000"})
            case ("GET", "search"):
                return self._search(query)
            case ("GET", "folders", uid):
                return Reply(200, self.folders[uid]) if uid in self.folders else _not_found("folder not found")
            case ("POST", "folders"):
                return self._create_folder(body)
            case ("PUT", "folders", uid):
                return self._update_folder(uid, body)
            case ("POST", "datasources"):
                return self._create_data_source(body)
            case ("GET", "datasources", "uid", uid):
                there = self.data_sources.get(uid)
                return Reply(200, self._shown(there)) if there else _not_found("Data source not found")
            case ("PUT", "datasources", "uid", uid):
                return self._replace_data_source(uid, body)
            case ("GET", "datasources", "uid", uid, "health"):
                if self.passwords.get(uid) != self.database_password:
                    fault = 'failed SASL auth (FATAL: password authentication failed for user "grafana_reader")'
                    return Reply(400, {"message": fault, "status": "ERROR"})
                return Reply(200, {"message": "Database Connection OK", "status": "OK"})
            case ("GET", "dashboards", "uid", uid):
                return self._dashboard(uid)
            case ("GET", "dashboards", "uid", uid, "versions", version):
                saves = [save for save in self.dashboards[uid].saves if save["version"] == int(version)]
                return Reply(200, saves[0]) if saves else _not_found("Dashboard version not found")
            case ("POST", "dashboards", "db"):
                return self._save_dashboard(body)
            case ("GET", "playlists"):
                listed = [{**playlist, "uid": uid} for uid, playlist in self.playlists.items()]
                return Reply(200, [{k: v for k, v in each.items() if k != "items"} for each in listed])
            case ("POST", "playlists"):
                return self._save_playlist(f"p{self._new_id():09}", body)
            case ("GET", "playlists", uid):
                there = self.playlists.get(uid)
                return Reply(200, {**there, "uid": uid}) if there else _not_found("playlist not found")
            case ("PUT", "playlists", uid):
                return self._save_playlist(uid, body) if uid in self.playlists else _not_found("playlist not found")
        self.violations.append(f"{method} {path}: this fake does not know it")
        return Reply(501, {"message": "not in the fake"})

    def _search(self, query: dict[str, list[str]]) -> Reply:
        return Reply(
            200,
            [
                {"id": d.id, "uid": uid, "title": d.content["title"], "type": "dash-db", "folderUid": d.folder}
                for uid, d in self.dashboards.items()
                if d.folder in query["folderUIDs"] and set(query["tag"]) <= set(d.content.get("tags", []))
            ],
        )

    def _create_folder(self, body: Json) -> Reply:
        if body["uid"] in self.folders or any(f["title"] == body["title"] for f in self.folders.values()):
            return Reply(409, {"message": "a folder with the same name already exists in the current location"})
        self.folders[body["uid"]] = {"id": self._new_id(), "uid": body["uid"], "title": body["title"], "version": 1}
        return Reply(200, self.folders[body["uid"]])

    def _update_folder(self, uid: str, body: Json) -> Reply:
        folder = self.folders[uid]
        if body.get("version") != folder["version"]:
            return Reply(412, {"status": "version-mismatch", "message": "The folder has been changed by someone else"})
        folder.update(title=body["title"], version=folder["version"] + 1)
        return Reply(200, folder)

    def _create_data_source(self, body: Json) -> Reply:
        if any(body["uid"] == uid or body["name"] == there["name"] for uid, there in self.data_sources.items()):
            return Reply(409, {"message": "data source with the same name already exists"})
        return self._store_data_source({**body, "id": self._new_id()}, 1, "Datasource added")

    def _replace_data_source(self, uid: str, body: Json) -> Reply:
        there = self.data_sources[uid]
        if there.get("readOnly"):
            return Reply(403, {"message": "Cannot update read-only data source"})
        if body.get("version") != there["version"]:
            return Reply(409, {"message": "Datasource has already been updated by someone else"})
        return self._store_data_source({**body, "id": there["id"]}, there["version"] + 1, "Datasource updated")

    def _store_data_source(self, body: Json, version: int, message: str) -> Reply:
        uid = body["uid"]
        secret = body.pop("secureJsonData", {})
        self.passwords |= {uid: secret["password"]} if "password" in secret else {}
        self.data_sources[uid] = {"orgId": 1, "isDefault": False, "readOnly": False, **body, "version": version}
        shown = self._shown(self.data_sources[uid])
        return Reply(200, {"id": body["id"], "name": body["name"], "message": message, "datasource": shown})

    def _shown(self, there: Json) -> Json:
        return {**there, "secureJsonFields": {"password": True} if there["uid"] in self.passwords else {}}

    def _dashboard(self, uid: str) -> Reply:
        if uid not in self.dashboards:
            return _not_found("Dashboard not found")
        stored = self.dashboards[uid]
        meta = {"folderUid": stored.folder, "provisioned": stored.provisioned, "version": stored.version, "type": "db"}
        return Reply(200, {"dashboard": stored.content, "meta": meta})

    def _save_dashboard(self, body: Json) -> Reply:
        content = body["dashboard"]
        stored = self.dashboards.get(content["uid"])
        if body.get("folderUid") not in self.folders:
            return Reply(400, {"message": "folder not found"})
        if content.get("id") not in (None, stored and stored.id):
            return _not_found("Dashboard not found")
        if stored is not None and stored.provisioned:
            return Reply(400, {"message": "Cannot save provisioned dashboard"})
        if not body.get("overwrite") and content.get("version", 0) != (stored.version if stored else 0):
            return Reply(
                412, {"status": "version-mismatch", "message": "The dashboard has been changed by someone else"}
            )
        if stored is None:
            stored = self.dashboards[content["uid"]] = Stored(self._new_id(), {}, body["folderUid"])
        stored.folder = body["folderUid"]
        self._store(stored, content, message=body.get("message", ""), by="sa-1-warroom")
        told = {"status": "success", "id": stored.id, "version": stored.version, "title": "slug", "url": "/d/x/slug"}
        return Reply(200, {**told, "uid": content["uid"], "folderUid": stored.folder})

    def _save_playlist(self, uid: str, body: Json) -> Reply:
        """What Grafana 12 keeps: the titles of items are gone, and any number of playlists may bear one name."""
        if not body.get("name"):
            return Reply(400, {"message": "bad request data"})
        items = [{"type": item["type"], "value": item["value"]} for item in body.get("items", [])]
        self.playlists[uid] = {"name": body["name"], "interval": body.get("interval", ""), "items": items}
        return Reply(200, {"uid": uid, "name": body["name"], "interval": self.playlists[uid]["interval"]})

    def _store(self, stored: Stored, content: Json, *, message: str, by: str) -> None:
        save = {"version": stored.version + 1, "message": message, "createdBy": by, "uid": content["uid"]}
        stored.saves.insert(0, save)
        stored.content = {**copy.deepcopy(content), "id": stored.id, "version": stored.version}

    def _new_id(self) -> int:
        self._ids += 1
        return self._ids


def _not_found(message: str) -> Reply:
    return Reply(404, {"message": message})


class _Handler(BaseHTTPRequestHandler):
    """HTTP for the fake; one request a connection."""

    def _handle(self) -> None:
        grafana = cast(FakeGrafana, self.server.grafana)  # type: ignore[attr-defined]
        content = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            reply = grafana.answer(self.command, self.path, self.headers.get("authorization"), content)
        except Exception as error:  # told by the fixture at the end of the test
            grafana.violations.append(f"{self.command} {self.path}: {type(error).__name__}: {error}")
            reply = Reply(500, {"message": "a fault of the fake"})
        time.sleep(reply.after)
        page = isinstance(reply.body, str)
        payload = (
            b"" if reply.body is None
            else reply.body if isinstance(reply.body, bytes)
            else reply.body.encode() if page
            else json.dumps(reply.body).encode()
        )  # fmt: skip
        self.send_response(reply.status)
        self.send_header("content-type", "text/html" if page else "application/json")
        if reply.location is not None:
            self.send_header("location", reply.location)
        if reply.status != 204:
            self.send_header("content-length", str(len(payload)))
        self.end_headers()
        try:
            self.wfile.write(payload)
        except ConnectionError:
            grafana.requests.append(("GONE", self.path))  # the client did not wait

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _handle

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""
