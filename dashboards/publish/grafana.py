"""The port to a Grafana: what publishing asks of it, and the shapes of its replies. `client` is the adapter."""

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Json = dict[str, Any]


class _Reply(BaseModel):
    """A part of one of Grafana's replies; what is not named here is not needed."""

    model_config = ConfigDict(frozen=True, alias_generator=to_camel)


class Health(_Reply):
    """`GET /api/health`: a Grafana that hides its version from strangers gives none."""

    database: str
    version: str = ""


class FoundFolder(_Reply):
    """`GET /api/folders/{uid}`."""

    uid: str
    title: str
    version: int = 0


class FoundDataSource(_Reply):
    """`GET /api/datasources/uid/{uid}`; a password that is set is told as such, never shown."""

    uid: str
    name: str
    type: str
    access: str = ""
    url: str = ""
    user: str = ""
    version: int = 0
    is_default: bool = False
    read_only: bool = False
    json_data: Json = Field(default_factory=dict)
    secure_json_fields: dict[str, bool] = Field(default_factory=dict)


class DashboardMeta(_Reply):
    """Where a dashboard is, and whether files keep it."""

    folder_uid: str = ""
    provisioned: bool = False


class FoundDashboard(_Reply):
    """`GET /api/dashboards/uid/{uid}`."""

    dashboard: Json
    meta: DashboardMeta

    @property
    def version(self) -> int:
        """Sent back with a write, so that nothing saved in between is lost."""
        return int(self.dashboard.get("version", 0))


class Save(_Reply):
    """`GET /api/dashboards/uid/{uid}/versions/{version}`: one save with the words that were given with it.

    The list of versions is not asked: in it Grafana writes "Initial save" over the words of the first one.
    """

    message: str = ""
    created_by: str = ""


class Hit(_Reply):
    """One dashboard of `GET /api/search`."""

    uid: str
    title: str


class PlaylistItem(_Reply):
    """One step of a playlist; its title is not here, for a Grafana of today drops it."""

    type: str
    value: str


class ListedPlaylist(_Reply):
    """One playlist of `GET /api/playlists`."""

    uid: str
    name: str


class FoundPlaylist(ListedPlaylist):
    """`GET /api/playlists/{uid}`."""

    interval: str = ""
    items: list[PlaylistItem] | None = None


class Created(_Reply):
    """What Grafana made, under a uid of its own choice."""

    uid: str


class Grafana(Protocol):
    """A Grafana that the hub publishes to. Any method may raise a GrafanaError; `find_` gives None for 'not there'."""

    @property
    def where(self) -> str:
        """Its address, without secrets."""

    def health(self) -> Health:
        """That it is a Grafana at all, and which."""

    def find_folder(self, uid: str) -> FoundFolder | None:
        """One folder."""

    def create_folder(self, uid: str, title: str) -> None:
        """A new one, at the top."""

    def rename_folder(self, uid: str, title: str, version: int) -> None:
        """Another title, unless somebody was faster than `version`."""

    def find_data_source(self, uid: str) -> FoundDataSource | None:
        """One data source."""

    def create_data_source(self, body: Json) -> None:
        """A new one."""

    def replace_data_source(self, uid: str, body: Json) -> None:
        """All its settings but the secrets that `body` leaves out, unless somebody was faster than its `version`."""

    def data_source_fault(self, uid: str) -> str | None:
        """Why Grafana cannot query through it; None if it can."""

    def find_dashboard(self, uid: str) -> FoundDashboard | None:
        """One dashboard."""

    def find_save(self, uid: str, version: int) -> Save | None:
        """Who saved that version of a dashboard, and with which words."""

    def save_dashboard(self, dashboard: Json, *, folder: str, version: int, message: str) -> None:
        """Into that folder, unless somebody was faster than `version` (0: it is new)."""

    def list_dashboards(self, *, folders: Sequence[str], tag: str) -> list[Hit]:
        """All dashboards of these folders that carry the tag."""

    def list_playlists(self) -> list[ListedPlaylist]:
        """All of them; a Grafana that knows no playlists has none."""

    def read_playlist(self, uid: str) -> FoundPlaylist:
        """One playlist with its items."""

    def create_playlist(self, body: Json) -> str:
        """A new one, even where one of that name is; its uid, which Grafana chooses."""

    def replace_playlist(self, uid: str, body: Json) -> None:
        """Name, interval and items; Grafana keeps no version of a playlist that could be held against it."""
