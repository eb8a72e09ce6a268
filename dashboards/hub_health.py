"""The hub itself: whether it is behind, how fast it counts, what it refuses, and which applications are silent."""

from grafana_foundation_sdk.models.dashboard import Dashboard

from dashboards import look
from dashboards.look import AMBER, BLUE, GREEN, GREY, RED, steps
from dashboards.panels import Column, figures, lines, rows
from dashboards.screen import Screen
from dashboards.words import NO_PULSE, REFUSALS, Lang, Words, same
from opd_schemas.catalogue import Catalogue

UID = "warroom-hub-health"
_ABOUT = Words(
    "Hub: ketertinggalan, laju, kelambatan, penolakan menurut alasan, aplikasi yang diam.",
    "The hub: lag, throughput, latency, rejects by reason, silent applications.",
)


def build(lang: Lang, catalogue: Catalogue) -> Dashboard:
    screen = Screen(UID, _ABOUT, lang, catalogue, since="now-1h", refresh="30s")
    _summary(screen)
    screen.add(
        (0, 5, 12, 9),
        lines(unit=look.COUNT, bars=True, stacked=True),
        title=Words("Pesan per menit atau jam", "Messages by minute or hour"),
        about=Words("Terhitung, ulangan, ditolak. Sumber: wall.throughput.",
                    "Counted, duplicates, rejected. Source: wall.throughput."),
        source=screen.sql("hub_health.throughput", as_table=False),
        columns=(
            Column("counted", Words("Terhitung", "Counted"), colour=GREEN),
            Column("duplicates", Words("Ulangan", "Duplicates"), colour=GREY),
            Column("rejected", Words("Ditolak", "Rejected"), colour=RED),
        ),
    )  # fmt: skip
    screen.add(
        (12, 5, 12, 9),
        lines(unit="suffix:ms"),
        title=Words("Kelambatan: diterima sampai terhitung", "Latency: received until counted"),
        about=Words("Target p99 di bawah 500 ms. Sumber: wall.throughput.",
                    "Target p99 below 500 ms. Source: wall.throughput."),
        source=screen.sql("hub_health.latency", as_table=False),
        columns=(Column("p50_ms", same("p50"), colour=BLUE), Column("p99_ms", same("p99"), colour=AMBER)),
    )  # fmt: skip
    _troubles(screen)
    return screen.build()


def _summary(screen: Screen) -> None:
    second = f"suffix:{screen.say(Words('detik', 's'))}"
    none = look.instead_of_null(screen.say(NO_PULSE), GREY)
    screen.add(
        (0, 0, 24, 5),
        figures(),
        title=Words("Hub saat ini", "The hub now"),
        about=Words(
            "Tertinggal: umur pesan tertua yang belum terhitung; lebih dari 60 detik membuat semua angka usang. "
            "Sumber: wall.hub, wall.app, wall.quarantine.",
            "Lag: age of the oldest message not counted yet; more than 60 seconds makes all figures stale. "
            "Source: wall.hub, wall.app, wall.quarantine.",
        ),
        source=screen.sql("hub_health.summary"),
        columns=(
            Column("lag_s", Words("Tertinggal", "Lag"), unit=second, decimals=1, mappings=none,
                   thresholds=steps((10, AMBER), (60, RED))),
            Column("pulse_s", Words("Denyut terakhir", "Last pulse"), unit=second, decimals=0, mappings=none,
                   thresholds=steps((30, AMBER), (60, RED))),
            Column("events_last_minute", Words("Peristiwa/menit", "Events/minute"), unit=look.COUNT, decimals=0),
            Column("late_today_share", Words("Terlambat datang hari ini", "Came late today"), unit="percentunit",
                   decimals=1),
            Column("rejects_open", Words("Karantina terbuka", "Open rejects"), unit=look.COUNT, decimals=0,
                   thresholds=steps((1, AMBER))),
            Column("silent_apps", Words("Aplikasi diam", "Silent applications"), unit=look.COUNT, decimals=0,
                   thresholds=steps((1, AMBER))),
            Column("commit_no", Words("Nomor komit", "Commit number"), unit="none", decimals=0),
        ),
    )  # fmt: skip


def _troubles(screen: Screen) -> None:
    minute = look.unit("minutes", screen.lang)
    screen.add(
        (0, 14, 12, 10),
        rows(),
        title=Words("Penolakan menurut alasan", "Rejects by reason"),
        about=Words("Isi karantina; rincian: warroom rejects list. Sumber: wall.quarantine.",
                    "What is in quarantine; details: warroom rejects list. Source: wall.quarantine."),
        source=screen.sql("hub_health.rejects"),
        columns=(
            Column("reason", Words("Alasan", "Reason"), mappings=look.coloured(REFUSALS, screen.lang), width=260),
            Column("open", Words("Terbuka", "Open"), decimals=0, filled=True,
                   thresholds=steps((1, AMBER), first="transparent")),
            Column("all_time", Words("Seluruhnya", "In all"), decimals=0),
            Column("apps", Words("Aplikasi", "Applications"), decimals=0),
            Column("newest", Words("Terbaru", "Newest"), unit=look.MOMENT, width=190),
        ),
        empty=Words("Tidak ada yang ditolak", "Nothing was refused"),
    )  # fmt: skip
    screen.add(
        (12, 14, 12, 10),
        rows(),
        title=Words("Aplikasi yang diam", "Silent applications"),
        about=Words("Tidak terdengar tiga kali jarak yang diharapkan, padahal unitnya buka. Sumber: wall.app.",
                    "Not heard for three times the expected interval while its unit is open. Source: wall.app."),
        source=screen.sql("hub_health.silent"),
        columns=(
            Column("agency", same("OPD"), width=260),
            Column("app", Words("Aplikasi", "Application"), width=240),
            Column("heard_at", Words("Terakhir terdengar", "Last heard"), unit=look.MOMENT, width=190),
            Column("expected_min", Words("Diharapkan tiap", "Expected every"), unit=minute, decimals=0),
            Column("silent_min", Words("Diam selama", "Silent for"), unit=minute, decimals=0),
        ),
        empty=Words("Semua aplikasi terdengar", "All applications are heard"),
    )  # fmt: skip
