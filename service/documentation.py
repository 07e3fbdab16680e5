"""/docs: the OpenAPI document in a browser. The one page that loads anything, and its policy says exactly what."""

import hashlib
import re
from base64 import b64encode

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html


def install(app: FastAPI) -> None:
    """The page under /docs, with a Content-Security-Policy made of what stands in it."""
    page = get_swagger_ui_html(openapi_url="openapi.json", title=f"{app.title}: documentation")
    headers = {"Content-Security-Policy": _policy(bytes(page.body).decode())}

    async def documentation(_request: Request) -> Response:
        return Response(page.body, media_type="text/html", headers=headers)

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
