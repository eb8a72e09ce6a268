"""What `dashboards publish` tells: one line a folder, data source, dashboard or playlist, and where each differs."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console

from dashboards.publish.compare import Nothing
from dashboards.publish.plan import Finding, State
from services.cli.context import Context, out

#: Of one dashboard; who wants all of them takes --json.
_SHOWN = 5


def tell_drift(own: Context, found: Sequence[Finding]) -> None:
    """What differs, and where."""
    say = own.say
    words = {
        State.MISSING: say("belum ada", "missing"),
        State.OUTDATED: say("berbeda", "differs"),
        State.HAND_MADE: say("diubah tangan", "changed by hand"),
        State.SURPLUS: say("berlebih", "surplus"),
    }
    apart = [finding for finding in found if finding.state is not State.SAME]
    line = _columns(words, apart)
    for finding in apart:
        tell(line(finding))
        _tell_differences(own, finding)
    if not apart:
        tell(say(f"Semua {len(found)} sama dengan yang tercatat.", f"All {len(found)} are as committed."))
        return
    tell(say(f"{len(apart)} dari {len(found)} berbeda.", f"{len(apart)} of {len(found)} differ."))
    if any(finding.provisioned for finding in apart):
        tell(
            say(
                "Yang disediakan dari berkas: perbarui berkasnya di samping Grafana, lihat deploy/grafana/README.md.",
                "Provisioned ones: renew their files beside Grafana, see deploy/grafana/README.md.",
            )
        )
    elif any(finding.write for finding in apart):
        tell(say("Samakan dengan: warroom dashboards publish", "Bring into line with: warroom dashboards publish"))
    if any(finding.state is State.SURPLUS for finding in apart):
        tell(say("Yang berlebih: hapus di Grafana bila tidak dipakai.", "Surplus ones: delete in Grafana if unused."))


def warn(own: Context, found: Sequence[Finding]) -> None:
    """Whose changes are about to be replaced, and by what; said before anything is written."""
    by_hand = [finding for finding in found if finding.state is State.HAND_MADE]
    _tell_lost(own, own.say("Diubah tangan, akan diganti:", "Changed by hand, to be replaced:"), by_hand)
    # This screen is the only place that will still know what they were.
    playlists = [finding for finding in found if finding.kind == "playlist" and finding.differences]
    _tell_lost(
        own, own.say("Akan diganti, tanpa riwayat di Grafana:", "To be replaced, no history in Grafana:"), playlists
    )


def tell_done(own: Context, found: Sequence[Finding], done: Iterable[Finding]) -> None:
    """Each as soon as it is done, then how many of each."""
    say = own.say
    words = {
        State.MISSING: say("dibuat", "created"),
        State.OUTDATED: say("diperbarui", "updated"),
        State.HAND_MADE: say("ubahan tangan diganti", "hand edit replaced"),
        State.SAME: say("tetap", "unchanged"),
        State.SURPLUS: say("berlebih (dibiarkan)", "surplus (left alone)"),
    }
    line = _columns(words, found)
    for finding in done:
        tell(line(finding))
    counts = Counter(finding.state for finding in found)
    tell(", ".join(f"{counts[state]} {word}" for state, word in words.items() if counts[state]) + ".")


def plain(finding: Finding, *, written: bool) -> dict[str, Any]:
    """For machines; `state` is what was found, `written` whether it is in order since; a side without a value: null."""
    return {
        "kind": finding.kind,
        "uid": finding.uid or None,
        "title": finding.title,
        "state": finding.state,
        "by": finding.by or None,
        "differences": [
            {"path": each.path, "wanted": _value(each.committed), "found": _value(each.found)}
            for each in finding.differences
        ],
        "written": written,
    }


def tell(line: str, console: Console = out) -> None:
    """One line, never wrapped; whoever may edit in Grafana must not write control codes onto this screen."""
    shown = "".join(sign if sign.isprintable() else "?" for sign in line)
    console.print(shown, markup=False, emoji=False, soft_wrap=True)


def _value(value: Any) -> Any:
    return None if isinstance(value, Nothing) else value


def _columns(words: Mapping[State, str], found: Sequence[Finding]) -> Callable[[Finding], str]:
    """State, kind, uid and title in columns; the title comes last, so that nothing needs to be cut."""
    state = max((len(words[finding.state]) for finding in found), default=0)
    kind = max((len(finding.kind) for finding in found), default=0)
    uid = max((len(finding.uid) for finding in found), default=0)
    return lambda f: f"{words[f.state]:<{state}}  {f.kind:<{kind}}  {f.uid:<{uid}}  {f.title}"


def _tell_lost(own: Context, head: str, lost: Sequence[Finding]) -> None:
    if lost:
        tell(head)
    for finding in lost:
        tell(f"  {finding.kind} {finding.uid}  {finding.title}")
        _tell_differences(own, finding)


def _tell_differences(own: Context, finding: Finding) -> None:
    if finding.by:
        tell(own.say(f"    disimpan oleh {finding.by}", f"    saved by {finding.by}"))
    for difference in finding.differences[:_SHOWN]:
        tell(f"    {difference.show(own.say('(tidak ada)', '(none)'))}")
    if (more := len(finding.differences) - _SHOWN) > 0:
        tell(own.say(f"    dan {more} lagi", f"    and {more} more"))
