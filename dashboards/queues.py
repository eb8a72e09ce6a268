"""Queues: who waits where and for how long, against the limit that is chosen."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import look, promises
from dashboards.look import AMBER, BLUE, GREEN, NOBODY, RED
from dashboards.panels import Column, bars, figures, lines, rows
from dashboards.places import choose_limit, places
from dashboards.screen import Screen
from dashboards.words import Lang, Words, same
from opd_schemas.catalogue import Catalogue

UID = "warroom-queues"
_ABOUT = Words(
    "Antrean di semua loket: menunggu sekarang, lama tunggu, tepat waktu, ditinggalkan, daring.",
    "Queues at all counters: waiting now, waiting time, in time, abandoned, online.",
)
_WAIT = Words("Tunggu = tiket diambil sampai dipanggil.", "Wait = ticket taken until called.")


def build(lang: Lang, catalogue: Catalogue) -> Dashboard:
    screen = Screen(UID, _ABOUT, lang, catalogue, since="now/d", refresh="5s")
    places(screen, "queue")
    choose_limit(screen, "queue", "wait")
    _figures(screen)
    screen.add(
        (0, 5, 14, 10),
        bars(unit=look.COUNT, limit=14),
        title=Words("Menunggu sekarang, per tempat", "Waiting now, by place"),
        about=Words("Tiket yang belum dipanggil, terbanyak di atas. Sumber: wall.open_by_state.",
                    "Tickets not yet called, most on top. Source: wall.open_by_state."),
        source=screen.sql("queues.waiting"),
        empty=Words("Tidak ada yang menunggu", "Nobody waits"),
    )  # fmt: skip
    screen.add(
        (14, 5, 10, 5),
        lines(unit=look.COUNT),
        title=Words("Tiket per jam atau hari", "Tickets by hour or day"),
        about=Words("Diambil, selesai dilayani, ditinggalkan. Sumber: wall.states_over.",
                    "Taken, served, abandoned. Source: wall.states_over."),
        source=screen.sql("queues.flow", as_table=False),
        columns=(
            Column("issued", Words("Diambil", "Taken"), colour=BLUE),
            Column("served", Words("Dilayani", "Served"), colour=GREEN),
            Column("abandoned", Words("Ditinggalkan", "Abandoned"), colour=RED),
        ),
    )  # fmt: skip
    screen.add(
        (14, 10, 10, 5),
        lines(unit=look.unit("minutes", lang), decimals=0),
        title=Words("Lama tunggu", "Waiting time"),
        about=Words(f"{_WAIT.id} Sumber: wall.duration_over.", f"{_WAIT.en} Source: wall.duration_over."),
        source=screen.sql("queues.wait", as_table=False),
        columns=(
            Column("median_min", same("p50"), colour=BLUE),
            Column("p90_min", same("p90"), colour=AMBER),
        ),
    )
    _by_unit(screen)
    screen.fold(27, Words("Indikator antrean dalam katalog", "Queue indicators of the catalogue"),
                promises.of_kind(screen, "queue"))  # fmt: skip
    return screen.build()


def _figures(screen: Screen) -> None:
    minute = look.unit("minutes", screen.lang)
    screen.add(
        (0, 0, 8, 5),
        figures(),
        title=Words("Saat ini", "Now"),
        about=Words("Tiket yang belum dipanggil. Sumber: wall.open.", "Tickets not yet called. Source: wall.open."),
        source=screen.sql("queues.now"),
        columns=(
            Column("waiting", Words("Menunggu", "Waiting"), unit=look.COUNT, decimals=0),
            Column("oldest_min", Words("Terlama", "Longest"), unit=minute, decimals=0, mappings=NOBODY),
        ),
    )
    screen.add(
        (8, 0, 16, 5),
        figures(),
        title=Words("Dalam rentang waktu", "In the time range"),
        about=Words(
            f"{_WAIT.id} Tepat waktu: dipanggil dalam batas yang dipilih. Sumber: wall.duration, wall.states_by.",
            f"{_WAIT.en} In time: called within the limit that is chosen. Source: wall.duration, wall.states_by.",
        ),
        source=screen.sql("queues.summary"),
        columns=(
            Column("median_min", Words("Tunggu p50", "Wait p50"), unit=minute, decimals=0),
            Column("p90_min", Words("Tunggu p90", "Wait p90"), unit=minute, decimals=0),
            Column("within_share", Words("Tepat waktu", "In time"), unit="percentunit", decimals=0),
            Column("abandoned_share", Words("Ditinggalkan", "Abandoned"), unit="percentunit", decimals=1),
            Column("online_share", Words("Daring", "Online"), unit="percentunit", decimals=0),
        ),
    )


def _by_unit(screen: Screen) -> None:
    minute = look.unit("minutes", screen.lang)
    screen.add(
        (0, 15, 24, 12),
        rows(),
        title=Words("Per tempat", "By place"),
        about=Words(
            f"{_WAIT.id} Sumber: wall.states_by, wall.duration_by, wall.open_by_state.",
            f"{_WAIT.en} Source: wall.states_by, wall.duration_by, wall.open_by_state.",
        ),
        source=screen.sql("queues.by_unit"),
        columns=(
            Column("name", Words("Tempat", "Place"), width=320),
            Column("owner", same("OPD"), width=150),
            Column("waiting", Words("Menunggu", "Waiting"), decimals=0),
            Column("oldest_min", Words("Terlama", "Longest"), unit=minute, decimals=0),
            Column("served", Words("Dilayani", "Served"), decimals=0),
            Column("median_min", same("p50"), unit=minute, decimals=0),
            Column("p90_min", same("p90"), unit=minute, decimals=0),
            Column("within_share", Words("Tepat waktu", "In time"), unit="percentunit", decimals=0),
            Column("abandoned_share", Words("Ditinggalkan", "Abandoned"), unit="percentunit", decimals=1),
        ),
    )
