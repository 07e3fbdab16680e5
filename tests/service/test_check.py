"""python -m service check: what it finds, in which words, and what it never prints."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from index.artifact import Artifact
from service.__main__ import main
from tests.conftest import RedisServer
from tests.service.test_process import ROOT, failing

Console = pytest.CaptureFixture[str]
SECRET = "s3same-0pen"


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("SPARSESHELF_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def check(written: Artifact, monkeypatch: pytest.MonkeyPatch, capsys: Console) -> Callable[..., tuple[int, str]]:
    def checked(*words: str, **environment: str) -> tuple[int, str]:
        for name, value in environment.items():
            monkeypatch.setenv(f"SPARSESHELF_{name}", value)
        code = main(["check", "--artifacts", str(written.folder.parent), "--no-auth", *words])
        printed = capsys.readouterr()
        assert printed.err == ""
        return code, printed.out

    return checked


Check = Callable[..., tuple[int, str]]


def about(text: str, subject: str) -> list[str]:
    return [line for line in text.splitlines() if line.split()[1] == subject]


def test_a_sound_service_is_a_line_each_with_what_a_start_will_take(check: Check) -> None:
    code, text = check("--port", "0")
    assert code == 0
    assert [line.split()[:2] for line in text.splitlines()] == [
        ["ok", subject] for subject in ("configuration", "port", "redis", "kernels", "artifact")
    ]
    assert "6 items" in text
    assert "MiB" in about(text, "artifact")[0]
    assert " s" in about(text, "kernels")[0]


def test_it_goes_on_after_an_error_and_reports_all(check: Check, written: Artifact, tmp_path: Path) -> None:
    (written.folder / "popularity.npy").write_bytes(b"")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, text = check(
            "--port",
            str(taken.getsockname()[1]),
            "--json",
            CACHE_TTL_SECONDS="soon",
            HISTORIES="true",
            KEYS_FILE=str(tmp_path / "nowhere"),
            REDIS_ULR="redis://h",
            BURST="3",
            SHARED_RATE="true",
        )
    told = json.loads(text)
    assert told["exit_code"] == code == 3
    found = [(each["level"], each["about"], each["says"]) for each in told["findings"]]
    for level, subject, words in (
        ("error", "configuration", "SPARSESHELF_CACHE_TTL_SECONDS: "),
        ("error", "configuration", "histories lie in Redis"),
        (
            "warning",
            "configuration",
            "SPARSESHELF_REDIS_ULR is no setting and has no effect; did you mean SPARSESHELF_REDIS_URL?",
        ),
        ("warning", "configuration", "SPARSESHELF_BURST has no effect without SPARSESHELF_RATE_PER_SECOND"),
        ("warning", "configuration", "SPARSESHELF_SHARED_RATE has no effect without SPARSESHELF_RATE_PER_SECOND"),
        ("error", "port", "choose another --port"),
        ("error", "keys", "nowhere cannot be read"),
        ("error", "artifact", "popularity.npy"),
    ):
        assert [each for each in found if each[:2] == (level, subject) and words in each[2]], (words, found)


def test_a_bad_artifact_alone_is_exit_5_and_a_start_without_keys_exit_3(check: Check, written: Artifact) -> None:
    (written.folder.parent / "CURRENT").unlink()
    assert check()[0] == 5
    code, text = check("--host", "0.0.0.0")
    assert code == 3
    assert "python -m service keys add" in text


def test_a_host_that_is_not_here_is_not_mended_by_another_port(check: Check) -> None:
    assert "choose another --host" in check("--host", "192.0.2.1", "--port", "0")[1]


def test_a_name_that_is_like_none_gets_no_suggestion(check: Check) -> None:
    assert "SPARSESHELF_FOO is no setting and has no effect; docs/operating.md lists them" in check(FOO="1")[1]
    assert "did you mean SPARSESHELF_WORKERS?" in check(WORKER="1")[1]


def test_the_number_of_workers_is_looked_at_as_a_start_does(check: Check) -> None:
    code, text = check("--workers", "0")
    assert (code, "SPARSESHELF_WORKERS: " in text) == (3, True)


def test_tracing_that_a_start_would_refuse_is_an_error(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert check(TRACING="true")[0] == 0
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "jaeger")
    code, text = check(TRACING="true")
    assert (code, about(text, "configuration")) == (
        3,
        ["error    configuration  SPARSESHELF_TRACING: OTEL_TRACES_EXPORTER may be none or otlp here"],
    )


def test_a_challenger_is_opened_as_well(check: Check, written: Artifact) -> None:
    code, text = check(CHALLENGER=written.version)
    assert (code, f"SPARSESHELF_CHALLENGER: {written.version}: 6 items" in text) == (0, True)
    code, text = check(CHALLENGER="not-there")
    assert (code, "SPARSESHELF_CHALLENGER: " in text) == (5, True)
    assert "SPARSESHELF_CHALLENGER_SHARE has no effect" in check(CHALLENGER="", CHALLENGER_SHARE="0.1")[1]


def test_keys_are_counted_and_a_file_that_anyone_may_write_to_is_warned_of(check: Check, tmp_path: Path) -> None:
    file = tmp_path / "keys.txt"
    file.write_text(f"\ufeffshop read {'ab' * 32}\noffice read,admin {'cd' * 32}\n")
    file.chmod(0o644)
    assert "2 read, 0 write, 1 admin" in about(check(KEYS_FILE=str(file))[1], "keys")[0]
    file.chmod(0o666)
    assert about(check()[1], "keys")[0].startswith("warning")
    file.write_text("")
    assert "holds no key" in about(check()[1], "keys")[0]


def test_kernels_that_no_folder_keeps_are_a_warning_with_the_seconds_they_take(
    written: Artifact, tmp_path: Path
) -> None:
    """A real process, in whose folder for kernels nothing can be written."""
    cache = tmp_path / "cache"
    cache.write_text("a file where a folder belongs")
    program = (
        "import sys\nfor name in ('torch', 'scipy', 'polars', 'trainer'): sys.modules[name] = None\n"
        "import index.compiled as c; c._Places._locator_classes = (c._GivenFolder,)\n"
        "from service.__main__ import main; sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "check", "--artifacts", str(written.folder.parent), "--no-auth"],
        cwd=ROOT,
        env=os.environ | {"NUMBA_CACHE_DIR": str(cache)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (line,) = about(done.stdout, "kernels")
    assert line.startswith("warning")
    assert "had to be compiled, in " in line
    assert "python -m index.warm" in line


# ---------------------------------------------------------------- Redis


@contextlib.contextmanager
def server(answer: bytes | None) -> Iterator[int]:
    """Takes connections, and sends each this; None: says nothing and hangs."""
    held = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    held.append(connection)
                    if answer is not None:
                        connection.recv(65536)
                        connection.sendall(answer)
                        connection.close()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield int(listening.getsockname()[1])
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            for connection in held:
                connection.close()


@contextlib.contextmanager
def firewalled() -> Iterator[int]:
    """A port whose connections never come about: nobody takes those that wait."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        port = int(listening.getsockname()[1])
        with contextlib.ExitStack() as stack:
            for _ in range(4):
                waiting = stack.enter_context(socket.socket())
                waiting.setblocking(False)
                waiting.connect_ex(("127.0.0.1", port))
            yield port


@contextlib.contextmanager
def nothing() -> Iterator[int]:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])


HTTP = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (lambda: server(None), "takes connections and says nothing"),
        (lambda: server(HTTP), "is no Redis"),
        (lambda: server(b""), "closes the connection"),
        (firewalled, "a firewall, or a machine that is down"),
        (nothing, "nothing listens on 127.0.0.1:"),
    ],
    ids=["hanging", "http", "closing", "firewalled", "absent"],
)
def test_each_way_to_be_no_redis_has_words_of_its_own_within_seconds(
    check: Check,
    monkeypatch: pytest.MonkeyPatch,
    place: Callable[[], contextlib.AbstractContextManager[int]],
    words: str,
) -> None:
    monkeypatch.setattr("service.check.REDIS_SECONDS", 0.5)
    with place() as port:
        began = time.monotonic()
        code, text = check(REDIS_URL=f"redis://:{SECRET}@127.0.0.1:{port}/0")
        assert time.monotonic() - began < 8
    assert code == 3
    (line,) = about(text, "redis")
    assert line.startswith("error")
    assert words in line
    assert SECRET not in text


def test_a_password_is_asked_for_refused_and_accepted_and_never_printed(
    check: Check, redis_server: RedisServer, tmp_path: Path
) -> None:
    with Redis.from_url(redis_server.url) as redis:
        redis.config_set("requirepass", SECRET)
    assert "asks for a password" in about(check(REDIS_URL=redis_server.url)[1], "redis")[0]
    code, text = check(REDIS_PASSWORD=f"not-{SECRET}")
    assert (code, "does not accept the password" in text, SECRET in text) == (3, True, False)
    (tmp_path / "password").write_text(f"{SECRET}\n")
    code, text = check(REDIS_PASSWORD="", REDIS_PASSWORD_FILE=str(tmp_path / "password"))
    assert (code, SECRET in text) == (0, False)


def test_a_redis_that_would_lose_what_is_kept_is_warned_of(check: Check, redis_server: RedisServer) -> None:
    with Redis.from_url(redis_server.url) as redis:
        code, text = check(REDIS_URL=redis_server.url, HISTORIES="true")
        assert code == 0
        assert "has no maxmemory" in text
        assert "writes nothing to disk" in text
        redis.config_set("maxmemory", "100mb")
        redis.config_set("save", "60 1")
        for policy, lost in (
            ("allkeys-lru", "histories and the deny list"),
            ("volatile-lru", "histories before pages"),
        ):
            redis.config_set("maxmemory-policy", policy)
            assert f"may forget {lost}" in check()[1]
        redis.config_set("maxmemory-policy", "volatile-ttl")
        (line,) = about(check()[1], "redis")
        assert line.startswith("ok")
        assert "100 MiB, volatile-ttl" in line
        assert "no database of this number" in check(REDIS_URL=f"redis://127.0.0.1:{redis_server.port}/99")[1]
        redis.replicaof("127.0.0.1", 1)
        code, text = check(REDIS_URL=redis_server.url)
        assert (code, "is a replica" in text) == (3, True)


def test_a_start_warns_of_misspelt_and_idle_settings_as_well(written: Artifact) -> None:
    arguments = ["--artifacts", str(written.folder.parent), "--port", "0"]
    code, errors = failing(*arguments, SPARSESHELF_KEYS_FIEL="keys.txt", SPARSESHELF_BURST="3")
    assert code == 3
    assert "SPARSESHELF_KEYS_FIEL is no setting and has no effect; did you mean SPARSESHELF_KEYS_FILE?" in errors
    assert "SPARSESHELF_BURST has no effect without SPARSESHELF_RATE_PER_SECOND" in errors


def test_what_kubernetes_sets_for_a_service_of_our_name_is_no_misspelt_setting(check: Check) -> None:
    told = {
        "SERVICE_HOST": "10.0.0.1",
        "SERVICE_PORT": "80",
        "PORT": "tcp://10.0.0.1:80",
        "PORT_80_TCP_ADDR": "10.0.0.1",
    }
    assert about(check(**told)[1], "configuration")[0].startswith("warning")
    os.environ["KUBERNETES_SERVICE_HOST"] = "10.0.0.2"
    try:
        assert about(check()[1], "configuration")[0].startswith("ok")
    finally:
        del os.environ["KUBERNETES_SERVICE_HOST"]
