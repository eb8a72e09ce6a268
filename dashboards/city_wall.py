"""The city wall: for the big screen, read from four metres at 1920 x 1080 without scrolling.

Everything about KPIs comes from one query: the panel of the worst asks it, the others take their rows from its answer.
"""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import look
from dashboards.look import BLUE
from dashboards.panels import HEADLINE_SIZE, NAME_SIZE, VALUE_SIZE, Column, figures, heading, lines, words
from dashboards.screen import Screen
from dashboards.sources import rows_where, shared
from dashboards.words import DIMENSIONS, NO_PULSE, Lang, Words
from opd_schemas.catalogue import Catalogue

UID = "warroom-city-wall"
_ABOUT = Words(
    "Keadaan semua quick win kota saat ini: apa yang terburuk, milik siapa, dan apakah angkanya dapat dipercaya.",
    "The state of all the city's quick wins now: what is worst, whose it is, and whether the figures can be trusted.",
)
_SOURCE = Words("Sumber: wall.kpi_at, katalog yang berlaku.", "Source: wall.kpi_at, the catalogue in force.")
#: The row kind, `part`, says which panel takes a row; `place` is their order.
_DROP = ("part", "place")


def build(lang: Lang, catalogue: Catalogue) -> Dashboard:
    screen = Screen(UID, _ABOUT, lang, catalogue, since="now-1h", refresh="5s")
    worst = _worst(screen)
    _headline(screen, worst)
    for number, (dimension, name) in enumerate(DIMENSIONS.items()):
        _dimension(screen, worst, number, dimension, name)
    _now(screen)
    return screen.build()


def _worst(screen: Screen) -> int:
    """The panel that asks the query of all KPI panels."""
    return screen.add(
        (0, 15, 14, 9),
        words(
            "shown", look.judged_values(screen.lang, Words("target", "target")), names="left",
            name_size=NAME_SIZE - 2, value_size=NAME_SIZE, limit=6,
        ),
        title=Words("Terburuk saat ini", "Worst now"),
        about=Words(
            f"Enam indikator yang paling jauh dari targetnya, kritis lebih dahulu, dengan OPD pemiliknya. {_SOURCE.id}",
            f"The six indicators farthest from their targets, critical ones first, with the owner. {_SOURCE.en}",
        ),
        source=screen.sql("city_wall.status"),
        only=rows_where("part", "worst", drop=_DROP),
        empty=Words("Tidak ada yang kritis atau waspada", "Nothing is critical or at warning"),
    )  # fmt: skip


def _headline(screen: Screen, worst: int) -> None:
    freshness = screen.add(
        (0, 0, 9, 3),
        words("freshness", look.freshness(screen.lang), names="none", value_size=30, limit=1),
        about=Words(
            "Sampai saat mana semua peristiwa sudah terhitung. Tertinggal lebih dari 60 detik: usang. "
            "Sumber: wall.hub.",
            "Up to which moment all events are counted. More than 60 seconds behind: stale. Source: wall.hub.",
        ),
        source=screen.sql("city_wall.events"),
        empty=NO_PULSE,
    )
    screen.add(
        (9, 0, 15, 3),
        words(
            "shown", look.counted_statuses(screen.lang), names="none", value_size=VALUE_SIZE, limit=5, across=True,
        ),
        about=Words(
            f"Banyaknya indikator menurut keadaannya. {_SOURCE.id}",
            f"How many indicators are in which state. {_SOURCE.en}",
        ),
        source=shared(worst),
        only=rows_where("part", "count", drop=_DROP),
    )  # fmt: skip
    screen.add(
        (14, 15, 10, 4),
        figures(value_size=HEADLINE_SIZE, name_size=16),
        title=Words("Layanan saat ini", "Services now"),
        about=Words(
            "Peristiwa dalam satu menit terakhir, warga yang menunggu, dan permohonan yang terbuka. "
            "Sumber: wall.hub, wall.open.",
            "Events of the last minute, people who wait, and applications that are open. Source: wall.hub, wall.open.",
        ),
        source=shared(freshness),
        columns=(
            Column("events", Words("Peristiwa/menit", "Events/minute"), unit=look.COUNT, decimals=0, colour=BLUE),
            Column("queue_waiting", Words("Menunggu di antrean", "Waiting in queues"), unit=look.COUNT, decimals=0),
            Column(
                "visit_waiting",
                Words("Pasien menunggu", "Patients waiting"),
                unit=look.COUNT,
                decimals=0,
                mappings=look.instead_of_null("1–4"),
            ),
            Column("permit_open", Words("Izin diproses", "Open permits"), unit=look.COUNT, decimals=0),
        ),
    )


def _dimension(screen: Screen, worst: int, number: int, dimension: str, name: Words) -> None:
    """The quick wins of one of the six dimensions, the worst first."""
    screen.add((4 * number, 3, 4, 2), heading(f"## {screen.say(name)}"))
    screen.add(
        (4 * number, 5, 4, 10),
        words(
            "shown", look.counted_statuses(screen.lang), names="above", name_size=18, value_size=VALUE_SIZE, limit=8,
        ),
        about=Words(
            f"Quick win dimensi {name.id}: keadaan terburuk indikatornya, dan berapa indikator yang demikian. "
            f"{_SOURCE.id}",
            f"Quick wins of the dimension {name.en}: the worst state of their indicators, and how many are in it. "
            f"{_SOURCE.en}",
        ),
        source=shared(worst),
        only=rows_where("part", dimension, drop=_DROP),
        empty=Words("Belum ada quick win", "No quick win yet"),
    )  # fmt: skip


def _now(screen: Screen) -> None:
    screen.add(
        (14, 19, 10, 5),
        lines(unit=look.COUNT, bars=True, legend=False),
        title=Words("Peristiwa per menit, satu jam terakhir", "Events per minute, the last hour"),
        about=Words("Peristiwa yang dihitung tiap menit. Sumber: wall.throughput.",
                    "Events counted in each minute. Source: wall.throughput."),
        source=screen.sql("city_wall.throughput", as_table=False),
        columns=(Column("counted", Words("Terhitung", "Counted"), colour=BLUE),),
    )  # fmt: skip
