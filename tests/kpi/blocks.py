"""One sound KPI as data, from which the tests build others."""

from typing import Any

from opd_schemas.kpi import Kpi

SOUND: dict[str, Any] = {
    "kpi": "tunggu",
    "name": {"id": "Waktu tunggu", "en": "Wait"},
    "programme": {
        "programme": "cepat",
        "name": {"id": "Cepat", "en": "Fast"},
        "start": "2026-07-01",
        "end": "2027-06-30",
        "owner": "Kepala Dinas",
        "reviews": ["2026-09-01"],
    },
    "dimension": "governance",
    "rpjmd": {"indicator": "Indeks Pelayanan Publik", "verified": False},
    "owner": "dukcapil",
    "source": {"text": "Keputusan Kepala Dinas", "verified": False},
    "measure": {"type": "p90", "duration": "wait"},
    "filter": {"kind": "queue"},
    "window": {"rolling": "PT2H"},
    "unit": "minutes",
    "direction": "lower",
    "minimum_sample": 20,
    "runbook": "Supervisor membuka loket cadangan.",
    "effective": {"since": "2026-07-01"},
}


def build(**changed: Any) -> Kpi:
    """A KPI whose target and baseline suit its thresholds, if they are not given."""
    block = {**SOUND, **changed}
    good = block["thresholds"]["warning"]["clear"]
    block.setdefault("targets", [{"by": "2026-12-31", "value": good}])
    source = {"text": "Pengukuran sendiri", "verified": False}
    # A baseline is no better than the first target, and no share is over 100 %.
    worst = block["targets"][0]["value"] + (1 if block["direction"] == "lower" else 0)
    block.setdefault("baseline", {"value": worst, "as_of": "2026-06-30", "source": source})
    return Kpi.model_validate(block)
