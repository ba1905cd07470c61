"""The compose file and the Dockerfile, as far as that can be seen without Docker."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from streams.cli import main
from streams.config import load
from streams.probe import well
from streams.servers import Exporter, Intake, Worker
from streams.settings import BY_VARIABLE
from tests.streams.generate.names import MADE, ROOT
from tests.streams.visible import served, small_shop, whole_of

TOLD: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, Any] = TOLD["services"]
OURS = {name for name, one in SERVICES.items() if "build" in one}
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")


def test_all_parts_are_there() -> None:
    assert SERVICES.keys() == {
        "kafka", "topics", "worker-1", "worker-2", "exporter", "prometheus", "alertmanager",
        "grafana", "shop", "intake",
    }  # fmt: skip
    on_demand = {name: one["profiles"] for name, one in SERVICES.items() if "profiles" in one}
    assert on_demand == {"shop": ["shop"], "intake": ["intake"]}


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_bounded_and_nobody_special(name: str) -> None:
    one = SERVICES[name]
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+", one["image"])
    assert one["user"].split(":")[0] not in ("0", "root")
    assert one["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in one["security_opt"]
    assert one["mem_limit"]
    assert one["cpus"]
    if name not in ("topics", "shop"):
        assert one["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", SERVICES)
def test_no_port_is_open_beyond_this_machine(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert port.startswith("127.0.0.1:")


@pytest.mark.parametrize("name", SERVICES)
def test_every_path_that_is_mounted_exists_and_every_volume_is_named(name: str) -> None:
    for told in SERVICES[name].get("volumes", ()):
        source = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", told).split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists(), told
            assert told.endswith(":ro")
        else:
            assert source in TOLD["volumes"]
    for needed in SERVICES[name].get("depends_on", {}):
        assert needed in SERVICES


@pytest.mark.parametrize("name", sorted(OURS))
def test_commands_and_variables_are_known(name: str) -> None:
    assert main.get_command(None, SERVICES[name]["command"][0])  # type: ignore[arg-type]
    assert SERVICES[name]["environment"].keys() - {"KPI_CONFIG"} <= BY_VARIABLE.keys()


def test_the_shop_that_is_mounted_is_valid() -> None:
    load(str(ROOT / "examples/shop.toml"))


def test_prometheus_asks_the_ports_on_which_ours_listen() -> None:
    made = MADE
    jobs = yaml.safe_load(made["grafana/prometheus/prometheus.yml"])["scrape_configs"]
    targets = [t for job in jobs for one in job["static_configs"] for t in one["targets"]]
    ports = {
        "exporter": Exporter().port,
        "worker-1": Worker().port,
        "worker-2": Worker().port,
        "intake": Intake().port,
    }
    assert {f"{name}:{port}" for name, port in ports.items()} <= set(targets)


def test_the_intake_listens_where_its_probe_and_its_port_are() -> None:
    one = SERVICES["intake"]
    port = Intake().port
    assert one["ports"] == [f"127.0.0.1:{port}:{port}"]
    assert one["healthcheck"]["test"][-1] == f"http://127.0.0.1:{port}/healthz"


def test_grafana_finds_what_is_mounted() -> None:
    mounted = dict(told.split(":")[:2] for told in SERVICES["grafana"]["volumes"])
    where = yaml.safe_load(MADE["grafana/provisioning/dashboards/kpi.yml"])
    assert where["providers"][0]["options"]["path"] == mounted["./grafana/dashboards"]
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (ROOT / "grafana/dashboards" / Path(home).name).is_file()


def test_the_dockerfile_copies_what_exists_and_is_of_a_supported_python() -> None:
    for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert f"!{source}" in (ROOT / ".dockerignore").read_text("utf-8")
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert all(re.fullmatch(r"python:3\.1[123]\.\d+-slim-bookworm", one) for one in images)
    assert re.search(r"^USER 10001", DOCKERFILE, re.MULTILINE)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert all(SERVICES[name]["image"] == f"kpi-windows:{version}" for name in OURS)


def test_the_probe_tells_well_from_ill(tmp_path: Path) -> None:
    whole, _ = whole_of(tmp_path, small_shop())
    with served(whole) as url:
        assert well(f"{url}/healthz")
        assert not well(f"{url}/nowhere")
    assert not well(f"{url}/healthz")
