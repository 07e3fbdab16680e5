"""Downloads from a real server that breaks off, lies and stalls; by processes that are killed or meet each other."""

import hashlib
import io
import json
import os
import pty
import signal
import subprocess
import sys
import termios
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import free_port
from tests.trainer.site import Answer, Site, serving
from trainer.datasets import download
from trainer.datasets.archive import wrong_digest
from trainer.datasets.download import FetchError, fetch
from trainer.errors import DataError

ROOT = Path(__file__).parent.parent.parent


def archive(seed: int, size: int = 300_000) -> bytes:
    """A zip whose bytes do not compress."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        opened.writestr("noise", np.random.default_rng(seed).bytes(size))
    return file.getvalue()


CONTENT, OTHER = archive(1), archive(2)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.001)
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as found:
        found.content = CONTENT
        yield found


def complaint(path: Path) -> str | None:
    return wrong_digest(path, SHA256)


def fetched(site: Site, folder: Path) -> list[str]:
    """What was said on the way to the complete file."""
    said: list[str] = []
    fetch(site.url, folder / "file.zip", complaint, said.append)
    assert (folder / "file.zip").read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == ["file.zip"]
    return said


def refused(site: Site, folder: Path, kind: type[DataError] = FetchError) -> str:
    with pytest.raises(DataError) as refusal:
        fetch(site.url, folder / "file.zip", complaint, lambda _: None)
    assert type(refusal.value) is kind
    assert not (folder / "file.zip").exists()
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def part(folder: Path) -> bytes:
    return (folder / "file.zip.part").read_bytes()


def leave(site: Site, folder: Path, size: int) -> None:
    """`size` bytes of an earlier run that was killed."""
    (folder / "file.zip.part").write_bytes(site.content[:size])
    origin = {"url": site.url, "etag": site.etag, "modified": None, "total": len(site.content)}
    (folder / "file.zip.part.json").write_text(json.dumps(origin))


def test_a_file_comes_in_one_piece(site: Site, tmp_path: Path) -> None:
    said = fetched(site, tmp_path)
    assert said[0] == f"downloading {site.url}"
    assert site.ranges == [None]
    assert site.asked[0]["Accept-Encoding"] == "identity"


def test_a_redirect_is_followed(site: Site, tmp_path: Path) -> None:
    site.script = [Answer(location=site.url + "?elsewhere", body=b"moved")]
    fetched(site, tmp_path)


def test_a_redirect_leads_to_the_rest_of_a_file_too(site: Site, tmp_path: Path) -> None:
    leave(site, tmp_path, 200_000)
    site.script = [Answer(location=site.url + "?elsewhere", body=b"moved")]
    fetched(site, tmp_path)
    assert site.ranges == ["bytes=200000-", "bytes=200000-"]


def test_an_odd_origin_does_no_harm(site: Site, tmp_path: Path) -> None:
    leave(site, tmp_path, 200_000)
    (tmp_path / "file.zip.part.json").write_text(json.dumps({"url": site.url, "etag": 7, "modified": [], "total": "x"}))
    fetched(site, tmp_path)


def test_a_dropped_connection_goes_on_where_it_broke_off(site: Site, tmp_path: Path) -> None:
    site.script = [Answer(sent=100_000), Answer(sent=50_000)]
    said = fetched(site, tmp_path)
    assert site.ranges == [None, "bytes=100000-", "bytes=150000-"]
    assert [headers.get("If-Range") for headers in site.asked] == [None, '"one"', '"one"']
    assert site.sent == len(CONTENT)
    assert any("0.1 of 0.3 MB (33 %) have come and are kept" in line for line in said)


def test_a_server_that_falls_silent_is_asked_again(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "READ_SECONDS", 0.5)
    site.script = [Answer(sent=100_000, stall_seconds=5)]
    said = fetched(site, tmp_path)
    assert site.ranges == [None, "bytes=100000-"]
    assert any("ReadTimeout" in line for line in said)


def test_a_slow_server_is_waited_for(site: Site, tmp_path: Path) -> None:
    site.script = [Answer(drip=(50_000, 0.05))]
    fetched(site, tmp_path)
    assert site.ranges == [None]


@settings(max_examples=12, deadline=None)
@given(breaks=st.lists(st.integers(0, len(CONTENT) // 4), max_size=4), head=st.integers(2, 3))
def test_no_byte_is_sent_twice_wherever_it_breaks_off(
    breaks: list[int], head: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with serving() as site:
        site.content = CONTENT
        site.script = [Answer(sent=head), *(Answer(sent=size) for size in breaks)][:4]
        fetched(site, tmp_path_factory.mktemp("data"))
        assert site.sent == len(CONTENT)


def test_the_next_run_asks_only_for_the_rest(site: Site, tmp_path: Path) -> None:
    leave(site, tmp_path, 200_000)
    said = fetched(site, tmp_path)
    assert site.ranges == ["bytes=200000-"]
    assert "from 0.2 MB on" in said[0]


def test_what_had_come_complete_is_only_verified(site: Site, tmp_path: Path) -> None:
    leave(site, tmp_path, len(CONTENT))
    fetched(site, tmp_path)
    assert not site.asked


def test_a_file_that_changed_between_attempts_is_fetched_anew(site: Site, tmp_path: Path) -> None:
    leave(site, tmp_path, 200_000)
    (tmp_path / "file.zip.part").write_bytes(OTHER[:200_000])
    site.etag = '"two"'
    fetched(site, tmp_path)
    assert site.ranges == ["bytes=200000-"]
    assert site.sent == len(CONTENT)


def test_a_changed_file_whose_server_does_not_know_if_range_is_noticed_by_its_etag(site: Site, tmp_path: Path) -> None:
    leave(site, tmp_path, 200_000)
    piece = {"ETag": '"two"', "Content-Range": f"bytes 200000-{len(CONTENT) - 1}/{len(CONTENT)}"}
    site.script = [Answer(headers=piece, body=OTHER[200_000 : len(CONTENT)], status=206)]
    said = fetched(site, tmp_path)
    assert site.ranges == ["bytes=200000-", None]
    assert any("sent another piece than was asked for" in line for line in said)


def test_a_file_that_changed_unnoticed_is_fetched_once_more_from_the_start(site: Site, tmp_path: Path) -> None:
    site.etag = None
    leave(site, tmp_path, 200_000)
    (tmp_path / "file.zip.part").write_bytes(OTHER[:200_000])
    said = fetched(site, tmp_path)
    assert site.ranges == ["bytes=200000-", None]
    assert any("several pieces, so once more from the start" in line for line in said)


def test_a_weak_etag_is_not_relied_on(site: Site, tmp_path: Path) -> None:
    site.etag = 'W/"one"'
    site.script = [Answer(sent=100_000, headers={"Last-Modified": "Mon, 01 Jan 2018 00:00:00 GMT"})]
    fetched(site, tmp_path)
    assert site.asked[1]["If-Range"] == "Mon, 01 Jan 2018 00:00:00 GMT"


def test_a_server_without_ranges_sends_it_all_again(site: Site, tmp_path: Path) -> None:
    leave(site, tmp_path, 200_000)
    site.script = [Answer(ignores_range=True)]
    fetched(site, tmp_path)
    assert site.sent == len(CONTENT)


@pytest.mark.parametrize("shift", [-1000, 1000])
def test_a_piece_that_was_not_asked_for_is_not_taken(site: Site, tmp_path: Path, shift: int) -> None:
    leave(site, tmp_path, 200_000)
    site.script = [Answer(range_shift=shift)]
    said = fetched(site, tmp_path)
    assert site.ranges == ["bytes=200000-", None]
    assert any("sent another piece than was asked for" in line for line in said)


@pytest.mark.parametrize("said_range", ["bytes 200000-200009/10", "bytes 200000-200009/*", "words", ""])
def test_a_content_range_that_lies_means_from_the_start(site: Site, tmp_path: Path, said_range: str) -> None:
    leave(site, tmp_path, 200_000)
    site.script = [Answer(status=206, body=b"0123456789", headers={"Content-Range": said_range})]
    fetched(site, tmp_path)
    assert site.ranges == ["bytes=200000-", None]


def test_a_piece_that_nobody_asked_for_is_asked_for_again(site: Site, tmp_path: Path) -> None:
    site.script = [Answer(status=206, body=CONTENT[:10], headers={"Content-Range": "bytes 0-9/10"})]
    fetched(site, tmp_path)
    assert site.ranges == [None, None]


def test_a_range_that_does_not_exist_any_more_means_from_the_start(site: Site, tmp_path: Path) -> None:
    leave(site, tmp_path, 200_000)
    site.script = [Answer(status=416)]
    fetched(site, tmp_path)
    assert site.ranges == ["bytes=200000-", None]


def test_a_promise_of_more_than_there_is_does_no_harm(site: Site, tmp_path: Path) -> None:
    site.script = [Answer(promised_more=1000)]
    fetched(site, tmp_path)
    assert site.ranges == [None, f"bytes={len(CONTENT)}-"]


def test_a_server_that_always_promises_too_much_is_given_up(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "PROGRESS_BYTES", 1000)
    site.script = [Answer(promised_more=1000, ignores_range=True)] * 50
    message = refused(site, tmp_path)
    assert "did not come to its end" in message
    assert len(site.asked) == download.RETRIES + 1
    assert part(tmp_path) == CONTENT


def test_a_promise_of_less_than_there_is_gives_a_wrong_digest(site: Site, tmp_path: Path) -> None:
    site.script = [Answer(promised_more=-1000)] * 50
    assert "not the published" in refused(site, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_length_that_is_not_said_is_no_obstacle(site: Site, tmp_path: Path) -> None:
    site.script = [Answer(without_length=True)]
    fetched(site, tmp_path)


def test_a_server_that_never_comes_to_the_end_is_given_up_and_the_part_is_kept(site: Site, tmp_path: Path) -> None:
    site.script = [Answer(sent=1000)] * 50
    message = refused(site, tmp_path)
    assert f"{download.RETRIES + 1} times in a row" in message
    assert "have come and are kept" in message
    assert len(site.asked) == download.RETRIES + 1
    assert part(tmp_path) == CONTENT[: 1000 * (download.RETRIES + 1)]
    site.script = []
    fetched(site, tmp_path)


def test_progress_between_failures_counts(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "PROGRESS_BYTES", 10_000)
    site.script = [Answer(sent=12_000)] * 15
    fetched(site, tmp_path)
    assert len(site.asked) == 16


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_in_trouble_is_asked_again(site: Site, tmp_path: Path, status: int) -> None:
    leave(site, tmp_path, 100_000)
    site.script = [Answer(status=status, body=b"<html>later</html>")] * 2
    assert any(f"127.0.0.1 answered {status}" in line for line in fetched(site, tmp_path))
    assert site.ranges[-1] == "bytes=100000-"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_server_that_does_not_have_the_file_is_named(site: Site, tmp_path: Path, status: int) -> None:
    site.script = [Answer(status=status, body=b"<html>no</html>")]
    assert f"127.0.0.1 answered {status}" in refused(site, tmp_path)
    assert len(site.asked) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/zip"])
def test_a_login_page_overwrites_nothing_that_has_come(site: Site, tmp_path: Path, kind: str) -> None:
    leave(site, tmp_path, 200_000)
    page = b"\n<!DOCTYPE html><html>Please log in to this network</html>"
    site.script = [Answer(body=page, headers={"Content-Type": kind})]
    assert "127.0.0.1 sent a web page (does this network want a login?)" in refused(site, tmp_path)
    assert part(tmp_path) == CONTENT[:200_000]
    fetched(site, tmp_path)
    assert site.ranges[-1] == "bytes=200000-"


@pytest.mark.parametrize("body", [b"", b"P", b"GIF89a"])
def test_what_does_not_begin_as_an_archive_is_none(site: Site, tmp_path: Path, body: bytes) -> None:
    site.script = [Answer(body=body)]
    assert "something that is no zip archive" in refused(site, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_archive_with_a_wrong_digest_never_gets_its_name(site: Site, tmp_path: Path) -> None:
    site.content = OTHER
    message = refused(site, tmp_path)
    assert f"not the published {SHA256[:12]}" in message
    assert site.url in message
    assert list(tmp_path.iterdir()) == []
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    "origin", ["", "{", "[]", '{"url": 1}', '{"url": "x", "etag": null, "modified": null, "total": 9}']
)
def test_bytes_of_unknown_origin_are_not_taken_up(site: Site, tmp_path: Path, origin: str) -> None:
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:1000])
    (tmp_path / "file.zip.part.json").write_text(origin)
    fetched(site, tmp_path)
    assert site.ranges == [None]


def test_a_host_that_cannot_be_reached_is_named_at_once(site: Site, tmp_path: Path) -> None:
    site.url = f"http://127.0.0.1:{free_port()}/file.zip"
    began = time.monotonic()
    assert "127.0.0.1 could not be reached (ConnectError" in refused(site, tmp_path)
    assert time.monotonic() - began < 3
    assert list(tmp_path.iterdir()) == []


def test_the_host_behind_a_redirect_is_the_one_that_is_named(site: Site, tmp_path: Path) -> None:
    site.script = [Answer(location=f"http://localhost:{free_port()}/file.zip", body=b"moved")]
    assert "localhost could not be reached" in refused(site, tmp_path)


def test_a_redirect_without_end_is_given_up(site: Site, tmp_path: Path) -> None:
    site.script = [Answer(location=site.url, body=b"moved")] * 50
    assert "TooManyRedirects" in refused(site, tmp_path)


def test_more_than_the_disk_holds_is_refused_before_it_is_written(site: Site, tmp_path: Path) -> None:
    site.script = [Answer(promised_more=10**15)]
    message = refused(site, tmp_path, DataError)
    assert "file.zip needs 1,000,000,000.3 MB" in message
    assert str(tmp_path) in message
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_up_is_told_from_a_broken_network(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.zip.part").symlink_to("/dev/full")
    assert "No space left on device" in refused(site, tmp_path, DataError)
    assert len(site.asked) == 1


def test_a_place_that_cannot_be_written_to_is_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / "file.zip.part").mkdir()
    assert "file.zip.part: cannot be written to" in refused(site, tmp_path, DataError)
    assert not site.asked


def test_lines_say_how_far_it_is_where_there_is_no_terminal(site: Site, tmp_path: Path) -> None:
    site.content = archive(3, 5_000_000)
    said: list[str] = []
    fetch(site.url, tmp_path / "file.zip", lambda _: None, said.append)
    assert 3 <= len(said) <= 11
    assert said[1].startswith("file.zip: 1.")
    assert said[1].endswith("%)")


PROGRAM = """
import sys
from pathlib import Path
from trainer.datasets.archive import wrong_digest
from trainer.datasets.download import fetch
url, target, sha256 = sys.argv[1:]
fetch(url, Path(target), lambda path: wrong_digest(path, sha256), print, quiet="--quiet" in sys.argv)
"""


def process(site: Site, folder: Path, stderr: int = subprocess.PIPE) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-c", PROGRAM, site.url, str(folder / "file.zip"), SHA256]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=stderr)


def wait_for_bytes(folder: Path, size: int) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        path = folder / "file.zip.part"
        if path.exists() and path.stat().st_size >= size:
            return
        time.sleep(0.01)
    raise TimeoutError("nothing came")


def test_a_killed_download_is_resumed_where_it_was(site: Site, tmp_path: Path) -> None:
    site.script = [Answer(drip=(10_000, 0.02))]
    with process(site, tmp_path) as child:
        wait_for_bytes(tmp_path, 50_000)
        os.kill(child.pid, signal.SIGKILL)
    size = len(part(tmp_path))
    assert 50_000 <= size < len(CONTENT)
    fetched(site, tmp_path)
    assert site.ranges == [None, f"bytes={size}-"]


def test_two_processes_that_want_one_file_fetch_it_once(site: Site, tmp_path: Path) -> None:
    site.script = [Answer(drip=(20_000, 0.02))]
    with process(site, tmp_path) as child:
        wait_for_bytes(tmp_path, 1)
        said = fetched(site, tmp_path)
        assert child.wait() == 0
    assert said == ["another process is fetching file.zip; waiting for it"]
    assert len(site.asked) == 1


def test_who_waits_for_a_process_that_dies_takes_over(site: Site, tmp_path: Path) -> None:
    site.script = [Answer(sent=100_000, stall_seconds=20)]
    with process(site, tmp_path) as child:
        wait_for_bytes(tmp_path, 100_000)
        with process(site, tmp_path) as waiting:
            time.sleep(0.6)
            assert waiting.poll() is None
            child.kill()
            assert waiting.wait() == 0
    assert (tmp_path / "file.zip").read_bytes() == CONTENT
    assert site.ranges == [None, "bytes=100000-"]


def test_who_waits_for_a_process_that_is_refused_begins_anew(site: Site, tmp_path: Path) -> None:
    site.script = [Answer(body=OTHER, drip=(30_000, 0.05))]
    with process(site, tmp_path) as child:
        wait_for_bytes(tmp_path, 1)
        said = fetched(site, tmp_path)
        assert child.wait() != 0
    assert said[0] == "another process is fetching file.zip; waiting for it"
    assert site.ranges == [None, None]


def test_a_terminal_sees_a_bar(site: Site, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    site.script = [Answer(drip=(50_000, 0.03))]
    with process(site, tmp_path, theirs) as child:
        os.close(theirs)
        seen = b""
        try:
            while chunk := os.read(ours, 65_536):
                seen += chunk
        except OSError:  # the other end is closed
            pass
        assert child.wait() == 0
    os.close(ours)
    assert b"file.zip: 100%|" in seen
    assert b"B/s" in seen
