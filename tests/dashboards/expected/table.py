"""What every panel that asks SQL has to show: a panel stands here under its dashboard and title, or fails its test."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from opd_schemas.catalogue import Catalogue
from tests.dashboards.committed import Panel
from tests.dashboards.expected import agency, hub, kpis, permits, queues, visits
from tests.dashboards.town import Row, Town
from tests.dashboards.view import View


@dataclass(frozen=True)
class Expected:
    """The rows of a panel: `tell(town, view)`, or where it shows the present `tell_now(town, view, now)`.

    `order` is the column that its rows are sorted by, from high to low with a minus; `top` how many rows it shows.
    `kpi` is set where a panel shows one KPI for good.
    """

    tell: Callable[[Town, View], list[Row]] | None = None
    tell_now: Callable[[Town, View, datetime], list[Row]] | None = None
    order: str | None = None
    top: int | None = None
    kpi: str | None = None


EXPECTED = {
    "warroom-city-wall": {
        "Terburuk saat ini": Expected(tell_now=kpis.status),
        "": Expected(tell_now=hub.events),
        "Peristiwa per menit, satu jam terakhir": Expected(hub.pulse_of_the_city, order="time"),
    },
    "warroom-queues": {
        "Saat ini": Expected(queues.now),
        "Dalam rentang waktu": Expected(queues.summary),
        "Menunggu sekarang, per tempat": Expected(queues.waiting, order="-waiting", top=14),
        "Tiket per jam atau hari": Expected(queues.flow, order="time"),
        "Lama tunggu": Expected(queues.wait, order="time"),
        "Per tempat": Expected(queues.by_unit, order="-waiting"),
    },
    "warroom-permits": {
        "Saat ini": Expected(permits.now),
        "Lama penyelesaian dalam rentang waktu": Expected(permits.lead_time),
        "Bagian dari yang diajukan": Expected(permits.shares),
        "Permohonan per hari": Expected(permits.flow, order="time"),
        "Lama penyelesaian (kotor), menurut hari selesainya": Expected(permits.lead, order="time"),
        "Per tahap, saat ini": Expected(permits.by_stage),
        "Per layanan": Expected(permits.by_service, order="-overdue"),
        "Lama penyelesaian per layanan": Expected(permits.lead_by_service, order="-gross_p90_days"),
    },
    "warroom-visits": {
        "Menunggu sekarang, dan lama tunggu": Expected(visits.wait_now),
        "Kunjungan dalam rentang waktu": Expected(visits.shares),
        "Per Puskesmas": Expected(visits.by_unit, order="-p90_min"),
        "Kunjungan per jam atau hari": Expected(visits.flow, order="time"),
        "Lama tunggu": Expected(visits.wait, order="time"),
    },
    "warroom-agency": {
        "Saat ini": Expected(agency.levels),
        "Indikator quick win OPD ini": Expected(tell_now=agency.kpis),
        "Aplikasi": Expected(tell_now=agency.apps),
        "Kasus baru per hari": Expected(agency.flow, order="time"),
        "Terbuka per tempat dan layanan": Expected(agency.places, order="-open"),
        "Kewajaran data, 7 hari terakhir": Expected(agency.integrity),
    },
    "warroom-ledger": {
        "Buku quick win": Expected(tell_now=kpis.ledger),
        "Indikator terpilih: nilai, target, garis dasar": Expected(kpis.chosen_series, order="time"),
        "Keadaan dari waktu ke waktu": Expected(kpis.chosen_status, order="time"),
        "Indikator terpilih: keterangan": Expected(tell_now=kpis.chosen),
    },
    "warroom-hub-health": {
        "Hub saat ini": Expected(tell_now=hub.summary),
        "Pesan per menit atau jam": Expected(hub.throughput, order="time"),
        "Kelambatan: diterima sampai terhitung": Expected(hub.latency, order="time"),
        "Penolakan menurut alasan": Expected(hub.rejects, order="-open"),
        "Aplikasi yang diam": Expected(tell_now=hub.silent),
    },
}

#: Columns that may say nothing in this city, and why.
SAY_NOTHING = {
    ("warroom-hub-health", "Hub saat ini", "late_today_share"): "nothing of a day is late in its first ten minutes",
    ("warroom-queues", "Warga terlayani di MPP per lantai dan minggu", "target"): "a week's count has none for a day",
    ("warroom-visits", "Kunjungan per Puskesmas dan minggu", "target"): "a week's count has none for a day",
}


def expected_of(panel: Panel, catalogue: Catalogue) -> Expected | None:
    """What an Indonesian panel has to show; one that is titled as a KPI shows that KPI step by step."""
    title = panel.body.get("title", "")
    if (found := EXPECTED[panel.dashboard["uid"]].get(title)) is not None:
        return found
    named = [kpi.kpi for kpi in catalogue.kpis if kpi.name.id == title]
    return Expected(kpis.series, order="time", kpi=named[0]) if named else None
