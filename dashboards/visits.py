"""Health visits by Puskesmas: waits and referrals; counts of one to four people are hidden by the hub itself."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import look, promises
from dashboards.look import AMBER, BLUE, GREEN, GREY
from dashboards.panels import Column, figures, lines, map_of, rows
from dashboards.places import choose_limit, places
from dashboards.screen import Screen
from dashboards.sources import shared
from dashboards.words import FEW_OR_NONE, HIDDEN, Lang, Words, same
from opd_schemas.catalogue import Catalogue

UID = "warroom-visits"
_ABOUT = Words(
    "Kunjungan per Puskesmas: lama tunggu dan rujukan. Angka 1 sampai 4 disamarkan, lainnya dibulatkan ke kelipatan 5.",
    "Visits by health centre: waits and referrals. Counts of 1 to 4 are hidden, others rounded to the nearest 5.",
)
_WAIT = Words("Tunggu = didaftar sampai diperiksa.", "Wait = registered until examined.")


def build(lang: Lang, catalogue: Catalogue) -> Dashboard:
    screen = Screen(UID, _ABOUT, lang, catalogue, since="now/d", refresh="10s")
    places(screen, "visit")
    choose_limit(screen, "visit", "wait")
    _figures(screen)
    table = _by_unit(screen)
    _map(screen, table)
    _over_time(screen)
    screen.fold(30, Words("Indikator kesehatan dalam katalog", "Health indicators of the catalogue"),
                promises.of_kind(screen, "visit"))  # fmt: skip
    return screen.build()


def _figures(screen: Screen) -> None:
    minute = look.unit("minutes", screen.lang)
    hidden, few = look.instead_of_null(screen.say(HIDDEN)), look.instead_of_null(screen.say(FEW_OR_NONE))
    screen.add(
        (0, 0, 14, 5),
        figures(),
        title=Words("Menunggu sekarang, dan lama tunggu", "Waiting now, and waiting time"),
        about=Words(f"{_WAIT.id} Tepat waktu: diperiksa dalam batas yang dipilih. Sumber: wall.open, wall.duration.",
                    f"{_WAIT.en} In time: examined within the limit that is chosen. Source: wall.open, wall.duration."),
        source=screen.sql("visits.wait_now"),
        columns=(
            Column("waiting", Words("Menunggu sekarang", "Waiting now"), unit=look.COUNT, decimals=0, mappings=hidden),
            Column("median_min", Words("Tunggu p50", "Wait p50"), unit=minute, decimals=0, mappings=few),
            Column("p90_min", Words("Tunggu p90", "Wait p90"), unit=minute, decimals=0, mappings=few),
            Column("within_share", Words("Tepat waktu", "In time"), unit="percentunit", decimals=0, mappings=few),
        ),
    )  # fmt: skip
    screen.add(
        (14, 0, 10, 5),
        figures(),
        title=Words("Kunjungan dalam rentang waktu", "Visits in the time range"),
        about=Words(f"{_ABOUT.id} Sumber: wall.states, wall.channel_share.",
                    f"{_ABOUT.en} Source: wall.states, wall.channel_share."),
        source=screen.sql("visits.shares"),
        columns=(
            Column("registered", Words("Didaftar", "Registered"), unit=look.COUNT, decimals=0, mappings=hidden),
            Column("referred_share", Words("Dirujuk", "Referred"), unit="percentunit", decimals=1, mappings=few),
            Column("online_share", Words("Daftar daring", "Online"), unit="percentunit", decimals=0, mappings=few),
        ),
    )  # fmt: skip


def _by_unit(screen: Screen) -> int:
    minute = look.unit("minutes", screen.lang)
    hidden = look.instead_of_null(screen.say(HIDDEN))
    return screen.add(
        (0, 5, 14, 17),
        rows(),
        title=Words("Per Puskesmas", "By health centre"),
        about=Words(f"{_WAIT.id} {_ABOUT.id} Sumber: wall.states_by, wall.duration_by.",
                    f"{_WAIT.en} {_ABOUT.en} Source: wall.states_by, wall.duration_by."),
        source=screen.sql("visits.by_unit"),
        columns=(
            Column("name", Words("Tempat", "Place"), width=260),
            Column("owner", same("OPD"), width=120),
            Column("registered", Words("Didaftar", "Registered"), decimals=0, mappings=hidden),
            Column("median_min", same("p50"), unit=minute, decimals=0),
            Column("p90_min", same("p90"), unit=minute, decimals=0),
            Column("within_share", Words("Tepat waktu", "In time"), unit="percentunit", decimals=0),
            Column("referred", Words("Dirujuk", "Referred"), decimals=0, mappings=hidden),
            Column("latitude", Words("Lintang", "Latitude"), hidden=True),
            Column("longitude", Words("Bujur", "Longitude"), hidden=True),
        ),
    )  # fmt: skip


def _map(screen: Screen, table: int) -> None:
    """The same answer as the table's; colours follow the thresholds of the agency's own KPI where there is one."""
    minute = look.unit("minutes", screen.lang)
    # Grey: Grafana gives what has no value the colour of the lowest step, which is green.
    hidden, none = look.instead_of_null(screen.say(HIDDEN)), look.instead_of_null("–", GREY)
    kpi = next((each for each in screen.catalogue.kpis if each.filter.kind == "visit" and each.unit == "minutes"), None)
    screen.add(
        (14, 5, 10, 17),
        map_of("median_min", screen.say(Words("Tempat layanan", "Places of service"))),
        title=Words("Peta lama tunggu (p50)", "Map of waiting time (p50)"),
        about=Words("Warna: median lama tunggu; abu-abu: sedikit kasus atau nihil. Tempat yang belum "
                    "berkoordinat di katalog tidak tampak. Sumber: wall.unit.",
                    "Colour: median wait; grey: few cases or none. Places without coordinates in the "
                    "catalogue are not shown. Source: wall.unit."),
        source=shared(table),
        columns=(
            Column("name", Words("Tempat", "Place")),
            Column("owner", same("OPD")),
            Column("registered", Words("Didaftar", "Registered"), decimals=0, mappings=hidden),
            Column("median_min", Words("Tunggu p50", "Wait p50"), unit=minute, decimals=0, mappings=none,
                   thresholds=look.thresholds(kpi) if kpi else None),
            Column("p90_min", Words("Tunggu p90", "Wait p90"), unit=minute, decimals=0, mappings=none),
            Column("within_share", Words("Tepat waktu", "In time"), unit="percentunit", decimals=0, mappings=none),
            Column("referred", Words("Dirujuk", "Referred"), decimals=0, mappings=hidden),
            Column("latitude", Words("Lintang", "Latitude"), no_tip=True),
            Column("longitude", Words("Bujur", "Longitude"), no_tip=True),
        ),
    )  # fmt: skip


def _over_time(screen: Screen) -> None:
    screen.add(
        (0, 22, 12, 8),
        lines(unit=look.COUNT),
        title=Words("Kunjungan per jam atau hari", "Visits by hour or day"),
        about=Words("Didaftar, selesai, dirujuk; kosong bila disamarkan. Sumber: wall.states_over.",
                    "Registered, completed, referred; empty where hidden. Source: wall.states_over."),
        source=screen.sql("visits.flow", as_table=False),
        columns=(
            Column("registered", Words("Didaftar", "Registered"), colour=BLUE),
            Column("completed", Words("Selesai", "Completed"), colour=GREEN),
            Column("referred", Words("Dirujuk", "Referred"), colour=AMBER),
        ),
    )  # fmt: skip
    screen.add(
        (12, 22, 12, 8),
        lines(unit=look.unit("minutes", screen.lang), decimals=0),
        title=Words("Lama tunggu", "Waiting time"),
        about=Words(f"{_WAIT.id} Sumber: wall.duration_over.", f"{_WAIT.en} Source: wall.duration_over."),
        source=screen.sql("visits.wait", as_table=False),
        columns=(Column("median_min", same("p50"), colour=BLUE), Column("p90_min", same("p90"), colour=AMBER)),
    )
