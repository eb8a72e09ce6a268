"""The last steps of a KPI, as one line of signs and as bars; each in the colour of its status."""

from collections.abc import Sequence
from typing import Any, Final
from zoneinfo import ZoneInfo

from rich.text import Text

from services.cli import kpi_words as words
from services.cli.context import Context
from services.cli.kpi_words import Kpi

#: A step of which no value is known.
GAP: Final = "·"
_BARS = "▁▂▃▄▅▆▇█"
#: Rows of the bars, each of eight levels, and the columns of one step with the gap behind it.
_ROWS, _STEP = 5, 4


def sparkline(each: Kpi) -> Text:
    """One sign a step from the least to the greatest value, in the colour of its status; a gap where none is known."""
    series: Sequence[Kpi] = each["series"]
    values = [step["value"] for step in series if step["value"] is not None]
    line = Text()
    for step in series:
        if step["value"] is None:
            line.append(GAP, style="dim")
        else:
            line.append(_BARS[_level(step["value"], values, len(_BARS)) - 1], style=_style(each, step))
    return line


def chart(own: Context, each: Kpi, zone: ZoneInfo) -> Text:
    """The steps as bars between the least and the greatest value, which are told beside them."""
    lang, say = own.lang, own.say
    series: list[dict[str, Any]] = each["series"]
    values = [step["value"] for step in series if step["value"] is not None]
    by_day = each["step"] == "P1D"
    chart = Text(say("Per hari" if by_day else "Per jam", "By day" if by_day else "By hour"), style="bold")
    if not values:
        chart.append(say(": belum ada angka", ": no figure yet"), style="not bold")
        return chart
    if min(values) < max(values):
        labels = {
            _ROWS - 1: say("maks ", "max ") + words.with_unit(max(values), each, lang),
            0: "min " + words.with_unit(min(values), each, lang),
        }
    else:
        labels = {0: words.with_unit(min(values), each, lang)}
    for row in reversed(range(_ROWS)):
        chart.append("\n")
        for step in series:
            bar = _bar(step["value"], values, row)
            chart.append(bar.ljust(_STEP), style=f"not bold {_style(each, step)}")
        chart.append(labels.get(row, ""), style="not bold")
    chart.append("\n")
    for step in series:
        at = step["at"].astimezone(zone)
        chart.append(at.strftime("%d" if by_day else "%H").ljust(_STEP), style="not bold dim")
    first, last = (series[n]["at"].astimezone(zone) for n in (0, -1))
    days = dict.fromkeys([f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}"])
    chart.append(" - ".join(days), style="not bold dim")
    return chart


def _bar(value: float | None, values: Sequence[float], row: int) -> str:
    """The part of a step's bar that stands in a row, the lowest being 0."""
    if value is None:
        return GAP if row == 0 else ""
    eighths = _level(value, values, _ROWS * 8) - row * 8
    return "" if eighths <= 0 else _BARS[min(eighths, 8) - 1] * (_STEP - 1)


def _style(each: Kpi, step: Kpi) -> str:
    # The threshold of a count is one of its whole window; a step, which is a part of that, tells nothing of it.
    return "" if each["form"] == "count" else words.style(step["status"])


def _level(value: float, values: Sequence[float], levels: int) -> int:
    """1 for the least, `levels` for the greatest; where all are one, the middle, or the ground for zeros."""
    low, high = min(values), max(values)
    if low == high:
        return levels // 2 if value else 1
    return 1 + round((value - low) / (high - low) * (levels - 1))
