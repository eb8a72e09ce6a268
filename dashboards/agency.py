"""One agency (OPD), chosen by a variable: its promises, applications and services, and how sound its data is."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import look
from dashboards.look import AMBER, GREEN, GREY, NOBODY, RED, SLATE, steps
from dashboards.panels import Column, figures, lines, rows, status_column
from dashboards.screen import Screen
from dashboards.words import HEARD, HIDDEN, KINDS, REASONS, UNITS, Lang, Words, same
from opd_schemas.catalogue import Catalogue

UID = "warroom-agency"
_ABOUT = Words(
    "Satu OPD: janji, aplikasi, layanan, dan kewajaran datanya.",
    "One agency: its promises, applications, services, and how sound its data is.",
)


def build(lang: Lang, catalogue: Catalogue) -> Dashboard:
    screen = Screen(UID, _ABOUT, lang, catalogue, since="now-30d", refresh="30s")
    screen.choose("opd", same("OPD"), "agencies", several=False)
    _levels(screen)
    _promises(screen)
    _apps(screen)
    screen.add(
        (14, 13, 10, 8),
        lines(unit=look.COUNT, bars=True, stacked=True),
        title=Words("Kasus baru per hari", "New cases by day"),
        about=Words(
            "Tiket, permohonan dan kunjungan yang dimulai. Sumber: wall.states_over.",
            "Tickets, applications and visits that began. Source: wall.states_over.",
        ),
        source=screen.sql("agency.flow", as_table=False),
        columns=tuple(Column(kind, name) for kind, name in KINDS.items()),
    )
    _places(screen)
    _integrity(screen)
    return screen.build()


def _levels(screen: Screen) -> None:
    minute = look.unit("minutes", screen.lang)
    screen.add(
        (0, 0, 24, 4),
        figures(),
        title=Words("Saat ini", "Now"),
        about=Words("Yang menunggu, terbuka dan lewat batas di OPD ini. Sumber: wall.open.",
                    "What waits, is open and overdue at this agency. Source: wall.open."),
        source=screen.sql("agency.levels"),
        columns=(
            Column("queue_waiting", Words("Menunggu di antrean", "Waiting in queues"), unit=look.COUNT, decimals=0),
            Column("queue_oldest_min", Words("Terlama menunggu", "Longest waiting"), unit=minute, decimals=0,
                   mappings=NOBODY),
            Column("visit_waiting", Words("Pasien menunggu", "Patients waiting"), unit=look.COUNT, decimals=0,
                   mappings=look.instead_of_null(screen.say(HIDDEN))),
            Column("permit_open", Words("Izin terbuka", "Open permits"), unit=look.COUNT, decimals=0),
            Column("permit_overdue", Words("Izin lewat batas", "Overdue permits"), unit=look.COUNT, decimals=0,
                   thresholds=steps((1, RED))),
        ),
    )  # fmt: skip


def _promises(screen: Screen) -> None:
    lang = screen.lang
    screen.add(
        (0, 4, 24, 9),
        rows(),
        title=Words("Indikator quick win OPD ini", "Quick-win indicators of this agency"),
        about=Words(
            "Keadaan tiap indikator, alasannya, dan dasar kepercayaannya. Capaian 100 % = target tepat tercapai. "
            "Sumber: wall.kpi_now.",
            "The state of each indicator, why, and what its trust rests on. Achievement 100 % = target just reached. "
            "Source: wall.kpi_now.",
        ),
        source=screen.sql("agency.kpis"),
        columns=(
            Column("name", Words("Indikator", "Indicator"), width=420),
            status_column(look.statuses(lang)),
            Column("value", Words("Nilai", "Value"), decimals=1, width=90),
            Column("target", Words("Target", "Target"), decimals=1, width=90),
            Column("unit", Words("Satuan", "Unit"), mappings=look.coloured(UNITS, lang), width=110),
            Column("achievement", Words("Capaian", "Achievement"), unit="percentunit", decimals=0, width=100),
            Column("reason", Words("Alasan", "Reason"), mappings=look.coloured(REASONS, lang), width=190),
            Column("n", Words("Kasus", "Cases"), decimals=0, width=90),
            Column("as_of", Words("Per", "As of"), unit=look.MOMENT, width=170),
            Column("heard", Words("Aplikasi terdengar", "Applications heard"), width=150),
            Column("late_share", Words("Terlambat datang", "Came late"), unit="percentunit", decimals=1),
        ),
        empty=Words("OPD ini tidak memiliki indikator", "This agency owns no indicator"),
    )


def _apps(screen: Screen) -> None:
    screen.add(
        (0, 13, 14, 8),
        rows(),
        title=Words("Aplikasi", "Applications"),
        about=Words("Diam: tidak ada peristiwa atau denyut melewati jarak yang diharapkan. Sumber: wall.app.",
                    "Silent: no event or heartbeat for longer than expected. Source: wall.app."),
        source=screen.sql("agency.apps"),
        columns=(
            Column("name", Words("Aplikasi", "Application"), width=300),
            Column("heard", Words("Keadaan", "State"), filled=True, width=140,
                   mappings=look.coloured(HEARD, screen.lang, {"heard": GREEN, "silent": SLATE, "never": GREY})),
            Column("heard_at", Words("Terakhir terdengar", "Last heard"), unit=look.MOMENT),
            Column("expected_min", Words("Diharapkan tiap", "Expected every"), unit=look.unit("minutes", screen.lang)),
        ),
        empty=Words("OPD ini belum mengirim data", "This agency does not publish yet"),
    )  # fmt: skip


def _places(screen: Screen) -> None:
    lang = screen.lang
    screen.add(
        (0, 21, 12, 9),
        rows(),
        title=Words("Terbuka per tempat dan layanan", "Open, by place and service"),
        about=Words("Kasus yang belum selesai saat ini. Sumber: wall.open_by_state, wall.open_by.",
                    "Cases that are not finished now. Source: wall.open_by_state, wall.open_by."),
        source=screen.sql("agency.places"),
        columns=(
            Column("unit", Words("Tempat", "Place"), width=240),
            Column("service", Words("Layanan", "Service"), width=200),
            Column("kind", Words("Jenis", "Kind"), mappings=look.coloured(KINDS, lang), width=100),
            Column("open", Words("Terbuka", "Open"), decimals=0),
            Column("waiting", Words("Menunggu", "Waiting"), decimals=0),
            Column("oldest_hours", Words("Tertua", "Oldest"), unit=look.unit("hours", lang), decimals=1),
        ),
        empty=Words("Tidak ada yang terbuka", "None is open"),
    )  # fmt: skip


def _integrity(screen: Screen) -> None:
    screen.add(
        (12, 21, 12, 9),
        rows(),
        title=Words("Kewajaran data, 7 hari terakhir", "Soundness of the data, last 7 days"),
        about=Words(
            "Tanda angka yang dipercantik: ditutup sekaligus, lama nol, dikembalikan menjelang batas. "
            "Sumber: wall.integrity.",
            "Signs of embellished figures: closed in bulk, zero durations, returned just before the limit. "
            "Source: wall.integrity.",
        ),
        source=screen.sql("agency.integrity"),
        columns=(
            Column("unit", Words("Tempat", "Place"), width=220),
            Column("kind", Words("Jenis", "Kind"), mappings=look.coloured(KINDS, screen.lang), width=100),
            Column("closed", Words("Selesai", "Closed"), decimals=0),
            _share("bulk_share", Words("Sekaligus", "In bulk")),
            _share("zero_share", Words("Lama nol", "Zero time")),
            _share("late_return_share", Words("Kembali di ujung", "Late returns")),
            Column("restarts", Words("Mulai ulang", "Restarts"), decimals=0),
            Column("returned_again", Words("Kembali lagi", "Returned again"), decimals=0),
        ),
    )


def _share(name: str, title: Words) -> Column:
    """A fifth or more deserves a look."""
    return Column(
        name, title, unit="percentunit", decimals=1, thresholds=steps((0.2, AMBER), first="transparent"), filled=True
    )
