"""What a KPI says to a person: numbers as their language writes them, its window and thresholds, and what the reason of
its status means for whoever is on duty.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import TypeAdapter

from dashboards.words import DIMENSIONS, STATUSES, UNITS, Words
from services.cli.context import Lang, number

Kpi = Mapping[str, Any]
_SPAN = TypeAdapter(timedelta)
#: What stands where there is nothing; never a zero.
NOTHING: Final = "–"
#: A sign beside each colour and word: shape tells them apart where colour does not.
SIGNS: Final = {"critical": "■", "warning": "▲", "ok": "●", "stale": "◌", "no_data": "○"}
STYLES: Final = {"critical": "bold red", "warning": "yellow", "ok": "green", "stale": "bright_black", "no_data": "dim"}
#: Units where room is short; the rest as on every screen.
_SHORT = {**UNITS, "hours": Words("jam", "h"), "working_days": Words("HK", "wd")}
_LOCAL = {
    "day": Words("hari berjalan", "the local day so far"),
    "week": Words("minggu berjalan, dari Senin", "the week so far, from Monday"),
    "month": Words("bulan berjalan", "the month so far"),
}
_SPANS = (
    (timedelta(days=1), Words("hari", "days")),
    (timedelta(hours=1), Words("jam", "hours")),
    (timedelta(minutes=1), Words("menit", "minutes")),
)
_MEANINGS = {
    "good": Words(
        "Nilai berada di sisi baik ambang waspada. Tidak perlu tindakan.",
        "The value is on the good side of the warning threshold. Nothing needs to be done.",
    ),
    "raised": Words(
        "Nilai melewati ambang {level} ({at}). Jalankan runbook; status {level} berakhir pada {clear}.",
        "The value is beyond the {level} threshold ({at}). Follow the runbook; the status {level} ends at {clear}.",
    ),
    "held": Words(
        "Nilai membaik, tetapi belum sampai {clear}, jadi status {level} dipertahankan agar tidak naik-turun. Teruskan"
        " tindakan di runbook.",
        "The value is better, but not yet at {clear}, so the status {level} is kept lest it flutter. Go on with the"
        " runbook.",
    ),
    "no_value": Words(
        "Belum ada perkara di jendela ini, jadi tidak ada angka; ini bukan nol. Jika layanan semestinya berjalan,"
        " periksa aplikasinya: warroom status.",
        "No case falls into this window, so there is no figure; this is not zero. If the service should be at work,"
        " look at its applications: warroom status.",
    ),
    "under_sampled": Words(
        "Baru {n} perkara, sedangkan penilaian perlu sedikitnya {minimum}. Nilainya belum berarti; tunggu, atau lihat"
        " jendela yang lebih panjang dengan --window.",
        "Only {n} cases, and a judgement needs {minimum} at least. The value says little yet; wait, or look at a"
        " longer window with --window.",
    ),
    "suppressed": Words(
        "Jumlah pasien terlalu kecil, jadi angkanya disamarkan agar tidak ada orang yang dikenali. Ini bukan nol dan"
        " bukan gangguan.",
        "There are too few patients, so the figure is hidden lest a person be known by it. This is neither zero nor a"
        " fault.",
    ),
    "building": Words(
        "Angka ini masih dihitung dari data yang tersimpan. Tunggu sampai selesai; jika terputus, lanjutkan dengan:"
        " warroom catalogue apply FOLDER.",
        "This figure is still being counted over what is stored. Wait until that is done; if it was broken off, go on"
        " with: warroom catalogue apply FOLDER.",
    ),
    "rewritten": Words(
        "Batas dalam katalog lama sudah diganti, dan tenggat perkara kini mengikuti batas yang baru; keterlambatan"
        " menurut batas lama tidak dapat dihitung lagi.",
        "The limit of that older catalogue has been replaced, and due dates follow the new one; what was overdue by the"
        " old limit cannot be told any more.",
    ),
    "silent": Words(
        "Aplikasi pengirim diam: hanya {heard} dari {expected} yang terdengar, jadi nilai ini tidak dapat dipercaya."
        " Cari yang diam dengan warroom status, lalu hubungi OPD-nya.",
        "A publisher is silent: only {heard} of {expected} were heard, so this value cannot be trusted. Find the silent"
        " one with warroom status, then call its agency.",
    ),
    "hub_lag": Words(
        "Hub tertinggal lebih dari 60 detik, jadi nilai ini tidak mutakhir. Bukan kesalahan OPD: periksa hub dengan"
        " warroom status.",
        "The hub is more than 60 seconds behind, so this value is not up to date. It is no fault of the agency: look"
        " at the hub with warroom status.",
    ),
}
_NOT_IN_EFFECT = Words(
    "KPI ini tidak berlaku pada saat itu; berlaku {since}, jadi tidak dinilai.",
    "This KPI is not in effect at that moment; it holds {since}, so it is not judged.",
)


def minute(at: datetime, zone: ZoneInfo) -> str:
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def amount(value: float | None, lang: Lang) -> str:
    """A value without its unit, to one decimal, below 1 to two; what is no zero never reads as one."""
    if value is None:
        return NOTHING
    if value == int(value):
        return number(value, lang)
    if 0 < value < 0.01:
        return f"<{number(0.01, lang, 2)}"
    return number(value, lang, 1 if value >= 1 else 2)


def share(value: float | None, lang: Lang) -> str:
    """A fraction in percent: 87 %; some that round to none are under 1 %."""
    if value is None:
        return NOTHING
    sign = "%" if lang is Lang.EN else " %"
    return f"<1{sign}" if 0 < value < 0.01 else f"{number(value * 100, lang)}{sign}"


def unit(kpi: Kpi, lang: Lang) -> str:
    """The unit in full; nothing for counts."""
    return UNITS[kpi["unit"]].of(lang.value) if kpi["unit"] else ""


def short_unit(kpi: Kpi, lang: Lang) -> str:
    return _SHORT[kpi["unit"]].of(lang.value) if kpi["unit"] else ""


def with_unit(value: float | None, kpi: Kpi, lang: Lang) -> str:
    """87,2 % and 12 menit; in English the percent sign stands close."""
    behind = unit(kpi, lang)
    if value is None or not behind:
        return amount(value, lang)
    return f"{amount(value, lang)}{'' if behind == '%' and lang is Lang.EN else ' '}{behind}"


def bound(value: float | None, kpi: Kpi, lang: Lang, *, better: bool) -> str:
    """The side of a value that is better (targets), or worse (thresholds); of a KPI without words the value alone."""
    if value is None or kpi["direction"] is None:
        return amount(value, lang)
    return f"{'≤' if (kpi['direction'] == 'lower') == better else '≥'} {amount(value, lang)}"


def name(kpi: Kpi, lang: Lang) -> str:
    return str(kpi[f"name_{lang.value}"] or kpi["kpi"])


def dimension(code: str | None, lang: Lang) -> str:
    return DIMENSIONS[code].of(lang.value) if code else Words("Katalog lama", "Former catalogue").of(lang.value)


def status(kpi: Kpi, lang: Lang) -> str:
    """Sign and word."""
    code = kpi["status"]
    if code is None:
        return Words("- Tak berlaku", "- Not in effect").of(lang.value)
    return f"{SIGNS[code]} {STATUSES[code].of(lang.value)}"


def style(code: str | None) -> str:
    return STYLES[code] if code else "dim"


def window(kpi: Kpi, lang: Lang) -> str:
    """The window that the KPI looks back on of its own."""
    text = kpi["window_text"]
    if text is None:
        return Words("keadaan pada satu saat", "as it stands at one moment").of(lang.value)
    if text in _LOCAL:
        return _LOCAL[text].of(lang.value)
    span = _SPAN.validate_python(text)
    size, word = next(each for each in _SPANS if span % each[0] == timedelta(0))
    length = f"{number(span // size, lang)} {word.of(lang.value)}"
    return Words(f"{length} terakhir", f"the last {length}").of(lang.value)


def threshold(kpi: Kpi, level: str, lang: Lang) -> str:
    """≥ 35 (pulih ≤ 30)."""
    at = bound(kpi[f"{level}_at"], kpi, lang, better=False)
    clear = bound(kpi[f"{level}_clear"], kpi, lang, better=True)
    return f"{at} ({Words('pulih', 'clears at').of(lang.value)} {clear})"


def meaning(kpi: Kpi, lang: Lang) -> str:
    """What the status and its reason mean, and what to do."""
    if kpi["status"] is None:
        return _NOT_IN_EFFECT.of(lang.value).format(since=_effect(kpi, lang))
    level = kpi["status"] if kpi["status"] in ("warning", "critical") else "warning"
    return _MEANINGS[kpi["reason"]].of(lang.value).format(
        level=STATUSES[level].of(lang.value).lower(),
        at=bound(kpi[f"{level}_at"], kpi, lang, better=False),
        clear=bound(kpi[f"{level}_clear"], kpi, lang, better=True),
        n=number(kpi["n"] or 0, lang),
        minimum=number(kpi["minimum_sample"] or 0, lang),
        heard=kpi["heard"],
        expected=kpi["expected"],
    )  # fmt: skip


def _effect(kpi: Kpi, lang: Lang) -> str:
    since: date = kpi["effective_since"]
    until: date | None = kpi["effective_until"]
    first = Words(f"sejak {since}", f"since {since}").of(lang.value)
    return first if until is None else f"{first} {Words(f'sampai {until}', f'until {until}').of(lang.value)}"
