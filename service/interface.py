"""The page at `/`: files of service/web, which ask the API like anybody else, and a policy that lets in only them."""

import os
from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from service.operations import INTERFACE_FILES

FOLDER = Path(__file__).parent / "web"
PAGE = "index.html"
_ORIGINS = '<meta name="image-origins" content="" />'
_KEPT = {"Cache-Control": "no-cache"}
"""Asked for again each time, though not sent again: modules of two releases never meet."""
_ICON = {"Cache-Control": "max-age=86400"}
"""Browsers ask for it whenever the address changes, which is with every pick."""
_LEAST_BYTES = 500


class _Page(Route):
    """Known to metrics by its path, as a route of the API is."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return match, {**child, "route": self}


class _Folder(Mount):
    """The same."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return match, {**child, "route": self}


class _Files(StaticFiles):
    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        return ("", None) if path == PAGE else super().lookup_path(path)  # it is served under `/`, with its policy

    def file_response(self, *given: object, **named: object) -> Response:
        answer = super().file_response(*given, **named)  # type: ignore[arg-type]
        answer.headers.update(_ICON if str(given[0]).endswith("icon.svg") else _KEPT)
        return answer


def install(app: FastAPI, image_origins: Sequence[str]) -> None:
    """The page under `/` and its files under INTERFACE_FILES. Pictures are loaded from `image_origins` only."""
    origins = " ".join(image_origins)
    page = (FOLDER / PAGE).read_text("utf-8").replace(_ORIGINS, _ORIGINS.replace('""', f'"{origins}"'))
    headers = {"Content-Security-Policy": _policy(origins), "Referrer-Policy": "no-referrer", **_KEPT}

    async def interface(_request: Request) -> Response:
        return HTMLResponse(page, headers=headers)

    files = GZipMiddleware(_Files(directory=FOLDER), minimum_size=_LEAST_BYTES)
    app.router.routes += [_Page("/", interface, include_in_schema=False), _Folder(INTERFACE_FILES, files)]


def _policy(image_origins: str) -> str:
    pictures = f"'self' {image_origins}".strip()
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        f"img-src {pictures}; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    )
