"""deploy/kubernetes: every manifest is what the API takes, and names, ports, labels and settings fit together."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from service.keys import KeysFileError, read_keys
from service.secret_files import ENDING, PREFIX
from service.settings import SECRETS, Settings
from trainer.options import parser

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "deploy" / "kubernetes"
EXAMPLE = "secret.example.yaml"
OLDEST, NEWEST = "1.27", kubernetes_validate.latest_version()

Manifest = dict[str, Any]


def read(name: str) -> list[Manifest]:
    return list(yaml.safe_load_all((FOLDER / name).read_text()))


KUSTOMIZATION = read("kustomization.yaml")[0]
MANIFESTS = {
    f"{each['kind']}/{each['metadata']['name']}": each for file in KUSTOMIZATION["resources"] for each in read(file)
}
SECRET = read(EXAMPLE)[0]


def template(manifest: Manifest) -> Manifest | None:
    """Of the pods that a manifest makes."""
    spec = manifest["spec"]
    found: Manifest | None = spec.get("jobTemplate", {}).get("spec", spec).get("template")
    return found


PODS = {name: made for name, each in MANIFESTS.items() if (made := template(each)) is not None}
CONTAINERS = {
    f"{name}/{each['name']}": (pod["spec"], each)
    for name, pod in PODS.items()
    for each in [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]
}
SERVICE = CONTAINERS["Deployment/sparseshelf/service"][1]


def selected(labels: dict[str, str]) -> list[str]:
    """The makers of the pods that have these labels."""
    return [name for name, pod in PODS.items() if labels.items() <= pod["metadata"]["labels"].items()]


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", [*MANIFESTS, "Secret"])
def test_a_manifest_is_what_the_api_takes_and_nothing_it_would_pass_over(name: str, version: str) -> None:
    kubernetes_validate.validate(MANIFESTS.get(name, SECRET), version, strict=True)


def test_the_kustomization_has_every_file_but_the_example_of_a_secret_and_no_namespace() -> None:
    files = {path.name for path in FOLDER.iterdir()} - {"kustomization.yaml", "README.md", EXAMPLE}
    generated = {
        file for each in KUSTOMIZATION["configMapGenerator"] for file in each.get("envs", []) + each.get("files", [])
    }
    assert {*KUSTOMIZATION["resources"], *generated} == files
    assert not [name for name, each in MANIFESTS.items() if "namespace" in each["metadata"]]


def test_kubectl_builds_it(tmp_path: Path) -> None:
    if (kubectl := shutil.which("kubectl")) is None:
        pytest.skip("no kubectl")
    built = subprocess.run([kubectl, "kustomize", str(FOLDER)], capture_output=True, text=True, check=True)
    made = list(yaml.safe_load_all(built.stdout))
    assert len(made) == len(MANIFESTS) + len(KUSTOMIZATION["configMapGenerator"])
    for each in made:
        kubernetes_validate.validate(each, NEWEST, strict=True)
    generated = {each["metadata"]["name"] for each in made if each["kind"] == "ConfigMap"}
    (deployment,) = (each for each in made if each["kind"] == "Deployment")
    (source,) = deployment["spec"]["template"]["spec"]["containers"][0]["envFrom"]
    assert source["configMapRef"]["name"] in generated  # with the digest that replaces pods when a setting changes


# ---------------------------------------------------------------- names


def test_every_volume_secret_configuration_and_claim_is_there() -> None:
    generated = {each["name"] for each in KUSTOMIZATION["configMapGenerator"]}
    for name, (pod, container) in CONTAINERS.items():
        claims = {
            each["metadata"]["name"]
            for each in MANIFESTS[name.rpartition("/")[0]]["spec"].get("volumeClaimTemplates", [])
        }
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys() | claims, name
        for volume in volumes.values():
            if "persistentVolumeClaim" in volume:
                assert f"PersistentVolumeClaim/{volume['persistentVolumeClaim']['claimName']}" in MANIFESTS
            if "configMap" in volume:
                assert volume["configMap"]["name"] in generated
            if "secret" in volume:
                assert volume["secret"]["secretName"] == SECRET["metadata"]["name"]
                assert {item["key"] for item in volume["secret"]["items"]} <= SECRET["stringData"].keys()
        assert {each["configMapRef"]["name"] for each in container.get("envFrom", [])} <= generated
        for variable in container.get("env", []):
            if "valueFrom" in variable:
                source = variable["valueFrom"]["secretKeyRef"]
                assert source["name"] == SECRET["metadata"]["name"]
                assert source["key"] in SECRET["stringData"]


def selectors(node: Any) -> Iterator[dict[str, str]]:
    """Of pods, wherever a manifest has one."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        if key in {"selector", "podSelector", "labelSelector"} and value:
            yield value.get("matchLabels", value)
        else:
            yield from selectors(value)


def test_every_selector_finds_pods_and_each_kind_of_pod_its_own() -> None:
    for name, manifest in MANIFESTS.items():
        for labels in selectors(manifest):
            assert len(selected(labels)) == 1, (name, labels)
        if name in PODS and name != "CronJob/sparseshelf-trainer":
            assert selected(manifest["spec"]["selector"]["matchLabels"]) == [name]
    target = MANIFESTS["HorizontalPodAutoscaler/sparseshelf"]["spec"]["scaleTargetRef"]
    assert f"{target['kind']}/{target['name']}" in MANIFESTS
    assert MANIFESTS["HorizontalPodAutoscaler/sparseshelf"]["spec"]["minReplicas"] >= 2
    budget = MANIFESTS["PodDisruptionBudget/sparseshelf"]["spec"]["selector"]["matchLabels"]
    assert selected(budget) == ["Deployment/sparseshelf"]


def ports(name: str) -> dict[str, int]:
    """Of the pods of a maker, by name."""
    return {
        port["name"]: port["containerPort"]
        for each in PODS[name]["spec"]["containers"]
        for port in each.get("ports", [])
    }


def test_every_port_is_one_that_somebody_listens_on() -> None:
    for name in ("sparseshelf", "sparseshelf-redis"):
        service = MANIFESTS[f"Service/{name}"]["spec"]
        (maker,) = selected(service["selector"])
        assert {port["targetPort"] for port in service["ports"]} <= ports(maker).keys()
        policy = MANIFESTS[f"NetworkPolicy/{name}"]["spec"]
        assert {port["port"] for rule in policy["ingress"] for port in rule["ports"]} <= ports(maker).keys()
    dockerfile = (ROOT / "Dockerfile").read_text()
    (exposed,) = re.findall(r"^EXPOSE (\d+)$", dockerfile, re.MULTILINE)
    assert ports("Deployment/sparseshelf") == {"http": int(exposed)}
    annotations = PODS["Deployment/sparseshelf"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == exposed
    egress = MANIFESTS["NetworkPolicy/sparseshelf"]["spec"]["egress"]
    (to_redis,) = (rule for rule in egress if any("podSelector" in to for to in rule["to"]))
    assert [port["port"] for port in to_redis["ports"]] == list(ports("StatefulSet/sparseshelf-redis").values())


def test_probes_ask_routes_that_are_there() -> None:
    paths = json.loads((ROOT / "docs" / "openapi.json").read_text())["paths"]
    for kind, path in (("startup", "/health/live"), ("liveness", "/health/live"), ("readiness", "/health/ready")):
        probe = SERVICE[f"{kind}Probe"]["httpGet"]
        assert (probe["path"], probe["port"]) == (path, "http")
        assert path in paths


# ---------------------------------------------------------------- settings


def settings() -> dict[str, str]:
    lines = (FOLDER / "settings.env").read_text().splitlines()
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    return given | {each["name"]: each["value"] for each in SERVICE["env"]}


def test_settings_are_settings_and_secrets_lie_where_the_secret_is_mounted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    files = {f"{PREFIX}{name.upper()}{ENDING}" for name in SECRETS}
    assert settings().keys() <= known | files
    pod, container = CONTAINERS["Deployment/sparseshelf/service"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    paths = {item["path"] for volume in pod["volumes"] for item in volume.get("secret", {}).get("items", [])}
    for name, value in settings().items():
        if name.endswith(ENDING):
            assert mounts[str(Path(value).parent)] == "secrets"
            assert Path(value).name in paths
            monkeypatch.setenv(name, str(tmp_path / Path(value).name))
            (tmp_path / Path(value).name).write_text(SECRET["stringData"][Path(value).name])
        else:
            monkeypatch.setenv(name, value)
    read_settings = Settings()
    assert read_settings.contradiction is None
    assert read_settings.redis is not None
    address = urlsplit(read_settings.redis.get_secret_value())
    assert f"Service/{address.hostname}" in MANIFESTS
    assert address.port == MANIFESTS[f"Service/{address.hostname}"]["spec"]["ports"][0]["port"]
    assert address.password
    assert read_settings.keys_file is not None
    with pytest.raises(KeysFileError, match="line 1"):  # the example refuses to start
        read_keys(read_settings.keys_file)


def test_a_pod_has_time_to_finish_what_it_began() -> None:
    pod = PODS["Deployment/sparseshelf"]["spec"]
    _, waits_seconds = SERVICE["lifecycle"]["preStop"]["exec"]["command"]
    under_way_seconds = Settings.model_construct().shutdown_seconds
    assert pod["terminationGracePeriodSeconds"] > int(waits_seconds) + under_way_seconds


def test_the_trainer_writes_what_the_service_reads_and_its_words_are_options(tmp_path: Path) -> None:
    pod, container = CONTAINERS["CronJob/sparseshelf-trainer/trainer"]
    options = parser().parse_args(container["args"])
    assert (options.once, options.resume) == (True, True)
    mounts = {mount["mountPath"]: mount for mount in container["volumeMounts"]}
    assert not mounts[str(options.out)].get("readOnly", False)
    claims = []
    for volumes, each in ((pod, container), CONTAINERS["Deployment/sparseshelf/service"]):
        (mount,) = (mount for mount in each["volumeMounts"] if mount["mountPath"] == str(options.out))
        (volume,) = (volume for volume in volumes["volumes"] if volume["name"] == mount["name"])
        claims.append(volume["persistentVolumeClaim"]["claimName"])
    assert claims[0] == claims[1]
    assert all(mount["readOnly"] for mount in SERVICE["volumeMounts"] if mount["mountPath"] == "/artifacts")
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f'"--artifacts", "{options.out}", "--host", "0.0.0.0"' in dockerfile
    assert MANIFESTS["CronJob/sparseshelf-trainer"]["spec"]["concurrencyPolicy"] == "Forbid"
    assert "activeDeadlineSeconds" in MANIFESTS["CronJob/sparseshelf-trainer"]["spec"]["jobTemplate"]["spec"]


# ---------------------------------------------------------------- what containers may do


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_can_write_nowhere_but_in_its_volumes_and_gain_nothing(name: str) -> None:
    pod, container = CONTAINERS[name]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert "memory" in container["resources"]["limits"]
    if container["image"] != "redis":
        (user,) = re.findall(r"useradd .*--uid (\d+)", (ROOT / "Dockerfile").read_text())
        assert {pod["securityContext"][part] for part in ("runAsUser", "runAsGroup", "fsGroup")} == {int(user)}


def test_images_are_set_in_the_kustomization_and_name_no_registry() -> None:
    images = {each["name"]: each for each in KUSTOMIZATION["images"]}
    assert {container["image"] for _, container in CONTAINERS.values()} == images.keys()
    for each in images.values():
        assert re.fullmatch(r"[a-z-]+", each["newName"])
        assert (
            each["name"] == "redis"
            or f"--target {each['name'].removeprefix('sparseshelf-')}" in (ROOT / "Dockerfile").read_text()
        )
