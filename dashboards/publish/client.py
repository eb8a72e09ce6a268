"""The adapter to a real Grafana, on grafana-api-client: the only module that imports it, for it has traps.

It knows no time-out, calls most errors by one name, breaks on an empty reply and on a 412 without a status, and follows
redirects that turn a write into a read. So each reply is judged by a hook before the client sees it.
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import SplitResult

import requests
from grafana_api_client import GrafanaClient  # type: ignore[import-untyped]
from pydantic import TypeAdapter, ValidationError

from dashboards.publish import errors
from dashboards.publish.grafana import (
    Created,
    FoundDashboard,
    FoundDataSource,
    FoundFolder,
    FoundPlaylist,
    Health,
    Hit,
    Json,
    ListedPlaylist,
    Save,
)

T = TypeVar("T")
_REFUSALS: dict[int, type[errors.Refusal]] = {
    401: errors.TokenRefused,
    403: errors.NotAllowed,
    404: errors.NotFound,
    412: errors.ChangedMeanwhile,
}
#: One line of a screen; a proxy may send a whole page as its reason.
_WORDS = 200
#: Grafana's own upper bound for one page of search results; of playlists it gives 1000 unless it is told.
_MOST_HITS = 5000


class _Judged(Exception):
    """An error status of Grafana's API, with its message and its own name for the cause."""

    def __init__(self, status: int, words: str, cause: str) -> None:
        super().__init__(status, words, cause)
        self.status = status
        self.words = words
        self.cause = cause


class _Empty(Exception):
    """A reply without a body."""


class _Foreign(Exception):
    """A reply that is not of Grafana's API."""


class _Moved(Exception):
    """A redirect."""


class GrafanaApi:
    """A Grafana by its HTTP API; a context manager that ends with its connections."""

    def __init__(self, url: SplitResult, token: str, *, timeout: float = 10) -> None:
        prefix = url.path.strip("/")
        self.where = f"{url.scheme}://{url.netloc}" + (f"/{prefix}" if prefix else "")
        self._token = token
        self._timeout = timeout
        self._client = GrafanaClient(token, host=url.netloc, url_path_prefix=prefix, protocol=url.scheme)
        self._client.custom_requests_params = {"timeout": timeout}
        self._client.session.hooks["response"].append(self._judge)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.session.close()

    def health(self) -> Health:
        """See the port."""
        return self._ask("health", Health, lambda: self._client.health.get())

    def find_folder(self, uid: str) -> FoundFolder | None:
        """See the port."""
        return self._find(f"folder {uid}", FoundFolder, lambda: self._client.folders[uid].get())

    def create_folder(self, uid: str, title: str) -> None:
        """See the port."""
        self._ask(f"folder {uid}", Json, lambda: self._client.folders.create(uid=uid, title=title))

    def rename_folder(self, uid: str, title: str, version: int) -> None:
        """See the port."""
        self._update(f"folder {uid}", lambda: self._client.folders[uid].replace(title=title, version=version))

    def find_data_source(self, uid: str) -> FoundDataSource | None:
        """See the port."""
        return self._find(f"data source {uid}", FoundDataSource, lambda: self._client.datasources.uid[uid].get())

    def create_data_source(self, body: Json) -> None:
        """See the port."""
        self._ask(f"data source {body['uid']}", Json, lambda: self._client.datasources.create(**body))

    def replace_data_source(self, uid: str, body: Json) -> None:
        """See the port."""
        self._update(f"data source {uid}", lambda: self._client.datasources.uid[uid].replace(**body))

    def data_source_fault(self, uid: str) -> str | None:
        """See the port."""
        try:
            self._call(f"data source {uid}", lambda: self._client.datasources.uid[uid].health.get())
        except _Judged as reply:
            if reply.status != 400:  # Grafana is well, its database connection is not
                raise self._refusal(f"data source {uid}", reply, errors.Conflict) from None
            return reply.words
        return None

    def find_dashboard(self, uid: str) -> FoundDashboard | None:
        """See the port."""
        return self._find(f"dashboard {uid}", FoundDashboard, lambda: self._client.dashboards.uid[uid].get())

    def find_save(self, uid: str, version: int) -> Save | None:
        """See the port."""
        return self._find(f"dashboard {uid}", Save, lambda: self._client.dashboards.uid[uid].versions[version].get())

    def save_dashboard(self, dashboard: Json, *, folder: str, version: int, message: str) -> None:
        """See the port."""
        # Without the id, which is another one in each Grafana: the uid tells which dashboard it is.
        body = {**dashboard, "id": None, "version": version}
        self._update(
            f"dashboard {dashboard['uid']}",
            lambda: self._client.dashboards.db.create(
                dashboard=body, folderUid=folder, message=message, overwrite=False
            ),
        )

    def list_dashboards(self, *, folders: Sequence[str], tag: str) -> list[Hit]:
        """See the port."""
        return self._ask(
            "search",
            list[Hit],
            lambda: self._client.search.get(type="dash-db", folderUIDs=list(folders), tag=tag, limit=_MOST_HITS),
        )

    def list_playlists(self) -> list[ListedPlaylist]:
        """See the port."""
        found = self._find("playlist", list[ListedPlaylist], lambda: self._client.playlists.get(limit=_MOST_HITS))
        return found or []

    def read_playlist(self, uid: str) -> FoundPlaylist:
        """See the port."""
        return self._ask(f"playlist {uid}", FoundPlaylist, lambda: self._client.playlists[uid].get())

    def create_playlist(self, body: Json) -> str:
        """See the port."""
        try:
            return self._ask(f"playlist {body['name']}", Created, lambda: self._client.playlists.create(**body)).uid
        except errors.NotFound:
            raise errors.NoPlaylists(self.where, body["name"]) from None

    def replace_playlist(self, uid: str, body: Json) -> None:
        """See the port."""
        self._update(f"playlist {uid}", lambda: self._client.playlists[uid].replace(**body))

    def _find(self, what: str, shape: type[T], call: Callable[[], Any]) -> T | None:
        try:
            return self._ask(what, shape, call)
        except errors.NotFound:
            return None

    def _update(self, what: str, call: Callable[[], Any]) -> None:
        """A write over what was read: where nothing else has its name, a conflict is that somebody was faster."""
        self._ask(what, Json, call, conflict=errors.ChangedMeanwhile)

    def _ask(
        self, what: str, shape: type[T], call: Callable[[], Any], *, conflict: type[errors.Refusal] = errors.Conflict
    ) -> T:
        """The reply in its shape; everything that can go wrong becomes one line that names `what`."""
        try:
            return TypeAdapter(shape).validate_python(self._call(what, call))
        except _Judged as reply:
            raise self._refusal(what, reply, conflict) from None
        except ValidationError:
            raise errors.NotGrafana(self.where, what) from None

    def _call(self, what: str, call: Callable[[], Any]) -> Any:
        try:
            return call()
        except _Empty as reply:
            raise errors.EmptyReply(self.where, what, reply.args[0]) from None
        except _Foreign:
            raise errors.NotGrafana(self.where, what) from None
        except _Moved as reply:
            raise errors.Redirected(self.where, reply.args[0]) from None
        except requests.Timeout:
            raise errors.TimedOut(self.where, what, self._timeout) from None
        except requests.exceptions.SSLError:
            raise errors.NotTrusted(self.where) from None
        except requests.RequestException as error:
            root = _root(error)
            if isinstance(root, TimeoutError):  # in the midst of a reply
                raise errors.TimedOut(self.where, what, self._timeout) from None
            words = root.strerror if isinstance(root, OSError) else None
            raise errors.NotReachable(self.where, words or type(root).__name__) from None

    def _refusal(self, what: str, reply: _Judged, conflict: type[errors.Refusal]) -> errors.Refusal:
        kind = _REFUSALS.get(reply.status, errors.GrafanaFailed if reply.status >= 500 else errors.Refusal)
        if reply.status == 409:
            kind = conflict
        # Nobody was faster; of a dashboard its own code says so, of other things only the words do.
        if reply.cause == "name-exists" or (reply.status == 409 and "same name" in reply.words.lower()):
            kind = errors.Conflict
        return kind(self.where, what, reply.status, reply.words)

    def _judge(self, reply: requests.Response, *_: Any, **__: Any) -> None:
        """Before the client reads it: what is no reply of Grafana's API in JSON goes no further."""
        status, content = reply.status_code, reply.content  # read to the end, or its connection stays open
        if 300 <= status < 400:
            raise _Moved(reply.headers.get("location", "?").partition("?")[0])
        if 200 <= status < 300 and not content:
            raise _Empty(status)
        try:
            body = reply.json()
        except requests.JSONDecodeError:
            # A proxy's own page tells 401, 403 or 502 as well as Grafana does; any other page is no Grafana.
            if status < 400 or status == 404:
                raise _Foreign from None
            body = None
        if status >= 400:
            told = body if isinstance(body, dict) else {"message": reply.reason}
            words = str(told.get("message", "")).replace(self._token, "***")
            raise _Judged(status, " ".join(words.split())[:_WORDS], str(told.get("status", "")))


def _root(error: BaseException) -> BaseException:
    """The system's own error, such as 'Connection refused', out of the layers around it."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    return error
