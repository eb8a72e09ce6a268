"""How figures look: colours with words beside them, units and thresholds as the catalogue has them."""

from collections.abc import Mapping

from grafana_foundation_sdk.builders.dashboard import ThresholdsConfig
from grafana_foundation_sdk.models.dashboard import (
    DashboardRegexMapOptions,
    DashboardSpecialValueMapOptions,
    RegexMap,
    SpecialValueMap,
    SpecialValueMatch,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMapping,
    ValueMappingResult,
)

from dashboards.words import STATUSES, UNITS, Lang, Words
from opd_schemas.kpi import Kpi

#: Grafana writes dark letters on what is brighter than 180 (of 255) and white ones on the rest; amber is.
GREEN, AMBER, RED, GREY, SLATE, BLUE = "#2e8048", "#f2b52b", "#d8413c", "#6b7280", "#35506f", "#4e8fd0"
#: Where nothing is wrong and nothing is right: a count of none.
DIM = "#262b33"
#: Counts are written out, with the marks of the browser's language: Grafana's `short` writes 1543 as 2 K.
COUNT = "locale"
#: A moment by the dashboard's clock; Grafana's `local` has day and month in the order of the browser's language.
MOMENT = "dateTimeAsIso"
#: Stale and no data are never green, and differ from each other.
STATUS_COLOURS = {"critical": RED, "warning": AMBER, "ok": GREEN, "stale": SLATE, "no_data": GREY}


def coloured(words: Mapping[str, Words], lang: Lang, colours: Mapping[str, str] | None = None) -> list[ValueMapping]:
    """Codes in words, and in colours where they have one."""
    return [
        ValueMap(
            {
                code: ValueMappingResult(text=word.of(lang), color=(colours or {}).get(code), index=index)
                for index, (code, word) in enumerate(words.items())
            }
        )
    ]


def statuses(lang: Lang) -> list[ValueMapping]:
    """A KPI's status as a coloured word."""
    return coloured(STATUSES, lang, STATUS_COLOURS)


def counted_statuses(lang: Lang) -> list[ValueMapping]:
    """`critical|2/9` as `Kritis 2/9`; a count of none is not in the colour of what it counts."""
    none: list[ValueMapping] = [
        _pattern(index, rf"/^{status}\|0$/", f"{word.of(lang)} 0", DIM)
        for index, (status, word) in enumerate(STATUSES.items())
    ]
    return none + [
        _pattern(index, rf"/^{status}\|(.*)$/", f"{word.of(lang)} $1", STATUS_COLOURS[status])
        for index, (status, word) in enumerate(STATUSES.items(), start=len(none))
    ]


def judged_values(lang: Lang, target: Words) -> list[ValueMapping]:
    """`critical|78|minutes|≤ 60` as `Kritis 78 menit (target ≤ 60)`."""
    cases = [(status, unit) for status in ("critical", "warning") for unit in UNITS]
    return [
        _pattern(
            index,
            rf"/^{status}\|(.*)\|{unit}\|(.*)$/",
            f"{STATUSES[status].of(lang)} $1{_behind(unit, lang)} ({target.of(lang)} $2)",
            STATUS_COLOURS[status],
        )
        for index, (status, unit) in enumerate(cases)
    ]


def freshness(lang: Lang) -> list[ValueMapping]:
    """`fresh|08:15:03` as a sentence."""
    sentences = {
        "fresh": (Words("Data segar, per $1", "Data is fresh, as of $1"), GREEN),
        "late": (Words("Data tertinggal, per $1", "Data is behind, as of $1"), AMBER),
        "stale": (Words("Data usang sejak $1", "Data is stale since $1"), SLATE),
    }
    return [
        _pattern(index, rf"/^{code}\|(.*)$/", words.of(lang), colour)
        for index, (code, (words, colour)) in enumerate(sentences.items())
    ]


def windows(lang: Lang) -> list[ValueMapping]:
    """`P7D` or `week`, as the catalogue writes the time that a figure looks back on."""
    spans = {
        r"P(\d+)D": Words("$1 hari terakhir", "last $1 days"),
        r"PT(\d+)H": Words("$1 jam terakhir", "last $1 hours"),
        r"PT(\d+)M": Words("$1 menit terakhir", "last $1 minutes"),
        "day": Words("hari ini", "today"),
        "week": Words("minggu ini", "this week"),
        "month": Words("bulan ini", "this month"),
    }
    return [_pattern(index, f"/^{span}$/", words.of(lang)) for index, (span, words) in enumerate(spans.items())]


def instead_of_null(text: str, colour: str | None = None) -> list[ValueMapping]:
    """What stands where there is no value, such as a count that is hidden."""
    result = ValueMappingResult(text=text, color=colour, index=0)
    return [SpecialValueMap(DashboardSpecialValueMapOptions(SpecialValueMatch.NULL, result))]


#: The oldest of none: that nobody waits is no lack of data.
NOBODY = instead_of_null("–")


def _pattern(index: int, pattern: str, text: str, colour: str | None = None) -> RegexMap:
    return RegexMap(DashboardRegexMapOptions(pattern, ValueMappingResult(text=text, color=colour, index=index)))


def _behind(unit: str, lang: Lang) -> str:
    word = UNITS[unit].of(lang)
    return word if word in ("", "%") else f" {word}"


def unit(code: str, lang: Lang) -> str:
    """Grafana's unit for one of the catalogue; times are not rescaled, so that value and target compare at a glance."""
    if code == "percent":
        return "percent"
    if code == "count":
        return COUNT
    # Grafana puts a space before it.
    return f"suffix:{UNITS[code].of(lang)}"


def steps(*later: tuple[float, str], first: str = GREEN) -> ThresholdsConfig:
    """Colours from values on; `first` below all of them."""
    return (
        ThresholdsConfig()
        .mode(ThresholdsMode.ABSOLUTE)
        .steps([Threshold(None, first), *(Threshold(value, colour) for value, colour in later)])
    )


def thresholds(kpi: Kpi) -> ThresholdsConfig:
    """Where a KPI's value raises a warning and a critical state, whichever direction is better."""
    warning, critical = kpi.thresholds.warning.at, kpi.thresholds.critical.at
    if kpi.direction == "lower":
        return steps((warning, AMBER), (critical, RED))
    return steps((critical, AMBER), (warning, GREEN), first=RED)
