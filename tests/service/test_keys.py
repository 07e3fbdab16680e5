"""Keys: the file, the command that writes it, and who is let in by whom."""

import logging
import os
import re
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from index.artifact import Artifact
from service.__main__ import main
from service.keys import SCOPES, KeyRing, KeysFileError, new_key, read_keys
from service.settings import Settings
from tests.conftest import free_port
from tests.service.asking import asking
from tests.service.test_process import ROOT, failing

Console = pytest.CaptureFixture[str]
OPEN = ("/health/live", "/health/ready", "/docs", "/openapi.json")


def made(file: Path, name: str, *scopes: str) -> str:
    """A key, its line appended to the file."""
    secret, key = new_key(name, frozenset(scopes))
    with file.open("a") as stream:
        stream.write(key.line)
    return secret


def bearing(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.txt"


# ---------------------------------------------------------------- the file


def test_a_key_is_found_and_nothing_else_is(file: Path) -> None:
    secret, other = made(file, "shop", "read"), made(file, "office", "read", "admin")
    ring = KeyRing(file)
    found = ring.find(secret.encode())
    assert found is not None
    assert (found.name, found.scopes) == ("shop", frozenset({"read"}))
    assert [key and key.name for key in (ring.find(other.encode()), ring.find(b""), ring.find(b"\xff"))] == [
        "office",
        None,
        None,
    ]
    assert secret not in repr(found)
    assert found.digest.hex() not in repr(found)


@pytest.mark.parametrize(
    "line",
    [
        "shop",
        "shop read",
        "shop reed {d}",
        "shop  {d}",
        "sh/op read {d}",
        "shop read {d}0",
        "shop read {D}",
        "shop read, {d}",
        "a read {d}\nb read {d}",
        "a read {d}\na write {e}",
        "shop read {d} # why",
        "\xe4 read {d}",
    ],
)
def test_a_line_that_says_something_else_is_refused_by_its_number_and_not_repeated(file: Path, line: str) -> None:
    digest, other = "ab" * 32, "cd" * 32
    file.write_text("# keys\n\n" + line.format(d=digest, D=digest.upper(), e=other), encoding="utf-8")
    with pytest.raises(KeysFileError) as refused:
        read_keys(file)
    assert str(refused.value).startswith(f"{file}, line {3 + line.count(chr(10))}: ")
    assert digest not in str(refused.value).lower()


def test_a_changed_file_is_seen_within_a_second_and_a_broken_one_keeps_the_keys(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    first = made(file, "first", "read")
    ring = KeyRing(file, lambda: now)
    second = made(file, "second", "read")
    assert ring.find(second.encode()) is None
    now = 1.0
    assert ring.find(second.encode()) is not None
    file.write_text("nonsense with-a-secret\n")
    for _ in range(3):
        now += 1
        assert ring.find(first.encode()) is not None
    (warning,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "line 1" in warning.getMessage()
    assert "with-a-secret" not in caplog.text
    file.unlink()
    now += 1
    assert ring.find(first.encode()) is not None
    third = made(file, "third", "read")
    now += 1
    assert [ring.find(secret.encode()) is not None for secret in (first, second, third)] == [False, False, True]


def test_a_file_without_a_key_is_said_to_let_nobody_in(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_text("# nobody yet\n")
    assert KeyRing(file).find(b"") is None
    assert "holds no key" in caplog.text


# ---------------------------------------------------------------- the command


def test_add_list_and_remove_keep_what_else_the_file_says(file: Path, capsys: Console) -> None:
    assert main(["keys", "add", "shop", "--scopes", "write,read", "--file", str(file)]) == 0
    secret, told = capsys.readouterr()
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}\n", secret)
    assert "once" in told
    assert secret.strip() not in told + file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text(file.read_text() + "# the office's, till May")
    file.chmod(0o644)
    assert main(["keys", "add", "office", "--file", str(file)]) == 0
    capsys.readouterr()
    assert main(["keys", "list", "--file", str(file)]) == 0
    assert capsys.readouterr().out == "shop read,write\noffice read\n"
    assert file.stat().st_mode & 0o777 == 0o644
    assert main(["keys", "remove", "shop", "--file", str(file)]) == 0
    assert [line.split()[0] for line in file.read_text().splitlines()] == ["#", "#", "office"]
    assert "# the office's, till May\n" in file.read_text()
    assert list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize(
    "words", [["add", "shop"], ["add", "with blank"], ["add", "#"], ["remove", "nobody"], ["list", "--file", "nowhere"]]
)
def test_what_cannot_be_done_to_a_file_is_one_line_and_leaves_it_alone(
    file: Path, capsys: Console, words: list[str]
) -> None:
    made(file, "shop", "read")
    before = file.read_bytes()
    assert main(["keys", *words, *([] if "--file" in words else ["--file", str(file)])]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_many_keys_added_and_removed_at_once_are_all_there(file: Path, capsys: Console) -> None:
    made(file, "old", "read")
    begin = threading.Barrier(9)

    def change(*words: str) -> int:
        begin.wait()
        return main(["keys", *words, "--file", str(file)])

    with ThreadPoolExecutor(9) as threads:
        changes = [threads.submit(change, "add", f"shop{number}") for number in range(8)]
        changes.append(threads.submit(change, "remove", "old"))
        assert [each.result() for each in changes] == [0] * 9
    assert sorted(key.name for key in read_keys(file)) == [f"shop{number}" for number in range(8)]
    assert len(capsys.readouterr().out.split()) == 8


def test_a_byte_order_mark_is_passed_over_and_utf_16_refused_in_words(file: Path, capsys: Console) -> None:
    line = new_key("shop", frozenset({"read"}))[1].line
    file.write_text(line, encoding="utf-8-sig")
    assert [key.name for key in read_keys(file)] == ["shop"]
    assert main(["keys", "add", "office", "--file", str(file)]) == 0
    assert main(["keys", "remove", "shop", "--file", str(file)]) == 0
    assert [key.name for key in read_keys(file)] == ["office"]
    for encoding in ("utf-16", "utf-16-be"):
        file.write_text("\ufeff" * (encoding != "utf-16") + line, encoding=encoding)
        with pytest.raises(KeysFileError, match="is UTF-16: save it as UTF-8"):
            read_keys(file)
    capsys.readouterr()


# ---------------------------------------------------------------- who is let in


@pytest.mark.anyio
async def test_every_way_to_have_no_key_gets_the_same_401_whatever_the_body(written: Artifact, file: Path) -> None:
    secret = made(file, "shop", "read")
    ways: list[list[tuple[str, str]]] = [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer")],
        [("Authorization", f"Basic {secret}")],
        [("Authorization", secret)],
        [("Authorization", f"Bearer {secret}x")],
        [("Authorization", f"Bearer {secret[:-1]}")],
        [("Authorization", f"Bearer {secret}"), ("Authorization", f"Bearer {secret}")],
        [("X-API-Key", secret)],
    ]
    texts = set()
    async with asking(Settings(artifacts=written.folder.parent, keys_file=file)) as client:
        for headers in ways:
            for content in (b'{"history": ["a"]}', b"{", b" " * 2_000_000):
                response = await client.post("/recommend", headers=headers, content=content)
                assert (response.status_code, response.json()["code"]) == (401, "UNAUTHENTICATED")
                assert response.headers["WWW-Authenticate"] == "Bearer"
                texts.add(response.json()["detail"])
        assert len(texts) == 1
        assert (await client.get(f"/model?key={secret}")).status_code == 401
        for scheme in ("Bearer", "bearer", "BEARER "):
            headers = [("Authorization", f"{scheme} {secret}")]
            assert (await client.post("/recommend", headers=headers, json={"history": ["a"]})).status_code == 200


@pytest.mark.anyio
async def test_a_page_of_what_is_stored_about_a_user_asks_for_write(written: Artifact, file: Path) -> None:
    secrets = {scope: made(file, scope, "read", scope) for scope in ("read", "write")}
    async with asking(Settings(artifacts=written.folder.parent, keys_file=file)) as client:
        for scope, status in (("read", 403), ("write", 409)):
            answer = await client.post("/homepage", json={"user_id": "anna"}, headers=bearing(secrets[scope]))
            assert answer.status_code == status
        posted = await client.post("/homepage", json={"history": ["a"]}, headers=bearing(secrets["read"]))
        assert posted.status_code == 200


@pytest.mark.anyio
async def test_every_route_asks_for_the_scope_that_the_document_says(written: Artifact, file: Path) -> None:
    secrets = {scope: made(file, scope, scope) for scope in SCOPES}
    async with asking(Settings(artifacts=written.folder.parent, keys_file=file)) as client:
        for path in OPEN:
            assert (await client.get(path)).status_code == 200
        document = (await client.get("/openapi.json")).json()
        assert document["components"]["securitySchemes"]["ApiKey"]["scheme"] == "bearer"
        for path, methods in document["paths"].items():
            for method, said in methods.items():
                if path in OPEN:
                    assert "security" not in said
                    continue
                (wanted,) = (scope for entry in said["security"] for scope in entry["ApiKey"])
                assert wanted == {"users": "write", "admin": "admin", "metrics": "metrics"}.get(
                    path.split("/")[1], "read"
                )
                assert {"401", "403"} <= set(said["responses"])
                assert ("429" in said["responses"]) == (path != "/metrics")
                url = re.sub(r"\{\w+\}", "s1", path)
                assert (await client.request(method, url)).status_code == 401
                for scope, secret in secrets.items():
                    answer = await client.request(method, url, headers=bearing(secret))
                    assert (answer.status_code == 403) == (scope != wanted), (method, path, scope, answer.text)
                    if scope != wanted:
                        assert answer.json()["code"] == "FORBIDDEN"
                        assert repr(wanted) in answer.json()["detail"]


# ---------------------------------------------------------------- the process

AT_DEBUG = """
import logging, sys
logging.basicConfig(stream=sys.stderr, level=logging.DEBUG)
from service.__main__ import main
"""


def test_a_real_process_sees_keys_come_and_go_and_tells_nobody_of_them(written: Artifact, file: Path) -> None:
    first, port = made(file, "first", "read"), free_port()
    arguments = ["--artifacts", str(written.folder.parent), "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-c", f"{AT_DEBUG}main({arguments!r})"],
        cwd=ROOT,
        env=os.environ | {"SPARSESHELF_KEYS_FILE": str(file), "SPARSESHELF_NO_AUTH": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    secrets, answers = [first], ""
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:

            def status(secret: str, path: str = "/model") -> int:
                nonlocal answers
                response = client.get(path, headers=bearing(secret))
                answers += response.text + str(response.headers)
                return response.status_code

            def becomes(secret: str, expected: int) -> bool:
                deadline = time.monotonic() + 10
                while time.monotonic() < deadline:
                    if status(secret) == expected:
                        return True
                    time.sleep(0.1)
                return False

            for _ in range(600):
                try:
                    if client.get("/health/ready").status_code == 200:
                        break
                except httpx.TransportError:
                    time.sleep(0.05)
            assert status("unknown") == 401
            assert status(first) == 200
            secrets.append(made(file, "second", "write"))
            assert becomes(secrets[1], 403)
            assert main(["keys", "remove", "first", "--file", str(file)]) == 0
            assert becomes(first, 401)
            file.write_text(f"second write {secrets[1]}\n")  # a key where its digest belongs
            time.sleep(1.2)
            assert status(secrets[1]) == 403
            assert client.post("/recommend", headers=bearing(secrets[1]), content=b"{").status_code in (400, 403)
    finally:
        process.terminate()
        printed, errors = process.communicate(timeout=30)
    assert '-H "authorization: Bearer $KEY"' in printed
    assert "line 1" in errors
    assert not [secret for secret in secrets if secret in printed + errors + answers]


def test_without_keys_it_does_not_start_unless_only_this_machine_can_ask(written: Artifact) -> None:
    arguments = ["--artifacts", str(written.folder.parent), "--port", "0"]
    for more, environment in (
        ([], {}),
        (["--host", "0.0.0.0"], {"SPARSESHELF_NO_AUTH": "true"}),
        (["--no-auth"], {"SPARSESHELF_PUBLISHED_ON": "0.0.0.0"}),
        (["--host", "0.0.0.0"], {}),
    ):
        code, errors = failing(*arguments, *more, **environment)
        assert code == 3
        assert errors.count("\n") == 1
        assert "python -m service keys add" in errors
        assert ("or pass --no-auth" in errors) == (more == [])  # only where it would help


def test_a_malformed_file_is_its_line_and_exit_3(written: Artifact, file: Path) -> None:
    file.write_text("# mine\nshop read hunter2\n")
    arguments = ["--artifacts", str(written.folder.parent), "--port", "0", "--no-auth"]
    code, errors = failing(*arguments, SPARSESHELF_KEYS_FILE=str(file))
    assert code == 3
    assert errors.count("\n") == 1
    assert f"{file}, line 2" in errors
    assert "hunter2" not in errors
