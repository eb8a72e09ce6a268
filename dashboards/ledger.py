"""The ledger of quick wins: every promise with baseline, target, figure now, trend and review; one in detail."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import look
from dashboards.look import AMBER, GREEN, GREY, RED
from dashboards.panels import Column, lines, rows, status_column, timeline
from dashboards.screen import Screen
from dashboards.words import DIMENSIONS, TRENDS, UNITS, YES_NO, Lang, Words, same
from opd_schemas.catalogue import Catalogue

UID = "warroom-ledger"
_ABOUT = Words(
    "Semua quick win: garis dasar, target, nilai sekarang, kecenderungan, tanggal tinjauan, indikator RPJMD.",
    "All quick wins: baseline, target, value now, trend, review date, RPJMD indicator.",
)

#: What `ledger.chosen` tells of a KPI.
_PARTS = {
    "programme": same("Quick win"),
    "owner": Words("Penanggung jawab", "Owner"),
    "period": Words("Masa program", "Period"),
    "next_review": Words("Tinjauan berikutnya", "Next review"),
    "rpjmd": Words("Indikator RPJMD", "RPJMD indicator"),
    "source": Words("Dasar", "Source"),
    "source_verified": Words("Dasar sudah diperiksa", "Source checked"),
    "window": Words("Jendela waktu", "Window"),
    "minimum_sample": Words("Kasus minimum", "Least cases"),
    "runbook": Words("Pedoman tindakan", "Runbook"),
}


def build(lang: Lang, catalogue: Catalogue) -> Dashboard:
    screen = Screen(UID, _ABOUT, lang, catalogue, since="now-30d", refresh="30s")
    screen.choose("dimension", Words("Dimensi", "Dimension"), "dimensions")
    screen.choose("kpi", Words("Indikator", "Indicator"), "kpis", several=False)
    _ledger(screen)
    _chosen(screen)
    return screen.build()


def _ledger(screen: Screen) -> None:
    lang = screen.lang
    trend = {"better": GREEN, "worse": RED}
    screen.add(
        (0, 0, 24, 16),
        rows(),
        title=Words("Buku quick win", "Ledger of quick wins"),
        about=Words(
            "Capaian 100 % = target tepat tercapai. Kecenderungan: dibanding saat yang sama seminggu lalu, menurut "
            "arah indikator. Sumber: wall.kpi, wall.kpi_trend.",
            "Achievement 100 % = target just reached. Trend: against the same moment a week ago, in the direction of "
            "the indicator. Source: wall.kpi, wall.kpi_trend.",
        ),
        source=screen.sql("ledger.ledger"),
        columns=(
            Column("programme", same("Quick win"), width=190),
            Column("name", Words("Indikator", "Indicator"), width=300),
            Column("dimension", Words("Dimensi", "Dimension"), mappings=look.coloured(DIMENSIONS, lang), width=105),
            Column("owner", same("OPD"), width=110),
            Column("unit", Words("Satuan", "Unit"), mappings=look.coloured(UNITS, lang), width=85),
            Column("baseline", Words("Garis dasar", "Baseline"), decimals=1, width=95),
            Column("target", Words("Target", "Target"), decimals=1, width=75),
            Column("target_by", Words("Tenggat", "Due"), unit="time:YYYY-MM-DD", width=95),
            Column("value", Words("Sekarang", "Now"), decimals=1, width=85),
            status_column(look.statuses(lang), width=105),
            Column("achievement", Words("Capaian", "Achievement"), unit="percentunit", decimals=0, width=90),
            Column("trend", Words("Kecenderungan", "Trend"), mappings=look.coloured(TRENDS, lang, trend), width=120),
            Column("next_review", Words("Tinjauan", "Review"), unit="time:YYYY-MM-DD", width=100),
            Column("rpjmd", Words("Indikator RPJMD", "RPJMD indicator")),
            Column("source_verified", Words("Dasar diperiksa", "Source checked"), mappings=look.coloured(YES_NO, lang),
                   width=100),
        ),
    )  # fmt: skip


def _chosen(screen: Screen) -> None:
    """The indicator of the variable: its course, its states, and what was written about it."""
    lang = screen.lang
    screen.add(
        (0, 16, 14, 9),
        lines(unit=look.COUNT, decimals=1),
        title=Words("Indikator terpilih: nilai, target, garis dasar", "Chosen indicator: value, target, baseline"),
        about=Words("Nilai tiap jam atau hari terhadap targetnya. Sumber: wall.kpi_series.",
                    "The value of each hour or day against its target. Source: wall.kpi_series."),
        source=screen.sql("ledger.chosen_series", as_table=False),
        columns=(
            Column("value", Words("Nilai", "Value"), colour=GREEN),
            Column("target", Words("Target", "Target"), colour=AMBER, dashed=True),
            Column("baseline", Words("Garis dasar", "Baseline"), colour=GREY, dashed=True),
        ),
    )  # fmt: skip
    screen.add(
        (0, 25, 14, 4),
        timeline(look.statuses(lang)),
        title=Words("Keadaan dari waktu ke waktu", "State over time"),
        about=Words("Keadaan indikator terpilih. Sumber: wall.kpi_series.",
                    "The state of the chosen indicator. Source: wall.kpi_series."),
        source=screen.sql("ledger.chosen_status"),
        columns=(Column("status", Words("Keadaan", "State")),),
    )  # fmt: skip
    screen.add(
        (14, 16, 10, 13),
        rows(),
        title=Words("Indikator terpilih: keterangan", "Chosen indicator: what was written"),
        about=Words("Isi katalog tentang indikator terpilih. Sumber: wall.kpi.",
                    "The catalogue on the chosen indicator. Source: wall.kpi."),
        source=screen.sql("ledger.chosen"),
        columns=(
            Column("part", Words("Hal", "What"), mappings=look.coloured(_PARTS, lang), width=190),
            Column("written", Words("Keterangan", "Written"),
                   mappings=[*look.coloured(YES_NO, lang), *look.windows(lang)]),
        ),
    )  # fmt: skip
