"""`warroom kpi` tells what schema `wall` has, number by number, and says what each status means."""

import copy
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest

from opd_schemas.catalogue import Catalogue
from services import catalogue_store
from services.cli.context import Lang
from services.cli.kpi_chart import sparkline
from services.cli.kpi_words import amount, meaning, share
from tests.cli.conftest import Warroom, one_line
from tests.cli.kpi_city import AT, DOCUMENT, KPIS, NOON, City, settled
from tests.databases import Database

#: What stands in a row of the table at noon, by the name of the KPI, from left to right; all but figures of others.
TABLE = {
    "Waktu tunggu": ("32,4", "menit", "≤ 20", "38 %", "▲ Waspada", "5", "1/1"),
    "Dilayani dalam 30 menit": ("60", "%", "≥ 80", "75 %", "■ Kritis", "5", "1/1"),
    "Jarang terjadi": ("75", "menit", "≤ 20", "0 %", "○ Tanpa data", "5", "1/1"),
    "Aplikasi diam": ("20", "menit", "≤ 20", "100 %", "◌ Data usang", "3", "0/1"),
    "Tanpa perkara": ("–", "menit", "≤ 20", "–", "○ Tanpa data", "0", "1/1"),
    "Kunjungan puskesmas": ("–", "≥ 2.500", "–", "○ Tanpa data", "–", "1/1"),
    "Izin yang menunggu": ("5", "≤ 1", "0 %", "■ Kritis", "5", "1/1"),
    "Baru berlaku nanti": ("–", "menit", "–", "–", "- Tak berlaku", "–", "–"),
}
LATER = NOON + timedelta(minutes=1)
COLUMNS = (
    "kpi, from_at, to_at, value, n, target, achievement, status, reason, as_of, commit_no, heard, expected, late_share,"
    " revision"
)


@pytest.fixture(scope="module")
def city(fresh_database: Callable[..., Database], tmp_path_factory: pytest.TempPathFactory) -> City:
    """The city at noon; no test changes it."""
    database = fresh_database(timezone=None)
    settled(database)
    return City(database, tmp_path_factory.mktemp("kpi"))


@pytest.fixture(scope="module")
def noon(city: City) -> Any:
    """What a machine reads of it."""
    return city.json("kpi", "--at", AT)


@pytest.fixture(scope="module")
def screen(city: City) -> str:
    """What a person reads of it, in English, on 120 columns."""
    return city("kpi", "--at", AT).stdout


@pytest.fixture
def own_city(fresh_database: Callable[..., Database], tmp_path_factory: pytest.TempPathFactory) -> City:
    """The same for one test, which may change it."""
    database = fresh_database(timezone=None)
    settled(database)
    return City(database, tmp_path_factory.mktemp("kpi"))


def row(text: str, name: str) -> str:
    (found,) = [line for line in text.splitlines() if line.startswith(name)]
    return found


def plain(rows: Any) -> Any:
    """As a machine reads it from --json."""
    return orjson.loads(orjson.dumps(rows))


def figures(board: Any) -> list[dict[str, Any]]:
    """The columns of wall.kpi_at of all KPIs that have a status."""
    return [{name: kpi[name] for name in COLUMNS.split(", ")} for kpi in board["kpis"] if kpi["status"] is not None]


def wall(city: City, function: str, *values: object) -> Any:
    return plain(city.query(f"SELECT {COLUMNS} FROM wall.{function}", *values, role="grafana_reader"))


def kpi(board: Any, name: str) -> Any:
    (found,) = [each for each in board["kpis"] if each["kpi"] == name]
    return found


def test_the_table_holds_value_unit_target_status_sample_and_trust(city: City) -> None:
    text = city("kpi", "--at", AT, lang="id").stdout
    for name, cells in TABLE.items():
        rest = row(text, name)[len(name) :]
        for cell in cells:
            before, found, rest = rest.partition(cell)
            assert found, (name, cell, text)
            # Nothing else stands between two cells.
            assert not before.strip(), (name, cell, before)
    assert "8 KPI: ■ 2 kritis, ▲ 1 waspada, ◌ 1 data usang, ○ 3 tanpa data" in text
    dimensions = [
        line.strip() for line in text.splitlines() if line.strip() in ("Ekonomi", "Masyarakat", "Tata kelola")
    ]
    assert dimensions == ["Tata kelola", "Ekonomi", "Masyarakat"]


def test_the_machine_gets_what_the_wall_has(city: City, noon: Any) -> None:
    board = noon
    assert (board["city"], board["timezone"], board["version"], board["window"]) == (
        "Kota Uji",
        "Asia/Jakarta",
        1,
        None,
    )
    assert datetime.fromisoformat(board["at"]) == NOON
    assert figures(board) == wall(city, "kpi_at(%s)", NOON)
    assert {each["kpi"]: (each["status"], each["reason"]) for each in board["kpis"]} == {
        "tunggu": ("warning", "raised"),
        "tepat": ("critical", "raised"),
        "jarang": ("no_data", "under_sampled"),
        "diam": ("stale", "silent"),
        "kosong": ("no_data", "no_value"),
        "rahasia": ("no_data", "suppressed"),
        "izin": ("critical", "raised"),
        "nanti": (None, None),
    }
    told = {column: value for column, value in kpi(board, "tepat").items() if column not in COLUMNS.split(", ")}
    for name in ("owner_id", "owner_en", "step", "series"):
        del told[name]
    (words,) = plain(city.query("SELECT * FROM wall.kpi_of(1, %s) WHERE kpi = 'tepat'", NOON, role="grafana_reader"))
    assert told == {name: words[name] for name in told}
    assert (told["unit"], told["direction"], told["target_by"]) == ("percent", "higher", "2026-12-31")


@pytest.mark.parametrize(
    ("name", "step", "first", "steps"),
    [
        ("tunggu", "PT1H", NOON - timedelta(hours=12), 12),
        ("tepat", "P1D", NOON - timedelta(days=13, hours=12), 14),
        ("izin", "P1D", NOON - timedelta(days=13, hours=12), 14),
        ("rahasia", "P1D", NOON - timedelta(days=13, hours=12), 14),
    ],
)
def test_the_last_steps(city: City, noon: Any, name: str, step: str, first: datetime, steps: int) -> None:
    one = kpi(noon, name)
    interval = "1 day" if step == "P1D" else "1 hour"
    assert one["step"] == step
    assert datetime.fromisoformat(one["series"][0]["at"]) == first
    assert len(one["series"]) == steps
    assert one["series"] == plain(
        city.query("SELECT * FROM wall.kpi_series(%s, %s, %s, %s::interval)", name, first, NOON, interval)
    )


def test_the_trend_is_higher_where_the_value_is(screen: str) -> None:
    # Half of two on the day before, three of five today.
    assert "············▁█" in row(screen, "Dilayani dalam 30 menit (en)")
    assert "▁▁▁▁▁▁▁▁▁▃▅▆██" in row(screen, "Izin yang menunggu (en)")
    assert "·" * 14 in row(screen, "Kunjungan puskesmas (en)")


def test_the_colour_of_a_step_is_its_status_but_for_counts() -> None:
    steps = [{"value": 1.0, "status": "ok"}, {"value": None, "status": "no_data"}, {"value": 2.0, "status": "critical"}]

    def styles(form: str) -> list[tuple[str, str]]:
        line = sparkline({"form": form, "series": steps})
        return [(line.plain[span.start : span.end], str(span.style)) for span in line.spans]

    assert styles("mean") == [("▁", "green"), ("·", "dim"), ("█", "bold red")]
    # A day of a count is a part of its week, by whose threshold the wall judges it.
    assert styles("count") == [("·", "dim")]


@pytest.mark.parametrize(
    ("text", "start", "end", "n"),
    [
        ("PT2H", LATER - timedelta(hours=2), LATER, 5),
        ("PT70M", LATER - timedelta(minutes=70), LATER, 2),
        ("P2D", LATER - timedelta(days=2), LATER, 7),
        ("day", NOON - timedelta(hours=12), LATER, 5),
        ("week", NOON - timedelta(hours=12), LATER, 5),
        ("month", NOON - timedelta(days=16, hours=12), LATER, 7),
        ("2025-11-16/2025-11-17", NOON - timedelta(days=1, hours=12), NOON - timedelta(hours=12), 2),
    ],
)
def test_another_window_for_all(city: City, text: str, start: datetime, end: datetime, n: int) -> None:
    words = ("--window", text) if "/" in text else ("--window", text, "--at", AT)
    board = city.json("kpi", *words)
    assert [datetime.fromisoformat(edge) for edge in board["window"]] == [start, end]
    wanted = [wall(city, "kpi_value(%s, %s, %s)", each["kpi"], start, end)[0] for each in board["kpis"]]
    assert figures(board) == wanted
    # A wait belongs to the moment of its end.
    assert kpi(board, "tepat")["n"] == n
    assert kpi(board, "tunggu")["step"] == ("PT1H" if text.startswith("PT") else "P1D")


def test_one_kpi_in_full(city: City) -> None:
    text = city("kpi", "tepat", "--at", AT, lang="id", COLUMNS="100").stdout
    for line in (
        "Dilayani dalam 30 menit   tepat",
        "■ Kritis   60 %   target ≥ 80 sampai 2026-12-31   capaian 75 %",
        "Nilai melewati ambang kritis (≤ 65). Jalankan runbook; status kritis berakhir pada ≥ 70.",
        "Program           Cepat, 2025-01-01 - 2026-12-31",
        "OPD pemilik       Dinas dukcapil (dukcapil)",
        "Jendela           hari berjalan: 2025-11-17 00:00 - 2025-11-17 12:01 Asia/Jakarta",
        "Garis dasar       10 % (2024-12-31)",
        "Ambang            waspada ≤ 75 (pulih ≥ 80), kritis ≤ 65 (pulih ≥ 70)",
        "Sampel            5 (sedikitnya 2)",
        "Runbook           Supervisor membuka loket cadangan.",
    ):
        assert line in [each.rstrip() for each in text.splitlines()], (line, text)
    assert "aplikasi terdengar 1/1; terlambat 0 %; per " in text
    chart = text[text.index("Per hari") :].splitlines()
    # Two steps, the later one five rows high, the earlier one on the ground; before them nothing is known.
    assert [line.split()[0] for line in chart[1:5]] == ["███"] * 4
    assert chart[5].split() == ["·"] * 12 + ["▁▁▁", "███", "min", "50", "%"]
    assert chart[1].split() == ["███", "maks", "60", "%"]
    assert chart[6].split()[:14] == [f"{day:02}" for day in range(4, 18)]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "tunggu",
            "The value is beyond the warning threshold (≥ 30). Follow the runbook; the status warning ends at ≤ 20.",
        ),
        ("jarang", "Only 5 cases, and a judgement needs 500 at least."),
        ("diam", "A publisher is silent: only 0 of 1 were heard"),
        ("kosong", "there is no figure; this is not zero"),
        ("rahasia", "too few patients, so the figure is hidden"),
        ("nanti", "This KPI is not in effect at that moment; it holds since 2025-11-18"),
    ],
)
def test_every_status_says_what_it_means(noon: Any, name: str, sentence: str) -> None:
    assert sentence in meaning(kpi(noon, name), Lang.EN)


def test_held_good_and_building(own_city: City) -> None:
    def told(name: str) -> str:
        return own_city("kpi", name, "--at", AT, COLUMNS="200").stdout

    # What was shown by an earlier catalogue holds nothing.
    own_city.query("INSERT INTO hub.kpi_shown VALUES ('tepat', %s, 'critical')", NOON - timedelta(hours=1))
    assert "is kept" not in told("tepat")
    own_city.query("UPDATE hub.catalogue SET applied_at = %s", NOON - timedelta(days=9))
    own_city.query("UPDATE hub.kpi SET critical_at = 50 WHERE kpi = 'tepat'")
    assert "not yet at ≥ 70, so the status critical is kept" in told("tepat")
    own_city.query("UPDATE hub.kpi SET warning_at = 40, warning_clear = 41, critical_clear = 39 WHERE kpi = 'tepat'")
    assert "● Good   60%   target ≥ 80 by 2026-12-31   achievement 75%" in told("tepat")
    assert "Nothing needs to be done" in told("tepat")
    own_city.query("UPDATE hub.figure SET counted_to = 0")
    assert "This figure is still being counted" in told("tepat")
    assert figures(own_city.json("kpi", "--at", AT)) == wall(own_city, "kpi_at(%s)", NOON)


def test_now_a_hub_without_pulse_is_not_believed(own_city: City) -> None:
    assert {each["reason"] for each in own_city.json("kpi")["kpis"]} == {"hub_lag"}
    assert "The hub is more than 60 seconds behind" in own_city("kpi", "tunggu", COLUMNS="200").stdout
    own_city.query("INSERT INTO hub.pulse (only_one, at) VALUES (true, now() + interval '1 day')")
    board = own_city.json("kpi")
    assert "hub_lag" not in {each["reason"] for each in board["kpis"]}
    still = ("kpi", "value", "n", "target", "status", "reason", "heard", "expected", "revision")
    wanted = plain(own_city.query(f"SELECT {', '.join(still)} FROM wall.kpi_now", role="grafana_reader"))
    assert [{name: each[name] for name in still} for each in board["kpis"]] == wanted


def test_then_judges_by_the_catalogue_of_that_time(own_city: City) -> None:
    later = copy.deepcopy(DOCUMENT)
    later["kpis"][0]["thresholds"] = {"warning": {"at": 40, "clear": 35}, "critical": {"at": 60, "clear": 45}}
    later["kpis"][0]["targets"][0]["value"] = 35
    catalogue_store.apply(own_city.database.owner_url, Catalogue.model_validate(later))
    now, then = own_city.json("kpi", "--at", AT), own_city.json("kpi", "--at", AT, "--then")
    assert [(board["version"], kpi(board, "tunggu")["status"]) for board in (now, then)] == [(2, "ok"), (1, "warning")]
    assert [kpi(board, "tunggu")["target"] for board in (now, then)] == [35, 20]
    assert figures(then) == wall(own_city, "kpi_at(%s, 1)", NOON)
    assert "· catalogue 1 ·" in own_city("kpi", "--at", AT, "--then").stdout


def test_numbers_are_written_as_the_language_writes_them(screen: str) -> None:
    assert "32.4 min" in row(screen, "Waktu tunggu (en)")
    assert "≥ 2,500" in row(screen, "Kunjungan puskesmas (en)")
    assert "▲ Warning" in row(screen, "Waktu tunggu (en)")
    assert [amount(value, Lang.ID) for value in (None, 0, 0.004, 0.26, 1.26, 1234.5, 2500)] == [
        "–", "0", "<0,01", "0,26", "1,3", "1.234,5", "2.500",
    ]  # fmt: skip
    assert [share(value, Lang.ID) for value in (None, 0, 0.004, 0.126, 12.5)] == ["–", "0 %", "<1 %", "13 %", "1.250 %"]
    assert [share(value, Lang.EN) for value in (0.004, 0.126)] == ["<1%", "13%"]


@pytest.mark.parametrize(
    ("columns", "shown", "left_out"),
    [
        (60, {"value", "status"}, {"trend", "late", "revision", "ID"}),
        (120, {"value", "target", "ach.", "status", "n", "app", "late", "trend"}, set()),
        (160, {"value", "target", "ach.", "status", "n", "app", "late", "trend", "revision", "ID"}, set()),
    ],
)
def test_no_line_wraps_or_is_cut(city: City, columns: int, shown: set[str], left_out: set[str]) -> None:
    lines = city("kpi", "--at", AT, COLUMNS=str(columns)).stdout.splitlines()
    heading = next(line.split() for line in lines if "status" in line)
    assert shown <= set(heading)
    assert not left_out & set(heading)
    assert max(map(len, lines)) <= columns
    assert not any("…" in line for line in lines)
    # Each KPI on one line, with its status.
    for name in (f"{each['name']['id']} (en)" for each in KPIS):
        assert any(sign in row("\n".join(lines), name) for sign in "●▲■◌○-")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("tepatt",), "'tepatt' is no KPI of the catalogue; did you mean tepat?"),
        (("puskesmas",), "did you mean rahasia?"),
        (("xyzxyz",), "see them all with: warroom kpi"),
        (("--at", "2199-01-01"), "--at lies in the future"),
        (("--at", "noon"), "'noon' is no time"),
        (("--then",), "--then needs a moment of the past"),
        (("--window", "soon"), "write PT2H, P30D, day, week, month, or FROM/TO"),
        (("--window", "2025-11-17/2025-11-16"), "FROM must lie before TO"),
        (("--window", "2025-11-16/2025-11-17", "--at", AT), "a --window FROM/TO ends at TO"),
    ],
)
def test_who_errs_is_told_how_to_go_on(city: City, words: tuple[str, ...], line: str) -> None:
    done = city("kpi", *words, COLUMNS="160")
    assert (done.returncode, done.stdout) == (2, "")
    assert line in done.stderr


def test_without_a_catalogue_there_are_no_kpis(database: Database, tmp_path_factory: pytest.TempPathFactory) -> None:
    empty = City(database, tmp_path_factory.mktemp("kpi"))
    assert "The city's catalogue is missing" in one_line(empty("kpi"))
    assert "warroom up" in one_line(Warroom(tmp_path_factory.mktemp("none"))("kpi"))
