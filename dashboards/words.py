"""What dashboards say, in both languages of the screens; every text stands here or beside the panel that shows it."""

from typing import Literal, NamedTuple, get_args

Lang = Literal["id", "en"]
LANGUAGES: tuple[Lang, ...] = get_args(Lang)


class Words(NamedTuple):
    """One text: Bahasa Indonesia first, English second."""

    id: str
    en: str

    def of(self, lang: Lang) -> str:
        return self.en if lang == "en" else self.id


def same(text: str) -> Words:
    """What is written alike in both."""
    return Words(text, text)


DIMENSIONS = {
    "governance": Words("Tata kelola", "Governance"),
    "branding": Words("Citra kota", "Branding"),
    "economy": Words("Ekonomi", "Economy"),
    "living": Words("Kehidupan", "Living"),
    "society": Words("Masyarakat", "Society"),
    "environment": Words("Lingkungan", "Environment"),
}
STATUSES = {
    "critical": Words("Kritis", "Critical"),
    "warning": Words("Waspada", "Warning"),
    "ok": Words("Baik", "Good"),
    "stale": Words("Data usang", "Stale"),
    "no_data": Words("Tanpa data", "No data"),
}
REASONS = {
    "good": Words("dalam batas", "within limits"),
    "raised": Words("melewati ambang", "beyond the threshold"),
    "held": Words("belum pulih", "not yet clear"),
    "no_value": Words("belum ada angka", "no figure"),
    "under_sampled": Words("kasus terlalu sedikit", "too few cases"),
    "suppressed": Words("disamarkan", "hidden"),
    "building": Words("sedang dihitung", "being computed"),
    "rewritten": Words("batas sudah diganti", "limit replaced"),
    "silent": Words("aplikasi diam", "application silent"),
    "hub_lag": Words("hub tertinggal", "hub behind"),
}
TRENDS = {
    "better": Words("▲ membaik", "▲ better"),
    "worse": Words("▼ memburuk", "▼ worse"),
    "same": Words("● tetap", "● same"),
    "unknown": Words("–", "–"),
}
#: What stands behind a number of each unit of the catalogue.
UNITS = {
    "percent": Words("%", "%"),
    "count": Words("", ""),
    "minutes": Words("menit", "min"),
    "hours": Words("jam", "hours"),
    "days": Words("hari", "days"),
    "working_days": Words("hari kerja", "working days"),
}
KINDS = {
    "queue": Words("Antrean", "Queues"),
    "permit": Words("Izin", "Permits"),
    "visit": Words("Kunjungan", "Visits"),
}
STATES = {
    "submitted": Words("Diajukan", "Submitted"),
    "returned": Words("Dikembalikan ke pemohon", "Returned to applicant"),
    "resubmitted": Words("Diajukan kembali", "Resubmitted"),
    "verified": Words("Diverifikasi", "Verified"),
    "approved": Words("Disetujui", "Approved"),
}
HEARD = {
    "heard": Words("Terdengar", "Heard"),
    "silent": Words("Diam", "Silent"),
    "never": Words("Belum pernah", "Never"),
}
#: Why a message was refused, by the contract's reason codes.
REFUSALS = {
    "too_large": Words("Terlalu besar", "Too large"),
    "malformed_json": Words("Bukan JSON yang benar", "Malformed JSON"),
    "personal_data": Words("Memuat data pribadi", "Holds personal data"),
    "bad_subject": Words("Subjek salah", "Bad subject"),
    "invalid_envelope": Words("Amplop tidak sah", "Invalid envelope"),
    "unknown_kind": Words("Jenis tidak dikenal", "Unknown kind"),
    "unknown_state": Words("Tahap tidak dikenal", "Unknown state"),
    "newer_schema": Words("Skema lebih baru", "Newer schema"),
    "invalid_data": Words("Data tidak sah", "Invalid data"),
    "subject_mismatch": Words("Subjek tidak cocok dengan isi", "Subject does not match content"),
    "unknown_opd": Words("OPD tidak terdaftar", "Unknown agency"),
    "unknown_app": Words("Aplikasi tidak terdaftar", "Unknown application"),
    "unknown_unit": Words("Tempat tidak terdaftar", "Unknown unit"),
    "unknown_service": Words("Layanan tidak terdaftar", "Unknown service"),
    "time_ahead": Words("Waktu mendahului", "Time ahead"),
    "conflict": Words("Id sama, isi berbeda", "Same id, other content"),
    "hub_fault": Words("Gangguan hub", "Fault of the hub"),
    "not_storable": Words("Tidak dapat disimpan", "Not storable"),
}
YES_NO = {"true": Words("✓ sudah", "✓ yes"), "false": Words("✗ belum", "✗ not yet")}
#: A count of health cases that is too small to be shown.
HIDDEN = Words("1–4 (disamarkan)", "1–4 (hidden)")
#: A figure of health cases that has too few of them, or none.
FEW_OR_NONE = Words("– (sedikit/nihil)", "– (few or none)")
NO_DATA = Words("Belum ada data", "No data yet")
NO_PULSE = Words("Hub belum berdetak", "No pulse of the hub yet")
