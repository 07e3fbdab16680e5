"""python -m service.openapi > docs/openapi.json: the contract as an OpenAPI document. Needs no artifact."""

import json
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from http import HTTPStatus
from inspect import cleandoc
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service import __version__
from service.answers import Problem
from service.example_answers import ANSWERS
from service.examples import REQUESTS
from service.operations import ALWAYS_ANSWERED, OPEN, scope_of
from service.problems import DOORS, EXAMPLES, LOCK, Refusal, problem_of
from service.routes import PARTS, ROUTES
from service.split import KEY_HEADER

Document = dict[str, Any]
_EVERYWHERE = ("500 INTERNAL_ERROR",)  # what surrounds every route (service/ring.py)
_DESCRIPTION = cleandoc(
    """
    A history is posted with every request; nothing is kept about people unless histories are switched on. Ids are
    strings. Whatever is not answered is a problem (RFC 9457) with a stable `code`.
    """
)
_HEADERS = {
    "X-Request-ID": "Names the request, in the log too: its own one where that is 1 to 128 of A-Z a-z 0-9 . _ -",
    "X-Model-Version": "The version of the model that answers",
    "X-Cache": "Whether the page was cached: `hit`, `stale`, `miss`, or `bypass` where the cache was out of reach",
    "X-Variant": "Which of two versions side by side answers, `a` or `b`; only where there is a split",
    "Retry-After": "Seconds after which to try again",
}
_ON_EVERY_ANSWER = ("X-Request-ID", "X-Model-Version")
_SPLIT = frozenset(
    {"recommend", "recommend_batch", "rank_segments", "recommend_in_segment", "homepage", "read_items", "read_profile"}
)
_HEADERS_OF = {"homepage": ("X-Cache", "X-Variant")} | dict.fromkeys(_SPLIT - {"homepage"}, ("X-Variant",))
_SPLIT_KEY = {
    "name": KEY_HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "What stays the same for one visitor: decides which of two versions side by side answers. Nothing "
    "of it is kept. Without it, and without a user_id, the current version answers, as neither variant.",
}
_RETRIED = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)

_KEYS = {
    "ApiKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "A key that `python -m service keys add` made. The scope of an operation stands beside it.",
    }
}
_VALUE = {"type": ["string", "number"]}


def _of_attribute(content: Document) -> Document:
    return {"type": "object", "minProperties": 1, "maxProperties": 1, "additionalProperties": content}


_BOUNDS = {
    "type": "object",
    "properties": {"from": {"type": "number"}, "to": {"type": "number"}},
    "minProperties": 1,
    "additionalProperties": False,
}
_TERMS = {"type": "array", "items": {"$ref": "#/components/schemas/Filter"}}
FILTER = {
    "title": "Filter",
    "description": "What must be true of an item's attributes: one of these. At most 100 terms, 16 deep.",
    "type": "object",
    "properties": {
        "eq": _of_attribute(_VALUE),
        "in": _of_attribute({"type": "array", "items": _VALUE}),
        "range": _of_attribute(_BOUNDS),
        "exists": {"type": "string"},
        "not": {"$ref": "#/components/schemas/Filter"},
        "and": _TERMS,
        "or": _TERMS,
    },
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": False,
}


def described_app(lifespan: "Callable[[FastAPI], AbstractAsyncContextManager[None]] | None" = None) -> FastAPI:
    """An app with every route and nothing that answers them yet."""
    app = FastAPI(
        title="sparseshelf",
        summary="Recommendations, learned segments and homepages for a posted history.",
        description=_DESCRIPTION,
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},  # service/spans.py
    )
    app.router.routes.extend(ROUTES)  # a router that is included is a level more to match for each request
    app.openapi = partial(document, app)  # type: ignore[method-assign]  # the way that FastAPI documents
    return app


def document(app: FastAPI) -> Document:
    """What FastAPI knows of the routes, with every error, header and example."""
    if app.openapi_schema is None:
        found = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            tags=[{"name": tag, "description": (part.__doc__ or "").strip()} for tag, part in PARTS.items()],
        )
        found["components"]["headers"] = {
            name: {"description": words, "schema": {"type": "integer" if name == "Retry-After" else "string"}}
            for name, words in _HEADERS.items()
        }
        _refine(found["components"]["schemas"])
        found["components"]["securitySchemes"] = _KEYS
        for path, operations in found["paths"].items():
            for operation in operations.values():
                if path not in OPEN:
                    operation["security"] = [{"ApiKey": [scope_of(path)]}]
                _describe(operation, LOCK if path in ALWAYS_ANSWERED else DOORS)
        app.openapi_schema = found
    return app.openapi_schema


def _describe(operation: Document, doors: Sequence[str]) -> None:
    """`doors` are what it may be refused with before its route is asked, where it needs a key."""
    name = operation["operationId"]
    examples = REQUESTS.get(name, {})
    operation["summary"] = operation["description"].split(". ")[0].split("\n\n")[0].replace("\n", " ").rstrip(".")
    for parameter in operation.get("parameters", []):
        if parameter["name"] in examples:
            parameter["example"] = examples[parameter["name"]]
    if name in _SPLIT:
        operation.setdefault("parameters", []).append(_SPLIT_KEY)
    if "requestBody" in operation:
        bodies = {words: {"value": body} for words, body in examples.items() if isinstance(body, dict)}
        operation["requestBody"]["content"]["application/json"]["examples"] = bodies
    responses = operation["responses"]
    answer = responses["204" if "204" in responses else "200"]
    answer |= {"description": "The answer", "headers": _headers(*_HEADERS_OF.get(name, ()))}
    if "content" in answer:
        (content,) = answer["content"].values()
        content["example"] = ANSWERS[name]
    refused = [problem for response in responses.values() for problem in response.get("x-problems", [])]
    at_the_door = doors if "security" in operation else ()
    for status, names in _by_status([*refused, *at_the_door, *_EVERYWHERE]).items():
        responses[status] = _refusal([EXAMPLES[problem] for problem in names])
    for response in responses.values():
        response.setdefault("headers", _headers())


def _refusal(examples: Sequence[Refusal]) -> Document:
    """Of one status: its codes, each with an example."""
    values = {example.code: {"value": _as_json(problem_of(example, "5f0c2e9a7b1d4c38"))} for example in examples}
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": values}
    headers = _headers("Retry-After") if examples[0].status in _RETRIED else _headers()
    return {
        "description": " or ".join(values),
        "headers": headers,
        "content": {"application/problem+json": content},
    }


def _by_status(names: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        found.setdefault(str(EXAMPLES[name].status), []).append(name)
    return found


def _headers(*names: str) -> Document:
    return {name: {"$ref": f"#/components/headers/{name}"} for name in (*_ON_EVERY_ANSWER, *names)}


def _as_json(problem: Problem) -> Document:
    return problem.model_dump(exclude_none=True)


def _refine(schemas: Document) -> None:
    """What pydantic's types do not say."""
    schemas["Filter"] = FILTER
    for schema in schemas.values():
        if "filter" in schema.get("properties", {}):
            schema["properties"]["filter"] |= {"anyOf": [{"$ref": "#/components/schemas/Filter"}, {"type": "null"}]}
            schema["properties"]["filter"].pop("type")
    anything = {"description": "anything else is answered with its problem"}
    element = {"anyOf": [{"$ref": "#/components/schemas/RecommendRequest"}, anything]}
    schemas["BatchRequest"]["properties"]["requests"]["items"] = element


def main() -> None:
    """Writes the document to stdout."""
    print(json.dumps(document(described_app()), indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
