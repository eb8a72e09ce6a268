"""A small city for the simulator's tests: queues with transfers, Puskesmas, permits, and a register that only beats."""

from datetime import timedelta

from opd_schemas.catalogue import Agency, App, Catalogue, City, Name, Service, Unit


def _name(text: str) -> Name:
    return Name(id=text, en=text)


def _app(code: str, minutes: int = 5) -> App:
    return App(app=code, name=_name(code), expected_every=timedelta(minutes=minutes))


def _unit(code: str, *kinds: str) -> Unit:
    return Unit(unit=code, name=_name(code), kinds=kinds)


def _service(code: str, *kinds: str) -> Service:
    return Service(service=code, name=_name(code), kinds=kinds)


SMALL_CITY = Catalogue(
    city=City(name="Kota Kecil", timezone="Asia/Makassar"),
    agencies=(
        Agency(
            opd="dukcapil",
            name=_name("Dukcapil"),
            apps=(_app("antrean"), _app("arsip", 1)),
            units=(_unit("loket-ktp", "queue"), _unit("loket-kk", "queue")),
            services=(_service("ktp", "queue"), _service("kk", "queue")),
        ),
        Agency(
            opd="dinkes",
            name=_name("Dinkes"),
            apps=(_app("simpus"), _app("antrean-puskesmas")),
            units=(_unit("pkm-batua", "visit", "queue"), _unit("pkm-jongaya", "visit", "queue")),
            services=(_service("poli-umum", "visit"), _service("farmasi", "queue")),
        ),
        Agency(
            opd="dpmptsp",
            name=_name("DPMPTSP"),
            # The first application would take the queues, if the second did not bear their name.
            apps=(_app("perizinan", 15), _app("antrean-mpp")),
            units=(_unit("mpp", "queue"), _unit("bidang-usaha", "permit")),
            services=(_service("pbg", "permit", "queue"),),
        ),
        Agency(opd="bappeda", name=_name("Bappeda")),
    ),
)
