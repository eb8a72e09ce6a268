"""Reads a Grafana and says, thing by thing, how it stands to what is committed. Nothing is written here.

A finding that needs a write carries it, bound to the version that was read (a playlist has none): `mend` carries it
out, `--check` only tells.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from dashboards.publish import errors
from dashboards.publish.compare import NOTHING, Difference, dashboard_differences, differences
from dashboards.publish.grafana import FoundDataSource, FoundPlaylist, Grafana, Json, Save
from dashboards.publish.wanted import FOLDERS, TAG, Dashboard, DataSource, Folder, Playlist

#: Left in a dashboard's history with each of our saves: a last save without it was somebody's own.
MESSAGE = "warroom dashboards publish"
#: By one of these PostgreSQL, or Grafana's driver for it, says that it refuses the password, and not that it is away.
_OF_PASSWORDS = ("28P01", "password authentication", "SASL")


class State(StrEnum):
    """How a thing in Grafana stands to the committed one."""

    SAME = "same"
    MISSING = "missing"
    OUTDATED = "outdated"
    HAND_MADE = "hand_made"
    SURPLUS = "surplus"


@dataclass(frozen=True)
class Finding:
    """One folder, data source, dashboard or playlist; `by` saved a hand-made change.

    `write` mends it, if it is ours to mend, and gives the uid where Grafana is the one who chooses it.
    """

    kind: str
    uid: str
    title: str
    state: State
    differences: Sequence[Difference] = ()
    by: str = ""
    write: Callable[[], str | None] | None = None
    provisioned: bool = False


def plan(
    grafana: Grafana, dashboards: Iterable[Dashboard], playlists: Iterable[Playlist], source: DataSource | None
) -> Iterator[Finding]:
    """What stands there, in the order in which it is to be mended; `source` None: the data source must be there."""
    for folder in FOLDERS:
        yield _folder(grafana, folder)
    yield _data_source(grafana, source)
    known = set()
    for dashboard in dashboards:
        known.add(dashboard.uid)
        yield _dashboard(grafana, dashboard)
    for hit in grafana.list_dashboards(folders=[folder.uid for folder in FOLDERS], tag=TAG):
        if hit.uid not in known:
            yield Finding("dashboard", hit.uid, hit.title, State.SURPLUS)
    # Last, for a Grafana without playlists is to have all the rest.
    listed = grafana.list_playlists()
    for playlist in playlists:
        same_name = [grafana.read_playlist(there.uid) for there in listed if there.name == playlist.name]
        yield from _playlist(grafana, playlist, same_name)


def mend(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Carry out the writes one by one, each finding given back once it is in order; stopped half-way, run it again."""
    for finding in findings:
        if finding.provisioned and finding.state is not State.SAME:
            raise errors.Provisioned(f"{finding.kind} {finding.uid}")
    for finding in findings:
        uid = finding.write() if finding.write is not None else None
        yield replace(finding, uid=uid) if uid else finding


def connect(grafana: Grafana) -> None:
    """Grafana can query the database."""
    if (fault := grafana.data_source_fault(DataSource.UID)) is not None:
        raise errors.DataSourceSilent(grafana.where, DataSource.UID, fault)


def _folder(grafana: Grafana, folder: Folder) -> Finding:
    found = grafana.find_folder(folder.uid)
    tell = partial(Finding, "folder", folder.uid, folder.title)
    if found is None:
        return tell(State.MISSING, write=partial(grafana.create_folder, folder.uid, folder.title))
    if apart := differences({"title": folder.title}, {"title": found.title}):
        rename = partial(grafana.rename_folder, folder.uid, folder.title, found.version)
        return tell(State.OUTDATED, apart, write=rename)
    return tell(State.SAME)


def _data_source(grafana: Grafana, source: DataSource | None) -> Finding:
    uid = DataSource.UID
    found = grafana.find_data_source(uid)
    if found is None:
        if source is None:
            raise errors.DataSourceMissing(grafana.where, uid)
        return Finding(
            "data source", uid, source.NAME, State.MISSING, write=partial(_create_data_source, grafana, source)
        )
    if found.type != DataSource.TYPE:
        raise errors.DataSourceOtherType(grafana.where, uid, found.type, DataSource.TYPE)
    tell = partial(Finding, "data source", uid, found.name, provisioned=found.read_only)
    if source is None:
        return tell(State.SAME)
    wanted = source.settings()
    there = found.model_dump(include={"name", "type", "access", "url", "user"})
    # Settings that are not ours, such as the size of the pool, are the operator's.
    there["jsonData"] = {name: found.json_data[name] for name in wanted["jsonData"] if name in found.json_data}
    apart = differences(wanted, there)
    if not found.secure_json_fields.get("password"):
        apart.append(Difference("secureJsonData.password", "***", NOTHING))
    elif not apart and (refused := _refused_password(grafana, source, found)):
        apart.append(Difference("secureJsonData.password", "***", refused))
    if apart:
        return tell(State.OUTDATED, apart, write=partial(_replace_data_source, grafana, source, found))
    return tell(State.SAME)


def _refused_password(grafana: Grafana, source: DataSource, found: FoundDataSource) -> str | None:
    """The database's words on a password that ours may replace: none can be read back to be compared."""
    if source.password is None or found.read_only:
        return None
    try:
        fault = grafana.data_source_fault(source.UID) or ""
    except errors.GrafanaError:
        return None  # told by `connect`, when all else is published
    return fault if any(word in fault for word in _OF_PASSWORDS) else None


def _create_data_source(grafana: Grafana, source: DataSource) -> None:
    if source.password is None:
        raise errors.PasswordMissing(source.UID, source.user)
    wanted = source.settings()
    json_data = {**wanted["jsonData"], **source.FIRST}
    secret = {"password": source.password}
    grafana.create_data_source({"uid": source.UID, **wanted, "jsonData": json_data, "secureJsonData": secret})


def _replace_data_source(grafana: Grafana, source: DataSource, found: FoundDataSource) -> None:
    if source.password is None and not found.secure_json_fields.get("password"):
        raise errors.PasswordMissing(source.UID, source.user)
    grafana.replace_data_source(source.UID, _replacement(found, source))


def _replacement(found: FoundDataSource, source: DataSource) -> Json:
    """Our settings over those found, and the password if it is known; without one Grafana keeps its own."""
    wanted = source.settings()
    body = {
        **wanted,
        "uid": source.UID,
        "isDefault": found.is_default,
        "jsonData": {**found.json_data, **wanted["jsonData"]},
        "version": found.version,
    }
    return body if source.password is None else {**body, "secureJsonData": {"password": source.password}}


def _dashboard(grafana: Grafana, wanted: Dashboard) -> Finding:
    found = grafana.find_dashboard(wanted.uid)
    save = partial(grafana.save_dashboard, wanted.content, folder=wanted.folder, message=MESSAGE)
    tell = partial(Finding, "dashboard", wanted.uid, wanted.title)
    if found is None:
        return tell(State.MISSING, write=partial(save, version=0))
    tell = partial(tell, provisioned=found.meta.provisioned)
    apart = dashboard_differences(wanted.content, found.dashboard)
    if found.meta.folder_uid != wanted.folder:
        apart.insert(0, Difference("meta.folderUid", wanted.folder, found.meta.folder_uid or "general"))
    if not apart:
        return tell(State.SAME)
    save = partial(save, version=found.version)
    last = grafana.find_save(wanted.uid, found.version) or Save()
    if last.message == MESSAGE or found.meta.provisioned:
        return tell(State.OUTDATED, apart, write=save)
    return tell(State.HAND_MADE, apart, by=last.created_by, write=save)


def _playlist(grafana: Grafana, wanted: Playlist, same_name: Sequence[FoundPlaylist]) -> Iterator[Finding]:
    """The one of that name that is nearest to ours is ours; further ones are told, for they may be somebody's own."""
    tell = partial(Finding, "playlist", title=wanted.name)
    compared = [(_playlist_differences(wanted, found), found.uid) for found in same_name]
    apart = sorted(compared, key=lambda each: (len(each[0]), each[1]))
    if not apart:
        yield tell("", state=State.MISSING, write=partial(grafana.create_playlist, wanted.content))
        return
    (ours, uid), *others = apart
    if ours:
        # Grafana keeps no history of playlists: whether a hand or an older release made it so is not to be known.
        write = partial(grafana.replace_playlist, uid, wanted.content)
        yield tell(uid, state=State.OUTDATED, differences=ours, write=write)
    else:
        yield tell(uid, state=State.SAME)
    for _, other in others:
        yield tell(other, state=State.SURPLUS)


def _playlist_differences(wanted: Playlist, found: FoundPlaylist) -> list[Difference]:
    items = [{name: item.get(name) for name in ("type", "value")} for item in wanted.content["items"]]
    return differences({**wanted.content, "items": items}, found.model_dump(exclude={"uid"}))
