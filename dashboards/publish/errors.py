"""What can go wrong between the hub and a Grafana, one line each, in both languages of the screens.

GrafanaError
├── BrokenDashboard       a committed dashboard or playlist cannot be published as it is
├── NotReachable          nothing answers there
├── NotTrusted            it is not to be spoken to by TLS
├── TimedOut              something is there, but does not answer in time
├── NotGrafana            what answers is no Grafana
├── Redirected            the address has moved
├── EmptyReply            it answers without saying what it did
├── Refusal               it answers with an error
│   ├── TokenRefused          401
│   ├── NotAllowed            403
│   ├── NotFound              404
│   ├── Conflict              409 of a new thing, or of a name that is taken
│   ├── ChangedMeanwhile      409 or 412 of what was read before
│   └── GrafanaFailed         5xx
├── Provisioned           what differs is kept by files beside Grafana, not by its API
├── DataSourceMissing     the dashboards' data source is not there, and nobody said where the database is
├── DataSourceOtherType   its uid belongs to something else
├── PasswordMissing       the data source cannot be made without its password
├── DataSourceSilent      Grafana has the data source, but cannot query through it
└── NoPlaylists           it is a Grafana, but one that offers no playlists
"""

from typing import ClassVar

from services.errors import HubError


class GrafanaError(HubError):
    """What is wrong, where, and the next step, in both languages."""

    def __init__(self, indonesian: str, english: str) -> None:
        super().__init__(english)
        self.indonesian = indonesian
        self.english = english


class BrokenDashboard(GrafanaError):
    """A committed dashboard or playlist cannot be published as it is."""

    def __init__(self, where: object, indonesian: str, english: str) -> None:
        super().__init__(
            f"{where}: {indonesian}; buat ulang berkas itu dengan: warroom dashboards build",
            f"{where}: {english}; generate the file anew with: warroom dashboards build",
        )


class NotReachable(GrafanaError):
    """No connection."""

    def __init__(self, where: str, why: str) -> None:
        super().__init__(
            f"Grafana di {where} tidak dapat dihubungi ({why}); periksa --url dan apakah Grafana berjalan",
            f"Grafana at {where} cannot be reached ({why}); check --url, and that Grafana runs",
        )


class NotTrusted(GrafanaError):
    """A certificate of an authority that this machine does not know, or no TLS at all."""

    def __init__(self, where: str) -> None:
        super().__init__(
            f"sambungan TLS ke {where} tidak tepercaya; periksa https:// di --url, atau isikan berkas CA-nya ke"
            " REQUESTS_CA_BUNDLE",
            f"the TLS connection to {where} cannot be trusted; check the https:// of --url, or put the file of its CA"
            " into REQUESTS_CA_BUNDLE",
        )


class TimedOut(GrafanaError):
    """Nobody knows whether it was done; a second run finds out."""

    def __init__(self, where: str, what: str, seconds: float) -> None:
        super().__init__(
            f"Grafana di {where} tidak menjawab dalam {seconds:g} detik ({what}); periksa bebannya, lalu jalankan lagi:"
            " yang sudah terbit dibiarkan",
            f"Grafana at {where} did not answer within {seconds:g} seconds ({what}); see how busy it is, then run this"
            " again: what is published is left alone",
        )


class NotGrafana(GrafanaError):
    """A web page, another service, or a proxy's own reply."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(
            f"yang menjawab di {where} bukan API Grafana ({what}); periksa --url, juga awalannya seperti /grafana",
            f"what answers at {where} is not Grafana's API ({what}); check --url, and its prefix such as /grafana",
        )


class Redirected(GrafanaError):
    """A redirect is not followed: it would turn a write into a read, or carry the token elsewhere."""

    def __init__(self, where: str, to: str) -> None:
        super().__init__(
            f"{where} mengalihkan ke {to}; berikan alamat akhirnya di --url",
            f"{where} redirects to {to}; give the final address in --url",
        )


class EmptyReply(GrafanaError):
    """It may have been done; a second run finds out."""

    def __init__(self, where: str, what: str, status: int) -> None:
        super().__init__(
            f"Grafana di {where} menjawab kosong ({what}: {status}), jadi hasilnya tidak pasti; jalankan lagi, dan"
            " periksa proksi di depannya bila berulang",
            f"Grafana at {where} gave an empty reply ({what}: {status}), so what it did is uncertain; run this again,"
            " and look at the proxy before it if that stays so",
        )


class Refusal(GrafanaError):
    """Grafana's own error: its status and its words."""

    ID: ClassVar[str] = (
        "Grafana di {where} tidak menerima {what} ({reply}); perbaiki yang disebutnya, lalu jalankan lagi"
    )
    EN: ClassVar[str] = "Grafana at {where} did not take {what} ({reply}); mend what it names, then run this again"

    def __init__(self, where: str, what: str, status: int, words: str) -> None:
        reply = f"{status}: {words}" if words else str(status)
        super().__init__(*(line.format(where=where, what=what, reply=reply) for line in (self.ID, self.EN)))


class TokenRefused(Refusal):
    """401."""

    ID = (
        "Grafana di {where} menolak token ({reply}); buat token baru di Administration > Users and access > Service"
        " accounts, lalu isikan ke WARROOM_GRAFANA_TOKEN"
    )
    EN = (
        "Grafana at {where} refused the token ({reply}); make a new one under Administration > Users and access >"
        " Service accounts, and put it into WARROOM_GRAFANA_TOKEN"
    )


class NotAllowed(Refusal):
    """403."""

    ID = "Grafana di {where} melarang token ini atas {what} ({reply}); beri service account-nya peran Admin"
    EN = "Grafana at {where} does not allow this token {what} ({reply}); give its service account the role Admin"


class NotFound(Refusal):
    """404."""

    ID = "Grafana di {where} tidak menemukan {what} ({reply}); periksa --url, atau jalankan lagi bila baru saja dihapus"
    EN = "Grafana at {where} does not find {what} ({reply}); check --url, or run this again if it was just deleted"


class Conflict(Refusal):
    """Something of that uid or name is there, and is not what was read."""

    ID = (
        "di Grafana {where} sudah ada yang lain di tempat {what} ({reply}); ganti nama atau hapus yang lain itu, lalu"
        " jalankan lagi"
    )
    EN = (
        "something else stands in the place of {what} at Grafana {where} ({reply}); rename or delete it, then run again"
    )


class ChangedMeanwhile(Refusal):
    """Between reading and writing; which of the two statuses says so depends on the thing and on Grafana's release."""

    ID = (
        "{what} di Grafana {where} diubah orang lain sejak dibaca ({reply}), jadi tidak ditimpa; lihat perubahannya"
        " dengan --check, lalu jalankan lagi"
    )
    EN = (
        "{what} at Grafana {where} was changed by somebody since it was read ({reply}), so it was not overwritten;"
        " see the change with --check, then run this again"
    )


class GrafanaFailed(Refusal):
    """5xx."""

    ID = "Grafana di {where} gagal pada {what} ({reply}); lihat log Grafana atau proksinya, lalu jalankan lagi"
    EN = "Grafana at {where} failed at {what} ({reply}); see the log of Grafana or of its proxy, then run this again"


class Provisioned(GrafanaError):
    """What differs is kept by files beside Grafana; its API may not change it."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} berbeda, tetapi dikelola lewat berkas provisioning Grafana; perbarui berkas di server Grafana itu."
            " Tidak ada yang ditulis",
            f"{what} differs, but is kept by Grafana's provisioning files; renew the files on Grafana's own server."
            " Nothing was written",
        )


class DataSourceMissing(GrafanaError):
    """The dashboards' data source is not there, and nobody said where the database is."""

    def __init__(self, where: str, uid: str) -> None:
        super().__init__(
            f"Grafana di {where} belum punya data source {uid}; berikan --database-url dan WARROOM_GRAFANA_DB_PASSWORD",
            f"Grafana at {where} has no data source {uid}; give --database-url and WARROOM_GRAFANA_DB_PASSWORD",
        )


class DataSourceOtherType(GrafanaError):
    """The uid belongs to a data source of another type."""

    def __init__(self, where: str, uid: str, found: str, wanted: str) -> None:
        super().__init__(
            f"data source {uid} di Grafana {where} berjenis {found}, bukan {wanted}; hapus atau ganti uid-nya",
            f"data source {uid} at Grafana {where} is of type {found}, not {wanted}; delete it or change its uid",
        )


class PasswordMissing(GrafanaError):
    """A data source without its password could query nothing."""

    def __init__(self, uid: str, user: str) -> None:
        super().__init__(
            f"kata sandi {user} untuk data source {uid} tidak ada; isikan ke WARROOM_GRAFANA_DB_PASSWORD",
            f"the password of {user} for the data source {uid} is missing; put it into WARROOM_GRAFANA_DB_PASSWORD",
        )


class DataSourceSilent(GrafanaError):
    """Everything is published, but every panel would stay empty."""

    def __init__(self, where: str, uid: str, words: str) -> None:
        super().__init__(
            f"data source {uid} di Grafana {where} tidak mencapai database ({words}); periksa alamat database dan"
            " WARROOM_GRAFANA_DB_PASSWORD, lalu jalankan lagi. Selain itu semua sudah terbit",
            f"data source {uid} at Grafana {where} does not reach the database ({words}); check the database's address"
            " and WARROOM_GRAFANA_DB_PASSWORD, then run this again. All else is published",
        )


class NoPlaylists(GrafanaError):
    """Grafana has a newer API of playlists, for which it may leave this one out; dashboards go without."""

    def __init__(self, where: str, name: str) -> None:
        super().__init__(
            f"Grafana di {where} tidak menyediakan playlist (404), jadi {name} tidak dibuat; periksa versinya, atau"
            " buka dashboard satu per satu. Semua dashboard sudah terbit",
            f"Grafana at {where} offers no playlists (404), so {name} was not made; check its version, or open the"
            " dashboards one by one. All dashboards are published",
        )
