"""Whatever is wrong with an artifact is refused with the file and the reason: never another exception, never a hang."""

import errno
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from index import artifact
from index.artifact import Artifact
from index.errors import ArtifactError
from index.recommender import Recommender
from tests.conftest import write
from tests.index.hostile import (
    GROWN,
    HOSTILE,
    PACKED,
    Damage,
    Fields,
    as_written,
    change_and_sign,
    plain,
    put,
    put_bytes,
    put_header,
    put_strings,
    sign,
)
from tests.worlds import by_hand, grown

ROOT = Path(__file__).parent.parent.parent


@cache
def fresh() -> dict[str, bytes]:
    """The model checked by hand, as files: written and synced once."""
    with TemporaryDirectory() as folder:
        write(Path(folder), by_hand())
        return {str(path.relative_to(folder)): path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def copied(to: Path) -> Path:
    """The folder of its version."""
    for name, content in fresh().items():
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        (to / name).write_bytes(content)
    return to / artifact.current_version(to)


@pytest.fixture
def written(tmp_path: Path) -> Artifact:
    folder = copied(tmp_path / "artifacts")
    return artifact.open_version(folder.parent, folder.name)


@contextmanager
def a_copy() -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        yield copied(Path(folder))


def opened_or_refused(folder: Path) -> Artifact | None:
    try:
        return artifact.open_current(folder)
    except ArtifactError as error:
        reason = str(error)
    assert "\n" not in reason
    return None


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_artifact_is_refused_by_name(written: Artifact, kind: str) -> None:
    damage, words = HOSTILE[kind]
    damage(written.folder)
    with pytest.raises(ArtifactError) as refused:
        artifact.open_current(written.folder.parent)
    assert words in str(refused.value)
    assert str(written.folder.parent) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", PACKED)
def test_a_hostile_artifact_of_packed_codes_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    damage, words = PACKED[kind]
    damage(write(tmp_path, by_hand(packed=True)).folder)
    with pytest.raises(ArtifactError) as refused:
        artifact.open_current(tmp_path)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", GROWN)
def test_hostile_guests_merges_and_samples_are_refused_by_name(tmp_path: Path, kind: str) -> None:
    damage, words = GROWN[kind]
    damage(write(tmp_path, grown()).folder)
    with pytest.raises(ArtifactError) as refused:
        artifact.open_current(tmp_path)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_artifact_that_was_signed_again_without_a_change_is_opened(written: Artifact) -> None:
    """The attacker of these tests can do what he means to: it is the content that is refused."""
    signed = put(written.folder, "dims.npy", np.load(written.folder / "dims.npy"))
    signed = put_header(signed, "weights.npy", plain("(6, 2)"))
    signed = put_strings(signed, "strings/titles", b"Airplane!", [0, 9, 9, 9, 9, 9, 9])
    assert answers(artifact.open_current(signed.parent))[0] == answers(written)[0]


def test_texts_are_data_and_may_hold_anything_that_is_utf_8(written: Artifact) -> None:
    signed = put_strings(written.folder, "strings/titles", b"\0\x1b\n\xc2\x85", [0, 1, 2, 3, 5, 5, 5])
    titles = artifact.open_current(signed.parent).model.catalog.titles
    assert list(titles) == ["\0", "\x1b", "\n", "\x85", "", ""]


def test_weights_too_small_for_a_full_mantissa_are_numbers_like_others(written: Artifact) -> None:
    weights = np.load(written.folder / "weights.npy")
    weights[2] = [1.0, 1e-45]
    signed = put(written.folder, "weights.npy", weights)
    assert artifact.open_current(signed.parent).model.embedding.codes_of(np.array([2], np.int32))[1][0, 1] > 0


def test_a_year_without_end_is_a_year_unknown(written: Artifact) -> None:
    signed = put(written.folder, "attributes/0.values.npy", np.array([np.inf, -np.inf, np.nan, 1, 2, 3]))
    year = artifact.open_current(signed.parent).model.catalog.attributes["year"]
    assert [year.value(row) for row in range(4)] == [None, None, None, 1.0]


def test_what_the_manifest_does_not_list_is_never_opened(written: Artifact) -> None:
    """File systems and tools leave files behind; none of them is read, so none of them can do harm."""
    (written.folder / ".DS_Store").touch()
    os.mkfifo(written.folder / "strings" / "pipe.npy")
    (written.folder / "zero.npy").symlink_to("/dev/zero")
    (written.folder / "loop").symlink_to(written.folder)
    opened = artifact.open_current(written.folder.parent)
    assert opened.size_bytes == written.size_bytes
    assert answers(opened) == answers(written)


def test_a_file_of_another_type_or_length_is_refused_before_it_is_read(
    written: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    (written.folder / "segments" / "starts.npy").write_bytes((written.folder / "weights.npy").read_bytes())
    monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("it was read"))
    with pytest.raises(ArtifactError, match=r"starts\.npy: int64 \(4\) expected"):
        artifact.open_current(written.folder.parent)


def test_what_is_verified_is_what_is_mapped(written: Artifact, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is exchanged for another while it is verified is not the one that answers."""
    digest = artifact.digest((written.folder / "popularity.npy").read_bytes())
    real: Callable[[BufferedReader, str], Any] = hashlib.file_digest

    def exchange(file: BufferedReader, name: str) -> object:
        found = real(file, name)
        if found.hexdigest() == digest:
            (written.folder / "popularity.npy").rename(written.folder / "verified")
            (written.folder / "popularity.npy").write_bytes(
                (written.folder / "verified").read_bytes()[:-24] + b"\0" * 24
            )
        return found

    monkeypatch.setattr("hashlib.file_digest", exchange)
    opened = artifact.open_current(written.folder.parent)
    assert (written.folder / "verified").exists()
    assert (opened.model.popularity == by_hand().popularity).all()


@pytest.mark.parametrize("name", ["dims.npy", "manifest.json", "strings", "", "CURRENT"])
def test_what_may_not_be_read_is_named(written: Artifact, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    real = os.open

    def refuse(path: str | Path, flags: int, dir_fd: int | None = None) -> int:
        if Path(path).name == (name or written.version):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path, flags, dir_fd=dir_fd)

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(ArtifactError, match=f"{name}: it cannot be opened .Permission denied."):
        artifact.open_current(written.folder.parent)


# ---------------------------------------------------------------- sizes that are lies


def sparse(path: Path, n_bytes: int) -> None:
    with path.open("r+b") as file:
        file.truncate(n_bytes)


def signed_giant(folder: Path) -> None:
    """Sizes and headers agree on a terabyte, the files are short."""
    signed = change_and_sign(folder, lambda fields: fields["sizes"].update(n_items=2**31 - 1, k=2**9))
    signed = put_header(signed, "dims.npy", plain(f"({2**31 - 1}, {2**9})", "<u2"))
    put_header(signed, "weights.npy", plain(f"({2**31 - 1}, {2**9})"))


GIANTS: dict[str, Damage] = {
    "a terabyte of weights": lambda f: sparse(f / "weights.npy", 2**40),
    "a terabyte of titles": lambda f: sparse(f / "strings" / "titles.blob.npy", 2**40),
    "a terabyte of categories": lambda f: sparse(f / "attributes" / "1.categories.offsets.npy", 2**40),
    "a terabyte of manifest": lambda f: sparse(f / "manifest.json", 2**40),
    "a terabyte of CURRENT": lambda f: sparse(f.parent / "CURRENT", 2**40),
    "a terabyte that agrees with itself": signed_giant,
    "a terabyte of header": lambda f: put_header(f, "popularity.npy", plain(f"({2**38},)")),
    "a terabyte of nothing": lambda f: put_header(f, "popularity.npy", plain(f"(0, {2**38})"), data=b""),
    "a terabyte of signs": lambda f: put(f, "segments/starts.npy", np.array([0, 1, 2, 2**40])),
    "a megabyte of brackets": lambda f: (f / "manifest.json").write_text("[" * 2**20),
    "a megabyte of lists": lambda f: (f / "manifest.json").write_text("[" + "[]," * 349_000 + "1]"),
}


def test_sizes_that_are_lies_cost_neither_time_nor_memory(tmp_path: Path) -> None:
    """In a process that may take 256 MiB more than it has, within seconds."""
    for number, damage in enumerate(GIANTS.values()):
        damage(copied(tmp_path / str(number)))
    program = """
import resource, sys
from pathlib import Path
from index import artifact
from index.errors import ArtifactError
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 2**28, taken + 2**28))
for folder in sys.argv[1:]:
    try:
        artifact.open_current(Path(folder))
    except ArtifactError as error:
        print(error)
"""
    folders = [str(tmp_path / str(number)) for number in range(len(GIANTS))]
    done = subprocess.run(
        [sys.executable, "-c", program, *folders], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == len(GIANTS)
    assert not [line for line in lines if "memory" in line]


# ---------------------------------------------------------------- any byte, any file


def answers(opened: Artifact) -> tuple[object, ...]:
    recommender = Recommender(opened.model, "a")
    catalog, segments = opened.model.catalog, opened.model.segments
    return (
        [recommender.recommend(history, 6).items for history in (["a", "d"], [])],
        [recommender.segments(history).segments for history in (["a", "d"], [])],
        recommender.homepage(["b"], min_items=1),
        [catalog.title(row) for row in range(6)],
        [[column.value(row) for row in range(6)] for column in catalog.attributes.values()],
        [segments.signed_dims(row) for row in range(len(segments))],
    )


FILES = sorted(
    ["dims.npy", "weights.npy", "popularity.npy", "strings/item_ids.order.npy"]
    + [
        f"strings/{name}.{part}.npy"
        for name in ("item_ids", "titles", "segment_ids", "segment_labels")
        for part in ("blob", "offsets")
    ]
    + [f"segments/{name}.npy" for name in ("starts", "dims", "signs", "membership")]
    + ["attributes/0.values.npy", "attributes/1.codes.npy", "attributes/2.starts.npy", "attributes/2.codes.npy"]
    + ["attributes/1.categories.offsets.npy", "attributes/2.categories.blob.npy", "attributes/3.links.offsets.npy"]
)


@st.composite
def edits(draw: st.DrawFn, files: list[str]) -> tuple[str, str, float, bytes]:
    """A file, what happens to it, where (as a share of its length) and with which bytes."""
    how = draw(st.sampled_from(["overwrite", "insert", "cut"]))
    return draw(st.sampled_from(files)), how, draw(st.floats(0, 1)), draw(st.binary(min_size=1, max_size=12))


def edited(content: bytes, how: str, where: float, by: bytes) -> bytes:
    place = int(where * len(content))
    if how == "cut":
        return content[:place]
    return content[:place] + by + content[place + len(by) * (how == "overwrite") :]


BEFORE = answers(Artifact(by_hand(), None, Path()))  # type: ignore[arg-type]


@given(edits(["CURRENT", "manifest.json", *FILES]))
@settings(max_examples=40)
def test_a_file_that_was_edited_is_refused_or_makes_no_difference(edit: tuple[str, str, float, bytes]) -> None:
    name, *change = edit
    with a_copy() as folder:
        file = folder.parent / name if name == "CURRENT" else folder / name
        file.write_bytes(edited(file.read_bytes(), *change))  # type: ignore[arg-type]
        opened = opened_or_refused(folder.parent)
        assert opened is None or answers(opened) == BEFORE


@given(edits(FILES))
@settings(max_examples=40)
def test_a_file_that_was_edited_and_signed_is_refused_or_answers(edit: tuple[str, str, float, bytes]) -> None:
    name, *change = edit
    with a_copy() as folder:
        content = edited((folder / name).read_bytes(), *change)  # type: ignore[arg-type]
        refused_or_answers(put_bytes(folder, name, content).parent)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
@settings(max_examples=40)
def test_a_manifest_with_anything_in_any_place_is_refused_or_answers(data: st.DataObject) -> None:
    with a_copy() as folder:
        fields: Fields = json.loads((folder / "manifest.json").read_text())
        where = fields
        while isinstance(where[key := data.draw(st.sampled_from(sorted(where)))], dict) and where[key]:
            if data.draw(st.booleans()):
                break
            where = where[key]
        where[key] = data.draw(JSON)
        if not isinstance(fields["version"], str):
            return
        (folder / "manifest.json").write_bytes(as_written(fields))
        refused_or_answers(sign(folder).parent)


def refused_or_answers(folder: Path) -> None:
    opened = opened_or_refused(folder)
    assert opened is None or answers(opened)
