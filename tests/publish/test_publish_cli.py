"""`warroom dashboards publish` as its users see it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from dashboards.publish.wanted import FOLDERS
from services.cli import dashboards
from services.cli.context import Context
from tests.publish.conftest import DASHBOARDS, PLAYLISTS
from tests.publish.fake_grafana import TOKEN, FakeGrafana, Reply

Command = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three small dashboards and two playlists, as `dashboards build` writes its own."""
    for language, playlist in zip(FOLDERS, PLAYLISTS, strict=True):
        own = [each for each in DASHBOARDS if each.folder == language.uid]
        for each in own:
            path = tmp_path / language.language / f"{each.uid}.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(each.content), encoding="utf-8")
        (tmp_path / f"playlist-{language.language}.json").write_text(json.dumps(playlist.content), encoding="utf-8")
    return tmp_path


@pytest.fixture
def command(fake: FakeGrafana, folder: Path) -> Command:
    """`command("--check", lang="en")` with Grafana and token in the environment; three small dashboards, two lists."""
    root = typer.Typer()
    root.callback()(Context.open)
    root.add_typer(dashboards.app, name="dashboards")
    environment = {
        "WARROOM_GRAFANA_URL": fake.url,
        "WARROOM_GRAFANA_TOKEN": TOKEN,
        "WARROOM_GRAFANA_DATABASE_URL": "postgresql://db.kota.example/warroom",
        "WARROOM_GRAFANA_DB_PASSWORD": "the right one",
        "WARROOM_DASHBOARDS": str(folder),
        "COLUMNS": "100",
    }

    def run(*words: str, lang: str = "en", **more: str) -> Result:
        arguments = ["--lang", lang, "dashboards", "publish", *words]
        done = CliRunner().invoke(root, arguments, env={**environment, **more})
        assert TOKEN not in done.output
        assert "the right one" not in done.output
        return done

    return run


def words(text: str) -> list[str]:
    """Lines, with single spaces."""
    return [" ".join(line.split()) for line in text.splitlines()]


def test_publish_check_publish(fake: FakeGrafana, command: Command) -> None:
    first = command()
    assert first.exit_code == 0, first.output
    assert words(first.stdout) == [
        f"Grafana 12.3.0 at {fake.url}",
        "created folder warroom Ruang Kendali",
        "created folder warroom-en War Room",
        "created data source warroom-timescaledb War Room TimescaleDB",
        "created dashboard warroom-antrean Antrean",
        "created dashboard warroom-izin Perizinan",
        "created dashboard warroom-en-queue Queues",
        *(f"created playlist {uid} {playlist['name']}" for uid, playlist in fake.playlists.items()),
        "8 created.",
    ]
    fake.requests.clear()
    second = command()
    assert (second.exit_code, words(second.stdout)[-1], fake.writes) == (0, "8 unchanged.", [])
    third = command("--check", lang="id")
    assert (third.exit_code, words(third.stdout)[1:]) == (0, ["Semua 8 sama dengan yang tercatat."])


def test_check_names_a_change_by_hand_and_publish_says_so_before_replacing_it(
    fake: FakeGrafana, command: Command
) -> None:
    command()
    fake.edit("warroom-izin", lambda content: content["panels"][0].update(title="Ubahan"))
    fake.requests.clear()
    check = command("--check")
    difference = 'panels[id=1].title: "Panel 1" -> "Ubahan"'
    assert check.exit_code == 1
    assert words(check.stdout)[1:] == [
        "changed by hand dashboard warroom-izin Perizinan",
        "saved by siti",
        difference,
        "1 of 8 differ.",
        "Bring into line with: warroom dashboards publish",
    ]
    assert fake.writes == []
    done = command(lang="id")
    assert done.exit_code == 0
    assert words(done.stdout)[1:5] == [
        "Diubah tangan, akan diganti:",
        "dashboard warroom-izin Perizinan",
        "disimpan oleh siti",
        difference,
    ]
    assert "ubahan tangan diganti dashboard warroom-izin Perizinan" in words(done.stdout)
    assert words(done.stdout)[-1] == "1 ubahan tangan diganti, 7 tetap."
    assert command("--check").exit_code == 0


def test_check_of_missing_and_surplus_and_much_changed_ones(fake: FakeGrafana, command: Command) -> None:
    command()
    old = fake.dashboards["warroom-antrean"]
    content = {**old.content, "uid": "warroom-old", "title": "Lama\x1b[2J :fire: [red]"}
    fake.dashboards["warroom-old"] = replace(old, id=99, content=content)
    del fake.dashboards["warroom-izin"]
    fake.edit("warroom-antrean", lambda content: content.update({f"x{n}": n for n in range(1, 9)}))
    lines = words(command("--check").stdout)
    assert lines[1:] == [
        "changed by hand dashboard warroom-antrean Antrean",
        "saved by siti",
        *(f"x{n}: (none) -> {n}" for n in range(1, 6)),
        "and 3 more",
        "missing dashboard warroom-izin Perizinan",
        "surplus dashboard warroom-old Lama?[2J :fire: [red]",
        "3 of 9 differ.",
        "Bring into line with: warroom dashboards publish",
        "Surplus ones: delete in Grafana if unused.",
    ]
    assert "surplus (left alone) dashboard warroom-old" in " ".join(words(command().stdout))


def test_what_a_playlist_was_is_told_before_it_is_lost(fake: FakeGrafana, command: Command) -> None:
    command()
    uid = next(iter(fake.playlists))
    fake.playlists[uid]["interval"] = "5m"
    fake.playlists["z-other"] = fake.playlists[uid]
    check = command("--check")
    assert (check.exit_code, words(check.stdout)[1:]) == (
        1,
        [
            f"differs playlist {uid} Ruang Kendali",
            'interval: "30s" -> "5m"',
            "surplus playlist z-other Ruang Kendali",
            "2 of 9 differ.",
            "Bring into line with: warroom dashboards publish",
            "Surplus ones: delete in Grafana if unused.",
        ],
    )
    assert words(command(lang="id").stdout)[1:4] == [
        "Akan diganti, tanpa riwayat di Grafana:",
        f"playlist {uid} Ruang Kendali",
        'interval: "30s" -> "5m"',
    ]
    del fake.playlists["z-other"]
    assert command("--check").exit_code == 0


def test_the_same_for_machines(fake: FakeGrafana, command: Command) -> None:
    missing = json.loads(command("--check", "--json").stdout)
    assert fake.writes == []
    assert {(each["state"], each["written"]) for each in missing} == {("missing", False)}
    assert [each["uid"] for each in missing[-2:]] == [None, None]
    written = json.loads(command("--json").stdout)
    assert {(each["state"], each["written"]) for each in written} == {("missing", True)}
    assert [each["uid"] for each in written[-2:]] == list(fake.playlists)
    fake.edit("warroom-izin", lambda content: content.update(refresh=None, title="\x1b[2J"), by="budi")
    for words_, code, done in ((["--check"], 1, False), ([], 0, True), (["--check"], 0, None)):
        run = command(*words_, "--json")
        assert run.exit_code == code
        apart = [each for each in json.loads(run.stdout) if each["state"] != "same"]
        assert (
            apart == []
            if done is None
            else [
                {
                    "kind": "dashboard",
                    "uid": "warroom-izin",
                    "title": "Perizinan",
                    "state": "hand_made",
                    "by": "budi",
                    "differences": [
                        {"path": "title", "wanted": "Perizinan", "found": "\x1b[2J"},
                        {"path": "refresh", "wanted": "10s", "found": None},
                    ],
                    "written": done,
                }
            ]
        )


def test_an_error_cuts_the_list_for_machines_short(fake: FakeGrafana, command: Command) -> None:
    fake.misbehave("POST", "/datasources", Reply(500, {"message": "disk full"}))
    done = command("--json")
    assert done.exit_code == 1
    assert [(each["uid"], each["written"]) for each in json.loads(done.stdout)] == [
        ("warroom", True),
        ("warroom-en", True),
    ]
    assert len(done.stderr.splitlines()) == 1


def test_check_does_not_advise_what_publish_refuses(fake: FakeGrafana, command: Command) -> None:
    command()
    uid = DASHBOARDS[0].uid
    fake.dashboards[uid].provisioned = True
    fake.edit(uid, lambda content: content.update(title="Ubahan"))
    told = command("--check").stdout
    assert "Provisioned ones: renew their files" in told
    assert "Bring into line" not in told


def test_names_are_never_wrapped(fake: FakeGrafana, command: Command, folder: Path) -> None:
    long = {**DASHBOARDS[0].content, "uid": "warroom-" + "x" * 32, "title": "Pelayanan " * 9}
    (folder / "id" / "long.json").write_text(json.dumps(long), encoding="utf-8")
    assert any(line.endswith(long["title"]) and long["uid"] in line for line in command().stdout.splitlines())


def test_a_password_that_is_set_anew_is_told(fake: FakeGrafana, command: Command) -> None:
    command()
    fake.passwords["warroom-timescaledb"] = "an old one"
    check = command("--check")
    assert (check.exit_code, words(check.stdout)[1:3]) == (
        1,
        [
            "differs data source warroom-timescaledb War Room TimescaleDB",
            'secureJsonData.password: "***" -> "failed SASL auth (FATAL: pa…',
        ],
    )
    told = json.loads(command("--json").stdout)
    assert [(each["kind"], each["state"]) for each in told if each["written"]] == [("data source", "outdated")]
    assert words(command().stdout)[-1] == "8 unchanged."


def test_another_set_than_the_packaged_one(fake: FakeGrafana, command: Command, folder: Path) -> None:
    other = folder / "other"
    done = command("--from", str(other))
    assert done.exit_code == 1
    assert done.stderr.startswith(f"{other}/id: there is no dashboard here; generate the file anew with: warroom dash")
    assert len(done.stderr.splitlines()) == 1
    assert fake.writes == []
    packaged = json.loads(command("--from", "dashboards/json", "--check", "--json").stdout)
    assert "warroom-city-wall" in {each["uid"] for each in packaged}


@pytest.mark.parametrize(
    ("lang", "line"),
    [("id", "Grafana di {} menolak token (401: Invalid API key)"), ("en", "Grafana at {} refused the token (401")],
)
def test_an_error_is_one_line_in_the_chosen_language(fake: FakeGrafana, command: Command, lang: str, line: str) -> None:
    done = command(lang=lang, WARROOM_GRAFANA_TOKEN="glsa_wrong")
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(line.format(fake.url))
    assert "glsa_wrong" not in done.output


def test_what_was_done_before_an_error_is_told(fake: FakeGrafana, command: Command) -> None:
    fake.misbehave("POST", "/datasources", Reply(500, {"message": "disk full"}))
    done = command()
    assert done.exit_code == 1
    assert "created folder warroom-en War Room" in words(done.stdout)
    assert "failed at data source warroom-timescaledb (500: disk full)" in done.stderr


@pytest.mark.parametrize(
    ("environment", "indonesian", "english"),
    [
        ({"WARROOM_GRAFANA_URL": ""}, "--url", "--url"),
        ({"WARROOM_GRAFANA_URL": "grafana.kota.example"}, "bukan alamat Grafana", "no address of a Grafana"),
        ({"WARROOM_GRAFANA_URL": "http://admin:hush@grafana.example"}, "memuat nama pengguna", "carries a user"),
        ({"WARROOM_GRAFANA_URL": "http://grafana.example:port"}, "bukan alamat", "no address"),
        ({"WARROOM_GRAFANA_TOKEN": "hush\nhush"}, "token kosong", "the token"),
        ({"WARROOM_GRAFANA_TOKEN": "hush—hush"}, "token kosong", "the token"),
        ({"WARROOM_GRAFANA_DATABASE_URL": "postgresql://u:hush@db/warroom"}, "memuat kata sandi", "carries a password"),
        ({"WARROOM_GRAFANA_DATABASE_URL": "postgresql://db"}, "bukan alamat database", "no address of a database"),
        ({"WARROOM_GRAFANA_DATABASE_URL": "mysql://db/warroom"}, "bukan alamat database", "no address of a database"),
    ],
)
def test_settings_that_cannot_be(
    fake: FakeGrafana, command: Command, environment: dict[str, str], indonesian: str, english: str
) -> None:
    for lang, says in (("id", indonesian), ("en", english)):
        done = command(lang=lang, **environment)
        assert done.exit_code == 2
        assert says in " ".join(done.stderr.replace("│", " ").split())
        assert "hush" not in done.output
    assert fake.requests == []
