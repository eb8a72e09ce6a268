"""One dashboard in the making: what all of them have in common, and the places of its panels on the grid."""

from collections.abc import Sequence

from grafana_foundation_sdk.builders.dashboard import Dashboard, DashboardLink, QueryVariable, TimePicker
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import dashboard
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataTransformerConfig,
    GridPos,
    Panel,
    RowPanel,
    VariableOption,
    VariableRefresh,
)

from dashboards.panels import Column, describe
from dashboards.sources import DASHBOARD, TIMESCALEDB, Sql
from dashboards.statements import statement
from dashboards.words import NO_DATA, Lang, Words
from opd_schemas.catalogue import Catalogue

#: The newest form of dashboards that Grafana 10 reads; later ones bring it up to date as they load it.
_SCHEMA_VERSION = 39
#: Every dashboard by its uid; the English set has the suffix.
TITLES = {
    "warroom-city-wall": Words("Dinding Kota", "City Wall"),
    "warroom-queues": Words("Antrean", "Queues"),
    "warroom-permits": Words("Perizinan", "Permits"),
    "warroom-visits": Words("Kunjungan Kesehatan", "Health Visits"),
    "warroom-agency": Words("Per OPD", "By Agency"),
    "warroom-ledger": Words("Buku Quick Win", "Quick-Win Ledger"),
    "warroom-hub-health": Words("Kesehatan Hub", "Hub Health"),
}
_SUFFIX: dict[Lang, str] = {"id": "", "en": "-en"}
_OTHER: dict[Lang, tuple[Lang, str]] = {"id": ("en", "English"), "en": ("id", "Bahasa Indonesia")}


def uid_of(uid: str, lang: Lang) -> str:
    """The uid of a dashboard in one of the two sets."""
    return uid + _SUFFIX[lang]


class Screen:
    """Collects variables and panels; `build` gives the dashboard."""

    def __init__(self, uid: str, about: Words, lang: Lang, catalogue: Catalogue, *, since: str, refresh: str) -> None:
        self.lang: Lang = lang
        self.catalogue = catalogue
        self._uid = uid
        self._panels: list[Panel | RowPanel] = []
        self._ids = 0
        self._dashboard = (
            Dashboard(TITLES[uid].of(lang))
            .uid(uid_of(uid, lang))
            .description(about.of(lang))
            .tags(["warroom", lang])
            .timezone(catalogue.city.timezone)
            .week_start("monday")
            .time(since, "now")
            .timepicker(TimePicker().refresh_intervals(["5s", "10s", "30s", "1m", "5m"]))
            .refresh(refresh)
            .tooltip(DashboardCursorSync.CROSSHAIR)
            .readonly()
            .links(self._links())
        )

    def say(self, words: Words) -> str:
        return words.of(self.lang)

    def sql(self, name: str, *, as_table: bool = True, **codes: str) -> Sql:
        """A statement of `queries/` in the language of the set."""
        return Sql(statement(name, lang=self.lang, **codes), as_table=as_table)

    def choose(
        self,
        name: str,
        label: Words,
        query: str,
        *,
        several: bool = True,
        chosen: tuple[str, str] | None = None,
        **codes: str,
    ) -> None:
        """A variable whose choices come from a query; one that takes several begins with All, which filters nothing.

        In SQL it stands as `${name:sqlstring}` only. All is the text `'*'`, which Grafana puts there as it is.
        """
        sql = statement(f"variables.{query}", lang=self.lang, **codes)
        variable = (
            QueryVariable(name)
            .label(self.say(label))
            .datasource(TIMESCALEDB)
            .query(sql)
            .definition(sql)
            .refresh(VariableRefresh.ON_DASHBOARD_LOAD)
            .allow_custom_value(False)
            .multi(several)
            .include_all(several)
        )
        if several:
            variable.all_value("'*'").current(VariableOption(True, ["All"], ["$__all"]))
        elif chosen is not None:
            variable.current(VariableOption(True, *chosen))
        self._dashboard.with_variable(variable)

    def add(
        self,
        place: tuple[int, int, int, int],
        panel: Builder[Panel],
        *,
        title: Words | None = None,
        about: Words | None = None,
        source: Dataquery | None = None,
        columns: Sequence[Column] = (),
        only: Sequence[DataTransformerConfig] = (),
        empty: Words = NO_DATA,
    ) -> int:
        """Put a panel at (x, y, w, h) and return its id, by which others may share its answer."""
        built = self._finish(place, panel, title, about, source, columns, only, empty)
        self._panels.append(built)
        return self._ids

    def fold(self, y: int, title: Words, panels: Sequence["Folded"]) -> None:
        """A row that is closed until somebody opens it; what is in it asks nothing before."""
        self._ids += 1
        row = RowPanel(True, self.say(title), grid_pos=GridPos(1, 24, 0, y), id_val=self._ids)
        for number, (panel, about_title, about, source, columns) in enumerate(panels):
            place = (number % 3 * 8, y + 1 + number // 3 * 7, 8, 7)
            row.panels.append(self._finish(place, panel, about_title, about, source, columns, (), NO_DATA))
        self._panels.append(row)

    def build(self) -> dashboard.Dashboard:
        built = self._dashboard.build()
        built.panels = self._panels
        for link in built.links or []:
            # The SDK puts every link into a menu that only Grafana 12.3 and later have; without, it stands in sight.
            link.placement = None  # type: ignore[assignment]
        built.schema_version = _SCHEMA_VERSION
        return built

    def _finish(
        self,
        place: tuple[int, int, int, int],
        panel: Builder[Panel],
        title: Words | None,
        about: Words | None,
        source: Dataquery | None,
        columns: Sequence[Column],
        only: Sequence[DataTransformerConfig],
        empty: Words,
    ) -> Panel:
        self._ids += 1
        x, y, width, height = place
        built = panel.build()
        built.id_val = self._ids
        built.grid_pos = GridPos(height, width, x, y)
        built.title = self.say(title) if title else ""
        built.description = self.say(about) if about else None
        if source is not None:
            built.targets = [source]
            built.datasource = _datasource(source)
            describe(built, columns, self.lang, empty=self.say(empty))
        built.transformations = list(only) or None
        return built

    def _links(self) -> list[Builder[dashboard.DashboardLink]]:
        other, language = _OTHER[self.lang]
        links = [_link(self.say(title), uid_of(uid, self.lang)) for uid, title in TITLES.items() if uid != self._uid]
        return [*links, _link(language, uid_of(self._uid, other))]


Folded = tuple[Builder[Panel], Words, Words, Dataquery, Sequence[Column]]


def _datasource(source: Dataquery) -> DataSourceRef:
    return TIMESCALEDB if isinstance(source, Sql) else DASHBOARD


def _link(title: str, uid: str) -> Builder[dashboard.DashboardLink]:
    return (
        DashboardLink(title)
        .type(DashboardLinkType.LINK)
        .icon("dashboard")
        .url(f"/d/{uid}")
        .keep_time(False)
        .tooltip(title)
    )
