"""One KPI in full: what it is, what its status means and asks for, how far it can be trusted, and how it went."""

from zoneinfo import ZoneInfo

from rich.table import Table
from rich.text import Text

from services.cli import kpi_words as words
from services.cli.context import Context, number, out
from services.cli.kpi_chart import chart
from services.cli.kpi_words import Kpi
from services.operator.kpi import Board


def show(own: Context, board: Board, each: Kpi, zone: ZoneInfo) -> None:
    lang, say = own.lang, own.say
    out.print(Text.assemble((words.name(each, lang), "bold"), f"   {each['kpi']}"))
    out.print(
        Text.assemble(
            (words.status(each, lang), words.style(each["status"])),
            ("   " + words.with_unit(each["value"], each, lang), "bold"),
            f"   target {words.bound(each['target'], each, lang, better=True)}",
            say(f" sampai {each['target_by']}", f" by {each['target_by']}") if each["target_by"] else "",
            f"   {say('capaian', 'achievement')} {words.share(each['achievement'], lang)}",
        )
    )
    out.print(Text(words.meaning(each, lang)))
    out.print()
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in _facts(own, board, each, zone):
        grid.add_row(label, Text(text))
    out.print(grid)
    if each["series"]:
        out.print()
        out.print(chart(own, each, zone))


def _facts(own: Context, board: Board, each: Kpi, zone: ZoneInfo) -> list[tuple[str, str]]:
    lang, say = own.lang, own.say
    trust = (say("Kepercayaan", "Trust"), _trust(own, each, zone))
    if each["owner"] is None:
        # Only a former catalogue knows it, and schema `wall` has no words of that.
        return [trust]

    def told(field: str) -> str:
        return each[f"{field}_{lang.value}"] or each[field] or words.NOTHING

    seen = words.window(each, lang) if board.window is None else say("diminta", "as asked")
    if each["to_at"] is not None:
        edges = [words.minute(edge, zone) for edge in (each["from_at"], each["to_at"]) if edge is not None]
        seen = f"{seen}: {' - '.join(edges)} {zone.key}"
    minimum = each["minimum_sample"]
    sample = words.NOTHING if each["n"] is None else number(each["n"], lang)
    if minimum is not None:
        sample += say(f" (sedikitnya {number(minimum, lang)})", f" (at least {number(minimum, lang)})")
    verified = "" if each["source_verified"] else say(" (belum diperiksa)", " (not yet verified)")
    code = f" ({each['rpjmd_code']})" if each["rpjmd_code"] else ""
    review = each["next_review"] or words.NOTHING
    return [
        (say("Program", "Programme"), f"{told('programme')}, {each['programme_start']} - {each['programme_end']}"),
        (
            say("Penanggung jawab", "Answers for it"),
            say(
                f"{each['programme_owner']}; tinjauan berikut {review}",
                f"{each['programme_owner']}; next review {review}",
            ),
        ),
        (say("OPD pemilik", "Owner"), f"{told('owner')} ({each['owner']})"),
        (say("Dimensi", "Dimension"), words.dimension(each["dimension"], lang)),
        ("RPJMD", f"{each['rpjmd_indicator']}{code}"),
        (say("Dasar", "Source"), f"{each['source']}{verified}"),
        (say("Jendela", "Window"), seen),
        (
            say("Garis dasar", "Baseline"),
            f"{words.with_unit(each['baseline'], each, lang)} ({each['baseline_as_of']})",
        ),
        (
            say("Ambang", "Thresholds"),
            f"{say('waspada', 'warning')} {words.threshold(each, 'warning', lang)}, "
            f"{say('kritis', 'critical')} {words.threshold(each, 'critical', lang)}",
        ),
        (say("Sampel", "Sample"), sample),
        trust,
        ("Runbook", each["runbook"] or words.NOTHING),
    ]


def _trust(own: Context, each: Kpi, zone: ZoneInfo) -> str:
    lang, say = own.lang, own.say
    heard = f"{each['heard'] or 0}/{each['expected'] or 0}"
    late = words.share(each["late_share"], lang)
    parts = [say(f"aplikasi terdengar {heard}", f"publishers heard {heard}"), say(f"terlambat {late}", f"late {late}")]
    if each["as_of"] is not None:
        as_of = each["as_of"].astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
        commit = number(each["commit_no"], lang)
        parts.append(say(f"per {as_of} (komit {commit})", f"as of {as_of} (commit {commit})"))
    if each["revision"] is not None:
        revision = number(each["revision"], lang)
        parts.append(say(f"revisi: komit {revision}", f"revision: commit {revision}"))
    return "; ".join(parts)
