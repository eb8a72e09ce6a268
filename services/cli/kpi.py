"""`kpi`: all quick wins at a glance, or one in full, as schema `wall` has them."""

from dataclasses import asdict
from datetime import UTC, datetime, time, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from services.cli import kpi_card, kpi_table
from services.cli.context import Context, moment, print_json, span
from services.operator.kpi import Asked, city, near, read

_MINUTE, _DAY, _LONGEST = timedelta(minutes=1), timedelta(days=1), timedelta(days=36_525)


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command()(kpi)


def kpi(
    context: typer.Context,
    id_: Annotated[str | None, typer.Argument(metavar="ID", help="One KPI in full; without it a table of all.")] = None,
    at: Annotated[str | None, typer.Option(help="Day or time, in the city's zone; default: now.")] = None,
    window: Annotated[
        str | None,
        typer.Option(help="Instead of the KPI's own: PT2H, P30D, day, week, month, or FROM/TO in the city's zone."),
    ] = None,
    then: Annotated[bool, typer.Option("--then", help="By the catalogue that was in force at that moment.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For machines.")] = False,
) -> None:
    """Value, target, status, trust and the last steps of every KPI; all from schema `wall`."""
    own: Context = context.obj
    url = own.endpoints().database_url_for("grafana_reader")
    _, zone = city(url)
    now = datetime.now(UTC)
    if at is not None and window is not None and "/" in window:
        raise typer.BadParameter("a --window FROM/TO ends at TO; leave out --at")
    chosen = moment(at, zone) if at else now
    over, of_days = _window(window, chosen, zone) if window is not None else (None, None)
    if over is not None and window is not None and "/" in window:
        chosen = min(over[1], now)
    if chosen > now:
        raise typer.BadParameter("--at lies in the future")
    if then and chosen == now:
        raise typer.BadParameter("--then needs a moment of the past; give --at")
    board = read(url, Asked(chosen, over, of_days, then, id_))
    if id_ is not None and not board.kpis:
        known = near(url, id_)
        hint = f"did you mean {', '.join(known)}?" if known else "see them all with: warroom kpi"
        raise typer.BadParameter(f"{id_!r} is no KPI of the catalogue; {hint}")
    if json:
        print_json(asdict(board))
    elif id_ is not None:
        kpi_card.show(own, board, board.kpis[0], zone)
    else:
        kpi_table.show(own, board, zone)


def _window(text: str, at: datetime, zone: ZoneInfo) -> tuple[tuple[datetime, datetime], bool]:
    """[from, to), to the end of the running minute, for windows are cut to whole minutes; and whether it is one of
    days.
    """
    if "/" in text:
        start, end = (moment(part, zone) for part in text.split("/", 1))
        if start >= end:
            raise typer.BadParameter("--window: FROM must lie before TO")
        return (start, end), end - start >= _DAY
    end = at.replace(second=0, microsecond=0) + _MINUTE
    day = at.astimezone(zone).date()
    first = {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}
    if text in first:
        return (datetime.combine(first[text], time(), zone).astimezone(UTC), end), True
    try:
        length = span(text)
    except typer.BadParameter:
        length = timedelta(0)
    if not _MINUTE <= length <= _LONGEST:
        raise typer.BadParameter(f"--window {text!r}: write PT2H, P30D, day, week, month, or FROM/TO")
    return (end - length, end), length >= _DAY
