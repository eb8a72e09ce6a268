"""A small city for the tests of ingest, and the events of its health centre."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from opd_schemas.catalogue import Catalogue

OPD, APP = "dinkes", "simpus"
SUBJECT = "opd.dinkes.simpus.visit.registered"
#: Has a plausible province and date, so it counts as a resident number.
NIK = "7371014203850001"
PHONE = "081234567890"


def catalogue(*units: str) -> Catalogue:
    """One agency with two applications; `units` are added to its one health centre."""

    def named(code: str, **fields: Any) -> dict[str, Any]:
        return {**fields, "name": {"id": code, "en": code}}

    return Catalogue.model_validate(
        {
            "city": {"name": "Kota Uji", "timezone": "Asia/Makassar"},
            "agencies": [
                named(
                    OPD,
                    opd=OPD,
                    apps=[named(APP, app=APP), named("rujukan", app="rujukan")],
                    units=[named(unit, unit=unit, kinds=["visit"]) for unit in ("puskesmas-1", *units)]
                    + [named("gudang", unit="gudang", kinds=["permit"])],
                    services=[
                        named("umum", service="umum", kinds=["visit"]),
                        named("izin", service="izin", kinds=["permit"]),
                    ],
                )
            ],
        }
    )


def envelope(event_id: str, data: Mapping[str, object] = {}, /, **fields: object) -> dict[str, Any]:
    """A good event with some of its fields replaced or added."""
    case = {"unit": "puskesmas-1", "service": "umum", "channel": "onsite", "case": f"K-{event_id}"}
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": f"/opd/{OPD}/{APP}",
        "type": "opd.visit.registered.v1",
        "time": datetime.now(UTC).isoformat(),
        "data": {**case, **data},
        **fields,
    }


def body(event_id: str, data: Mapping[str, object] = {}, /, **fields: object) -> bytes:
    """The same as it travels."""
    return json.dumps(envelope(event_id, data, **fields)).encode()
