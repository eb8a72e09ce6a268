"""All KPIs as one table, by dimension, with as many columns as the screen holds without cutting any."""

from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from typing import Literal
from zoneinfo import ZoneInfo

from rich.table import Table
from rich.text import Text

from dashboards.words import STATUSES
from opd_schemas.kpi import DIMENSIONS
from services.cli import kpi_words as words
from services.cli.context import Context, number, out
from services.cli.kpi_chart import GAP, sparkline
from services.cli.kpi_words import Kpi
from services.operator.kpi import Board

#: The columns that stay on the narrowest screen, then the others: whoever finds room, in this order.
_ALWAYS = ("name", "value", "unit", "status")
_IF_ROOM = ("achievement", "target", "series", "n", "heard", "late", "revision", "kpi")
_ORDER = (
    "name", "value", "unit", "target", "achievement", "status", "n", "heard", "late", "series", "revision", "kpi",
)  # fmt: skip
_RIGHT = frozenset({"value", "target", "achievement", "n", "heard", "late", "revision"})


def show(own: Context, board: Board, zone: ZoneInfo) -> None:
    say = own.say
    rank = {code: at for at, code in enumerate(DIMENSIONS)}
    kpis = sorted(board.kpis, key=lambda k: rank.get(k["dimension"], len(rank)))
    out.print(_headline(own, board, zone))
    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), pad_edge=False)
    columns = _fitting(own, kpis, out.width)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column in _RIGHT else "left"
        overflow: Literal["ellipsis", "crop"] = "ellipsis" if column == "name" else "crop"
        table.add_column(_headings(own)[column], justify=justify, no_wrap=True, overflow=overflow)
    for code, group in groupby(kpis, key=lambda k: k["dimension"]):
        table.add_row(Text(words.dimension(code, own.lang), style="bold cyan"))
        for each in group:
            cells = _cells(own, each)
            table.add_row(*(cells[column] for column in columns))
    out.print(table)
    counted = Counter(k["status"] for k in kpis)
    out.print()
    told = [
        Text(f"{words.SIGNS[code]} {counted[code]} {word.of(own.lang.value).lower()}", style=words.style(code))
        for code, word in STATUSES.items()
        if counted[code]
    ]
    out.print(Text.assemble(f"{len(kpis)} KPI: ", Text(", ").join(told)))
    days = say("HK = hari kerja; ", "wd = working days; ") if any(k["unit"] == "working_days" for k in kpis) else ""
    out.print(days + say(f"{GAP} = tanpa angka", f"{GAP} = no figure"))
    out.print(say("Satu KPI: warroom kpi ID", "One KPI: warroom kpi ID"), end="" if "kpi" not in columns else "\n")
    if "kpi" not in columns:
        out.print(say(" (ID tampak di terminal yang lebih lebar)", " (IDs show on a wider terminal)"))


def _headline(own: Context, board: Board, zone: ZoneInfo) -> Text:
    """Where, when, over what, by which catalogue, and as of which commit."""
    say = own.say
    if board.window is not None:
        when = " - ".join(words.minute(edge, zone) for edge in board.window)
    else:
        when = words.minute(board.at, zone)
    parts = [f"  {when} {zone.key}", say(f"katalog {board.version}", f"catalogue {board.version}")]
    known = next((k for k in board.kpis if k["as_of"] is not None), None)
    if known is not None:
        as_of = known["as_of"].astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
        commit = number(known["commit_no"], own.lang)
        parts.append(say(f"per {as_of}, komit {commit}", f"as of {as_of}, commit {commit}"))
    line = Text.assemble((board.city, "bold"), " · ".join(parts))
    if line.cell_len > out.width:
        line = Text.assemble((board.city, "bold"), " · ".join(parts[:-1]), "\n", parts[-1])
    return line


def _headings(own: Context) -> dict[str, str]:
    say = own.say
    return {
        "name": "",
        "value": say("nilai", "value"),
        "unit": "",
        "target": "target",
        "achievement": say("capai", "ach."),
        "status": "status",
        "n": "n",
        "heard": "app",
        "late": say("telat", "late"),
        "series": say("tren", "trend"),
        "revision": say("revisi", "revision"),
        "kpi": "ID",
    }


def _cells(own: Context, each: Kpi) -> dict[str, Text]:
    """One line of the table."""
    lang, style = own.lang, words.style(each["status"])
    judged = each["status"] in ("ok", "warning", "critical")
    plain = {
        "name": words.name(each, lang),
        "unit": words.short_unit(each, lang),
        "target": words.bound(each["target"], each, lang, better=True),
        "achievement": words.share(each["achievement"], lang),
        "n": words.NOTHING if each["n"] is None else number(each["n"], lang),
        "late": words.share(each["late_share"], lang),
        "revision": words.NOTHING if each["revision"] is None else number(each["revision"], lang),
        "kpi": each["kpi"],
    }
    cells = {column: Text(text) for column, text in plain.items()}
    cells["value"] = Text(words.amount(each["value"], lang), style="bold" if judged else "dim")
    cells["status"] = Text(words.status(each, lang), style=style)
    missing = (each["heard"] or 0) < (each["expected"] or 0)
    heard = words.NOTHING if each["expected"] in (None, 0) else f"{each['heard']}/{each['expected']}"
    cells["heard"] = Text(heard, style="yellow" if missing else "")
    cells["series"] = sparkline(each)
    return cells


def _fitting(own: Context, kpis: Sequence[Kpi], width: int) -> list[str]:
    """The columns for which there is room without cutting any."""
    rows = [_cells(own, each) for each in kpis]
    headings = _headings(own)
    need = {column: 1 + max([len(headings[column]), *(row[column].cell_len for row in rows)]) for column in _ORDER}
    chosen = set(_ALWAYS)
    for column in _IF_ROOM:
        if sum(need[each] for each in chosen) + need[column] - 1 <= width:
            chosen.add(column)
    return [column for column in _ORDER if column in chosen]
