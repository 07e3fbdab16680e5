"""/docs: the OpenAPI document in a browser. The one page that loads anything, and its policy says exactly what."""

import hashlib
import re
from base64 import b64encode

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html

_ROOT = '<div id="swagger-ui">'
_UNTIL_IT_IS_DRAWN = (
    f"{_ROOT}<p>If this stays, the browser could not load the scripts of this page from cdn.jsdelivr.net. "
    '<a href="openapi.json">openapi.json</a> says all that it would show, to any OpenAPI viewer.</p>'
)


def install(app: FastAPI) -> None:
    """The page under /docs, with a Content-Security-Policy made of what stands in it."""
    drawn = get_swagger_ui_html(openapi_url="openapi.json", title=f"{app.title}: documentation")
    page = bytes(drawn.body).decode().replace(_ROOT, _UNTIL_IT_IS_DRAWN)
    headers = {"Content-Security-Policy": _policy(page)}

    async def documentation(_request: Request) -> Response:
        return Response(page, media_type="text/html", headers=headers)

    app.add_route("/docs", documentation, include_in_schema=False)


def _policy(page: str) -> str:
    """Scripts, styles and the icon that the page names, its own script by digest, and our own document."""
    scripts = " ".join(re.findall(r'<script src="([^"]+)"', page))
    styles = " ".join(re.findall(r'<link[^>]* rel="stylesheet" href="([^"]+)"', page))
    icons = " ".join(re.findall(r'<link rel="shortcut icon" href="([^"]+)"', page))
    inline = " ".join(
        f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    )
    return (
        f"default-src 'none'; script-src {scripts} {inline}; style-src {styles} 'unsafe-inline'; "
        f"img-src {icons} data:; connect-src 'self'; frame-ancestors 'none'"
    )
