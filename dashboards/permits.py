"""Permits: what is open and overdue, how long they take, and what goes back to the applicant."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import look, promises
from dashboards.look import AMBER, BLUE, GREEN, NOBODY, RED, steps
from dashboards.panels import Column, figures, lines, rows
from dashboards.screen import Screen
from dashboards.words import STATES, Lang, Words, same
from opd_schemas.catalogue import Catalogue

UID = "warroom-permits"
_ABOUT = Words(
    "Perizinan: terbuka, lewat batas, lama penyelesaian kotor dan bersih, dikembalikan, per layanan dan tahap.",
    "Permits: open, overdue, lead time gross and net, returned, by service and stage.",
)
_LEAD = Words(
    "Kotor: dari diajukan sampai terbit atau ditolak. Bersih: jam kerja unit saja, tanpa waktu di tangan pemohon.",
    "Gross: from submitted to issued or rejected. Net: working hours of the unit only, without the applicant's time.",
)


def build(lang: Lang, catalogue: Catalogue) -> Dashboard:
    screen = Screen(UID, _ABOUT, lang, catalogue, since="now-7d", refresh="30s")
    screen.choose("opd", same("OPD"), "agencies_of_kind", kind="permit")
    screen.choose("service", Words("Layanan", "Service"), "services", kind="permit")
    days, hours = look.unit("days", lang), look.unit("hours", lang)
    _figures(screen, days, hours)
    _over_time(screen, days)
    _tables(screen, days, hours)
    screen.fold(26, Words("Indikator perizinan dalam katalog", "Permit indicators of the catalogue"),
                promises.of_kind(screen, "permit"))  # fmt: skip
    return screen.build()


def _over_time(screen: Screen, days: str) -> None:
    screen.add(
        (0, 5, 12, 8),
        lines(unit=look.COUNT),
        title=Words("Permohonan per hari", "Applications by day"),
        about=Words("Diajukan, terbit, ditolak, dikembalikan. Sumber: wall.states_over.",
                    "Submitted, issued, rejected, returned. Source: wall.states_over."),
        source=screen.sql("permits.flow", as_table=False),
        columns=(
            Column("submitted", Words("Diajukan", "Submitted"), colour=BLUE),
            Column("issued", Words("Terbit", "Issued"), colour=GREEN),
            Column("rejected", Words("Ditolak", "Rejected"), colour=RED),
            Column("returned", Words("Dikembalikan", "Returned"), colour=AMBER),
        ),
    )  # fmt: skip
    screen.add(
        (12, 5, 12, 8),
        lines(unit=days, decimals=1),
        title=Words("Lama penyelesaian (kotor), menurut hari selesainya", "Lead time (gross), by the day of its end"),
        about=Words(f"{_LEAD.id} Sumber: wall.duration_over.", f"{_LEAD.en} Source: wall.duration_over."),
        source=screen.sql("permits.lead", as_table=False),
        columns=(
            Column("gross_median_days", same("p50"), colour=BLUE),
            Column("gross_p90_days", same("p90"), colour=AMBER),
        ),
    )


def _figures(screen: Screen, days: str, hours: str) -> None:
    screen.add(
        (0, 0, 8, 5),
        figures(),
        title=Words("Saat ini", "Now"),
        about=Words("Permohonan yang belum selesai, dan yang lewat batas waktunya. Sumber: wall.open.",
                    "Applications that are not finished, and those past their limit. Source: wall.open."),
        source=screen.sql("permits.now"),
        columns=(
            Column("open", Words("Terbuka", "Open"), unit=look.COUNT, decimals=0),
            Column("overdue", Words("Lewat batas", "Overdue"), unit=look.COUNT, decimals=0, thresholds=steps((1, RED))),
            Column("oldest_days", Words("Tertua", "Oldest"), unit=days, decimals=0, mappings=NOBODY),
        ),
    )  # fmt: skip
    screen.add(
        (8, 0, 11, 5),
        figures(),
        title=Words("Lama penyelesaian dalam rentang waktu", "Lead time in the time range"),
        about=Words(f"{_LEAD.id} Sumber: wall.duration.", f"{_LEAD.en} Source: wall.duration."),
        source=screen.sql("permits.lead_time"),
        columns=(
            Column("gross_median_days", Words("Kotor p50", "Gross p50"), unit=days, decimals=1),
            Column("gross_p90_days", Words("Kotor p90", "Gross p90"), unit=days, decimals=1),
            Column("net_median_hours", Words("Bersih p50", "Net p50"), unit=hours, decimals=1),
            Column("net_p90_hours", Words("Bersih p90", "Net p90"), unit=hours, decimals=1),
        ),
    )
    screen.add(
        (19, 0, 5, 5),
        figures(),
        title=Words("Bagian dari yang diajukan", "Share of those submitted"),
        about=Words("Dikembalikan ke pemohon, dan diajukan secara daring. Sumber: wall.states_by.",
                    "Returned to the applicant, and submitted online. Source: wall.states_by."),
        source=screen.sql("permits.shares"),
        columns=(
            Column("returned_share", Words("Dikembalikan", "Returned"), unit="percentunit", decimals=0),
            Column("online_share", Words("Daring", "Online"), unit="percentunit", decimals=0),
        ),
    )  # fmt: skip


def _tables(screen: Screen, days: str, hours: str) -> None:
    name, owner = Column("name", Words("Layanan", "Service"), width=230), Column("owner", same("OPD"), width=110)
    screen.add(
        (0, 13, 5, 13),
        rows(),
        title=Words("Per tahap, saat ini", "By stage, now"),
        about=Words("Permohonan yang terbuka menurut tahapnya. Sumber: wall.open_by_state.",
                    "Open applications by their stage. Source: wall.open_by_state."),
        source=screen.sql("permits.by_stage"),
        columns=(
            Column("state", Words("Tahap", "Stage"), mappings=look.coloured(STATES, screen.lang), width=190),
            Column("open", Words("Terbuka", "Open"), decimals=0),
            Column("oldest_days", Words("Tertua", "Oldest"), unit=days, decimals=0),
        ),
        empty=Words("Tidak ada yang terbuka", "None is open"),
    )  # fmt: skip
    screen.add(
        (5, 13, 10, 13),
        rows(),
        title=Words("Per layanan", "By service"),
        about=Words("Diajukan, terbit dan dikembalikan dalam rentang waktu; terbuka dan lewat batas saat ini. "
                    "Sumber: wall.states_by, wall.open_by_state.",
                    "Submitted, issued and returned in the time range; open and overdue now. "
                    "Source: wall.states_by, wall.open_by_state."),
        source=screen.sql("permits.by_service"),
        columns=(
            name,
            owner,
            Column("submitted", Words("Diajukan", "Submitted"), decimals=0),
            Column("open", Words("Terbuka", "Open"), decimals=0),
            Column("overdue", Words("Lewat batas", "Overdue"), decimals=0, filled=True,
                   thresholds=steps((1, RED), first="transparent")),
            Column("issued", Words("Terbit", "Issued"), decimals=0),
            Column("returned_share", Words("Dikembalikan", "Returned"), unit="percentunit", decimals=0),
        ),
    )  # fmt: skip
    screen.add(
        (15, 13, 9, 13),
        rows(),
        title=Words("Lama penyelesaian per layanan", "Lead time by service"),
        about=Words(f"{_LEAD.id} Sumber: wall.duration_by.", f"{_LEAD.en} Source: wall.duration_by."),
        source=screen.sql("permits.lead_by_service"),
        columns=(
            name,
            owner,
            Column("n", Words("Selesai", "Ended"), decimals=0),
            Column("gross_median_days", Words("Kotor p50", "Gross p50"), unit=days, decimals=1),
            Column("gross_p90_days", Words("Kotor p90", "Gross p90"), unit=days, decimals=1),
            Column("net_median_hours", Words("Bersih p50", "Net p50"), unit=hours, decimals=1),
        ),
    )
