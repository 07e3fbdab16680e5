"""The OpenAPI document: the one that is checked in, and whether what it says is so."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from service import __version__
from service.openapi import described_app, document
from service.problems import EXAMPLES
from service.settings import Settings
from tests.conftest import write
from tests.service.asking import asking
from tests.worlds import grown

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = document(described_app())
OPERATIONS = {
    operation["operationId"]: (method, path, operation)
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
}


def inner(value: Any) -> Iterator[Any]:
    yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from inner(one)


def is_valid(value: Any, schema: dict[str, Any]) -> bool:
    return jsonschema_rs.Draft202012Validator(schema | {"components": DOCUMENT["components"]}).is_valid(value)


def success(operation: dict[str, Any]) -> tuple[int, dict[str, Any] | None]:
    """The status, and of its content the example and the schema."""
    if "204" in operation["responses"]:
        return 204, None
    (content,) = operation["responses"]["200"]["content"].values()
    return 200, content


def test_the_document_that_is_checked_in_is_the_service_s_own() -> None:
    checked_in = (ROOT / "docs" / "openapi.json").read_text()
    assert json.loads(checked_in) == DOCUMENT, "run: python -m service.openapi > docs/openapi.json"
    assert checked_in == json.dumps(DOCUMENT, indent=1, ensure_ascii=False) + "\n"


def test_the_version_has_one_home() -> None:
    assert DOCUMENT["info"]["version"] == __version__
    assert 'version = {attr = "service.__version__"}' in (ROOT / "pyproject.toml").read_text()


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_described_named_and_tagged(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", name)
    assert operation["summary"]
    assert "\n" not in operation["summary"]
    assert operation["description"]
    assert operation["tags"][0] in {tag["name"] for tag in DOCUMENT["tags"]}
    for response in operation["responses"].values():
        assert {"X-Request-ID", "X-Model-Version"} <= response["headers"].keys()
    headers = operation["responses"][str(success(operation)[0])]["headers"]
    assert ("X-Cache" in headers) == (name == "homepage")


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_error_is_a_problem_with_a_code_and_retries_say_when(name: str) -> None:
    _, _, operation = OPERATIONS[name]
    assert "500" in operation["responses"]
    for status, response in operation["responses"].items():
        if status in ("200", "204") or (name, status) == ("health_ready", "503"):
            continue
        content = response["content"]["application/problem+json"]
        assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
        for code, example in content["examples"].items():
            assert example["value"]["code"] == code
            assert example["value"]["status"] == int(status)
            assert is_valid(example["value"], content["schema"])
        assert ("Retry-After" in response["headers"]) == (status in ("429", "503"))


def test_nothing_of_fastapis_own_errors_is_in_it_and_no_reference_leads_nowhere() -> None:
    text = json.dumps(DOCUMENT)
    assert "HTTPValidationError" not in text
    assert "x-problems" not in text
    for reference in re.findall(r'"\$ref": "#/components/([^"]+)"', text):
        kind, name = reference.split("/")
        assert name in DOCUMENT["components"][kind]
    named = {
        json.dumps(value) for value in inner(DOCUMENT) if isinstance(value, dict) and value.get("title") == "Problem"
    }
    assert len(named) == 1


def test_every_code_is_in_the_documentation_and_in_the_document() -> None:
    page, text = (ROOT / "docs" / "service.md").read_text(), json.dumps(DOCUMENT)
    for refusal in EXAMPLES.values():
        assert f"`{refusal.code}`" in page
        assert f'"{refusal.code}"' in text


def requests(name: str) -> Iterator[tuple[dict[str, Any], Any]]:
    """Path and query parameters, and the body, of each example."""
    _, _, operation = OPERATIONS[name]
    parameters = operation.get("parameters", [])
    given = {parameter["name"]: parameter["example"] for parameter in parameters if "example" in parameter}
    assert given.keys() >= {parameter["name"] for parameter in parameters if parameter["required"]}
    if "requestBody" not in operation:
        yield given, None
        return
    content = operation["requestBody"]["content"]["application/json"]
    assert content["examples"]
    for example in content["examples"].values():
        assert is_valid(example["value"], content["schema"])
        yield given, example["value"]


@pytest.mark.anyio
@pytest.mark.parametrize("name", OPERATIONS)
async def test_every_example_is_accepted_and_answered_as_the_document_says(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    write(tmp_path, grown(), name="films")
    method, path, operation = OPERATIONS[name]
    status, answer = success(operation)
    stored = "409" in operation["responses"] and name != "homepage"
    url = request.getfixturevalue("redis_server").url if stored else None
    async with asking(Settings(artifacts=tmp_path, redis_url=url, histories=stored)) as client:
        for place, (given, body) in enumerate(requests(name)):
            query = {key: value for key, value in given.items() if f"{{{key}}}" not in path}
            headers = {"X-Request-ID": "5f0c2e9a7b1d4c38"}
            response = await client.request(method, path.format(**given), params=query, json=body, headers=headers)
            assert response.status_code == status, response.text
            if answer is None:
                continue
            assert is_valid(answer["example"], answer["schema"])
            if name == "read_metrics":  # whose numbers are never the same
                assert response.headers["Content-Type"].startswith("text/plain; version=")
                assert set(answer["example"].splitlines()) <= set(response.text.splitlines())
                continue
            assert is_valid(response.json(), answer["schema"])
            if place == 0 and not stored:
                assert rounded(response.json()) == rounded(answer["example"])


def rounded(answer: Any) -> Any:
    """Floats to four digits; the version of the model is its own business."""
    match answer:
        case float():
            return round(answer, 4)
        case list():
            return [rounded(one) for one in answer]
        case dict():
            return {key: rounded(value) for key, value in answer.items() if key != "model_version"}
    return answer


def test_a_bad_body_is_bad_by_the_document_too() -> None:
    schema = OPERATIONS["recommend"][2]["requestBody"]["content"]["application/json"]["schema"]
    assert is_valid({"history": ["a", {"item_id": "b", "weight": -1}], "filter": {"not": {"exists": "x"}}}, schema)
    wrongs: list[dict[str, Any]] = [{}, {"history": [1]}, {"history": [], "n": 0}, {"history": [], "m": 1}]
    for wrong in [*wrongs, {"history": [], "filter": {}}]:
        assert not is_valid(wrong, schema)
