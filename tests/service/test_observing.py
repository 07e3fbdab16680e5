"""Dashboard, alerts and pages about metrics, against what /metrics says and what Prometheus can read."""

import asyncio
import json
import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from service.settings import Settings
from tests.conftest import write
from tests.service.asking import asking
from tests.service.processes import ROOT
from tests.worlds import by_hand

RULES = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "sparseshelf.json").read_text())
OF_PROMETHEUS = {"up": {"job", "instance"}}
BY_THE_SCRAPE = {"job", "instance"}
VARIABLES = {"$__rate_interval": "5m", "${datasource}": "prometheus"}


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Metric]:
    """Of a service that was asked something, by name."""
    folder = write(tmp_path_factory.mktemp("observed"), by_hand()).folder.parent

    async def seen() -> str:
        async with asking(Settings(artifacts=folder)) as client:
            await client.get("/items/nothing")
            until = time.monotonic() + 10
            while 'worker="' not in (text := (await client.get("/metrics")).text) and time.monotonic() < until:
                await asyncio.sleep(0.05)
            return text

    return {named(family): family for family in text_string_to_metric_families(asyncio.run(seen()))}


def named(family: Metric) -> str:
    return f"{family.name}_total" if family.type == "counter" else family.name


def labels_of(families: Mapping[str, Metric]) -> dict[str, set[str]]:
    """The labels of everything that can be asked for."""
    found: dict[str, set[str]] = dict(OF_PROMETHEUS)
    for family in families.values():
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels, BY_THE_SCRAPE)
    return found


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    yield from (target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", []))


def selectors(node: Any) -> Iterator[Any]:
    """Every metric that an expression asks for, and how."""
    found: list[Any] = []
    promql_parser.walk(
        node, lambda one: found.append(one) if isinstance(one, promql_parser.VectorSelector) else None, lambda _: None
    )
    yield from found


def test_a_metric_stands_in_the_page_as_it_is_and_no_other_does(families: Mapping[str, Metric]) -> None:
    rows = re.findall(r"^\| `(sparseshelf_.*)$", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)
    for name, family in families.items():
        labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
        assert f"{name}` | {family.type} | {', '.join(labels)} | {family.documentation} |" in rows
    assert len(rows) == len(families)


@pytest.mark.parametrize("expression", list(expressions()))
def test_an_expression_can_be_read_and_asks_for_what_there_is(expression: str, families: Mapping[str, Metric]) -> None:
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    known = labels_of(families)
    asked = list(selectors(promql_parser.parse(expression)))
    assert asked
    labels = set[str]()
    for selector in asked:
        assert selector.name in known
        assert {matcher.name for matcher in selector.matchers.matchers} <= known[selector.name]
        labels |= known[selector.name]
    for grouping in re.findall(r"by \(([^)]*)\)", expression):
        assert {label.strip() for label in grouping.split(",")} <= labels


def test_the_dashboard_has_a_panel_for_every_metric(families: Mapping[str, Metric]) -> None:
    drawn = " ".join(target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", []))
    assert not [name for name in families if name not in drawn]
    assert all(panel["title"] and panel["gridPos"] for panel in DASHBOARD["panels"])
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(numbers)) == len(numbers)


def test_every_alert_has_its_heading_in_the_runbook_and_no_heading_is_about_none() -> None:
    page = (ROOT / "docs" / "runbook.md").read_text()
    assert re.findall(r"^## (\w+)$", page, re.MULTILINE) == [rule["alert"] for rule in RULES]
    for section in page.split("\n## ")[1:]:
        assert "* See: " in section
        assert "* Do: " in section
    for rule in RULES:
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"]


def test_pages_name_no_metric_that_there_is_not(families: Mapping[str, Metric]) -> None:
    known = {sample.name for family in families.values() for sample in family.samples} | families.keys()
    for page in (ROOT / "docs").glob("*.md"):
        assert set(re.findall(r"sparseshelf_[a-z_]+", page.read_text())) <= known
