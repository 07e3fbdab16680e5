"""The page at `/` as it is served: open to all, and nothing beside it; what it may load; how its files travel."""

import gzip
import re
from pathlib import Path

import pytest

from index.artifact import Artifact
from service import interface
from service.keys import new_key
from service.settings import Settings
from tests.service.asking import asking

pytestmark = pytest.mark.anyio
MODULE = "/ui/main.js"


@pytest.fixture
def locked(written: Artifact, tmp_path: Path) -> Settings:
    keys = tmp_path / "keys.txt"
    keys.write_text(new_key("shop", frozenset({"read"}))[1].line)
    return Settings(artifacts=written.folder.parent, keys_file=keys)


async def test_the_page_and_its_files_need_no_key(locked: Settings) -> None:
    async with asking(locked) as client:
        files = [
            path.relative_to(interface.FOLDER).as_posix() for path in interface.FOLDER.rglob("*") if path.is_file()
        ]
        files.remove("index.html")
        for path in ["/", *(f"/ui/{file}" for file in files)]:
            assert (await client.get(path)).status_code == 200
            assert (await client.head(path)).status_code == 200


async def test_what_the_page_and_its_files_name_is_there_and_nothing_else_is(locked: Settings) -> None:
    files = {path.relative_to(interface.FOLDER).as_posix() for path in interface.FOLDER.rglob("*.*")} - {"index.html"}
    async with asking(locked) as client:
        named = set(re.findall(r'(?:href|src)="ui/([^"]+)"', (await client.get("/")).text))
        for file in files:
            named |= set(re.findall(r'from "\./([^"]+)"', (await client.get(f"/ui/{file}")).text))
    assert named == files


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/ui", 401),
        ("/items?q=a", 401),
        ("/UI/main.js", 401),
        ("/ui/", 404),
        ("/ui/style", 404),
        ("/ui/index.html", 404),
        ("/ui/%2e%2e/items?q=a", 404),
        ("/ui/%2e%2e/interface.py", 404),
        ("/ui/..%2finterface.py", 404),
        ("/ui/..%5cinterface.py", 404),
        ("/ui//etc/passwd", 404),
        ("/ui/%00", 404),
        ("/ui/%2e%2e/admin/reload", 404),
    ],
)
async def test_nothing_else_is_open(locked: Settings, path: str, status: int) -> None:
    async with asking(locked) as client:
        answer = await client.get(path)
    assert answer.status_code == status


@pytest.mark.parametrize("path", ["/", MODULE, "/ui/who.js"])
async def test_the_page_is_only_read(locked: Settings, path: str) -> None:
    async with asking(locked) as client:
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
            assert answer.json()["detail"].endswith("only GET")


async def test_files_are_asked_for_again_and_sent_once(locked: Settings) -> None:
    async with asking(locked) as client:
        plain = await client.get(MODULE, headers={"accept-encoding": "identity"})
        assert plain.headers["content-type"].startswith("text/javascript")
        assert (plain.headers["cache-control"], plain.headers["x-content-type-options"]) == ("no-cache", "nosniff")
        again = await client.get(MODULE, headers={"if-none-match": plain.headers["etag"]})
        assert (again.status_code, again.content, again.headers["cache-control"]) == (304, b"", "no-cache")
        async with client.stream("GET", MODULE, headers={"accept-encoding": "gzip"}) as packed:
            assert (packed.headers["content-encoding"], packed.headers["vary"]) == ("gzip", "Accept-Encoding")
            assert gzip.decompress(b"".join([piece async for piece in packed.aiter_raw()])) == plain.content
        part = await client.get(MODULE, headers={"accept-encoding": "gzip", "range": "bytes=0-999"})
        assert (part.status_code, part.content) == (206, plain.content[:1000])


async def test_pictures_are_loaded_only_from_where_it_was_said(written: Artifact) -> None:
    settings = Settings(artifacts=written.folder.parent, image_origins="https://covers.example,https://b.example")  # type: ignore[arg-type]
    async with asking(settings) as client:
        page = await client.get("/")
    policy = dict(part.split(" ", 1) for part in page.headers["content-security-policy"].split("; "))
    assert policy["img-src"] == "'self' https://covers.example https://b.example"
    assert '<meta name="image-origins" content="https://covers.example https://b.example" />' in page.text
    for directive in ("default-src", "base-uri", "form-action", "frame-ancestors"):
        assert policy[directive] == "'none'"
    assert (policy["require-trusted-types-for"], policy["trusted-types"]) == ("'script'", "'none'")
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"


async def test_switched_off_there_is_no_page(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent, ui=False)) as client:
        assert [(await client.get(path)).status_code for path in ("/", MODULE)] == [404, 404]
        assert (await client.get("/model")).status_code == 200


async def test_metrics_know_the_page_by_its_routes(written: Artifact) -> None:
    async with asking(Settings(artifacts=written.folder.parent)) as client:
        await client.get("/")
        await client.get(MODULE)
        await client.get("/ui/secret.js")
        text = (await client.get("/metrics")).text
    for route, status in (("/", 200), ("/ui/{path}", 200), ("/ui/{path}", 404)):
        assert f'method="GET",route="{route}",status="{status}",variant="none"' in text
    assert "secret" not in text
