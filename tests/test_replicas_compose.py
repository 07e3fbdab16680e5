"""deploy/replicas: its services are those of docker-compose.yml, and nginx knows each replica."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.settings import Settings

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "deploy" / "replicas"
ONE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
MANY: dict[str, Any] = yaml.safe_load((FOLDER / "docker-compose.yml").read_text())["services"]
NGINX = (FOLDER / "nginx.conf").read_text()
REPLICAS = sorted(name for name in MANY if name.startswith("replica-"))


def test_replicas_are_the_service_and_nothing_of_them_is_published() -> None:
    for name in REPLICAS:
        assert MANY[name]["environment"] == ONE["service"]["environment"]
        assert MANY[name]["command"] == ONE["service"]["command"]
        for hardening in ("read_only", "cap_drop", "security_opt", "tmpfs", "init"):
            assert MANY[name][hardening] == ONE["service"][hardening]
        assert "ports" not in MANY[name]
    assert MANY["nginx"]["ports"] == ONE["service"]["ports"]
    assert {"command", "environment"} <= {key for key in ONE["trainer"] if ONE["trainer"][key] == MANY["trainer"][key]}


def test_nginx_waits_for_every_replica_and_asks_each() -> None:
    assert len(REPLICAS) == 4
    assert {name: MANY["nginx"]["depends_on"][name]["condition"] for name in REPLICAS} == dict.fromkeys(
        REPLICAS, "service_healthy"
    )
    assert sorted(re.findall(r"server (\S+):8000 resolve", NGINX)) == REPLICAS
    (inside,) = (ports.rpartition(":")[2] for ports in MANY["nginx"]["ports"])
    assert f"listen {inside};" in NGINX


def test_what_a_replica_is_given_to_stop_in_is_longer_than_it_takes() -> None:
    for name in REPLICAS:
        assert int(MANY[name]["stop_grace_period"].removesuffix("s")) > Settings().shutdown_seconds


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    told = subprocess.run([program, "-v"], capture_output=True, text=True, check=True).stderr
    version = tuple(int(part) for part in re.findall(r"\d+", told)[:3])
    text = NGINX if version >= (1, 27, 3) else NGINX.replace(" resolve ", " ")
    text = re.sub(r"replica-\d", "127.0.0.1", text)  # which no resolver has to know
    (tmp_path / "nginx.conf").write_text(text)
    done = subprocess.run(
        [program, "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
