"""What is written is read back; whatever is wrong with it is refused with the file and the reason."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import ArrayLike

from index import artifact
from index.artifact import Artifact
from index.errors import ArtifactError
from index.recommender import Recommender
from tests.conftest import write
from tests.worlds import by_hand, random_model


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    model = random_model(5)
    opened = write(tmp_path, model)
    assert (opened.model.embedding.dims == model.embedding.dims).all()
    assert (opened.model.embedding.weights == model.embedding.weights).all()
    history = ["item-3", "item-9"]
    assert Recommender(opened.model, "a").homepage(history) == Recommender(model, "a").homepage(history)


def test_titles_and_typed_attributes_come_back(written: Artifact) -> None:
    catalog = artifact.open_current(written.folder.parent).model.catalog
    assert {name: column.value(1) for name, column in catalog.attributes.items()} == {
        "year": 1985.0, "country": "UK", "genres": ["Comedy", "Sci-Fi"], "poster": None,
    }  # fmt: skip
    assert {name: column.value(4) for name, column in catalog.attributes.items()} == {
        "year": None, "country": None, "genres": [], "poster": None,
    }  # fmt: skip
    assert catalog.title(0) == "Airplane!"
    assert catalog.title(4) is None


def test_arrays_are_mapped_and_not_copied(written: Artifact) -> None:
    model = artifact.open_current(written.folder.parent).model
    assert isinstance(model.embedding.weights, np.memmap)
    assert not model.embedding.weights.flags.writeable


def test_the_same_model_has_the_same_version_and_bytes(tmp_path: Path) -> None:
    one, two = write(tmp_path / "one", by_hand()), write(tmp_path / "two", by_hand())
    assert one.version == two.version
    files = sorted(path.relative_to(one.folder) for path in one.folder.rglob("*") if path.is_file())
    assert all((one.folder / path).read_bytes() == (two.folder / path).read_bytes() for path in files)


def test_writing_again_mends_a_damaged_version(tmp_path: Path) -> None:
    first = write(tmp_path, by_hand())
    (first.folder / "dims.npy").write_bytes(b"gone")
    assert write(tmp_path, by_hand()).version == first.version
    assert artifact.open_current(tmp_path).version == first.version


def test_a_second_version_takes_over_and_the_first_stays(tmp_path: Path) -> None:
    first, second = write(tmp_path, by_hand()), write(tmp_path, random_model(1))
    assert artifact.current_version(tmp_path) == second.version
    assert artifact.open_version(tmp_path, first.version).version == first.version


def test_writing_again_leaves_an_intact_version_alone(tmp_path: Path) -> None:
    first = write(tmp_path, by_hand())
    before = (first.folder / "dims.npy").stat().st_ino
    write(tmp_path, by_hand())
    assert (first.folder / "dims.npy").stat().st_ino == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["CURRENT", first.version])


def test_nothing_is_left_of_a_write_that_failed(tmp_path: Path) -> None:
    first = write(tmp_path, by_hand())
    blocker = tmp_path / ".CURRENT-blocked"
    blocker.touch()
    broken = by_hand()
    broken.embedding.weights[0, 0] = np.nan
    with pytest.raises(ArtifactError, match="cannot be written"):
        write(tmp_path, broken)
    blocker.unlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["CURRENT", first.version])
    assert artifact.current_version(tmp_path) == first.version


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match="cannot write an artifact to"):
        write(tmp_path / "file", by_hand())


def test_a_missing_artifact_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="python -m trainer fit"):
        artifact.open_current(tmp_path)


@pytest.mark.parametrize("content", ["", "../elsewhere\n", "/etc\n", ".hidden", "a b", "x" * 300])
def test_current_must_be_the_name_of_a_version(written: Artifact, content: str) -> None:
    (written.folder.parent / "CURRENT").write_text(content)
    with pytest.raises(ArtifactError, match="not the name of a version"):
        artifact.open_current(written.folder.parent)


# ---------------------------------------------------------------- hostile artifacts


def change_manifest(folder: Path, change: Callable[[dict[str, object]], None]) -> None:
    path = folder / "manifest.json"
    fields = json.loads(path.read_text())
    change(fields)
    path.write_text(json.dumps(fields))


def change_and_sign(folder: Path, change: Callable[[dict[str, object]], None]) -> None:
    """What somebody would do who means it: the version's name fits the changed manifest."""
    change_manifest(folder, change)
    fields = json.loads((folder / "manifest.json").read_text())
    fields["version"] = ""
    unsigned = json.dumps(fields, indent=2, ensure_ascii=False) + "\n"
    version = f"test-{artifact.digest(unsigned.encode())[:12]}"
    change_manifest(folder, lambda fields: fields.update(version=version))
    folder.rename(folder.parent / version)
    (folder.parent / "CURRENT").write_text(version + "\n")


def put(folder: Path, name: str, array: ArrayLike) -> None:
    """Replaces an array and its digest: only the invariants are left to notice."""
    path = folder / name
    np.save(path, array, allow_pickle=True)
    digest = artifact.digest(path.read_bytes())

    def change(fields: dict[str, object]) -> None:
        files = fields["files"]
        assert isinstance(files, dict)
        files[name] = digest

    change_and_sign(folder, change)


def truncate(folder: Path, name: str) -> None:
    path = folder / name
    path.write_bytes(path.read_bytes()[:-3])


def pickled(folder: Path) -> None:
    put(folder, "strings/item_ids.blob.npy", np.array([{"a": 1}], object))


def zipped(folder: Path) -> None:
    with zipfile.ZipFile(folder / "dims.npy", "w") as file:
        file.writestr("dims", "x")
    digest = artifact.digest((folder / "dims.npy").read_bytes())
    change_and_sign(folder, lambda fields: fields["files"].update({"dims.npy": digest}))  # type: ignore[attr-defined]


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "altered metrics": (lambda f: change_manifest(f, lambda m: m.update(metrics={"ndcg": 1})), "altered since"),
    "a size without end": (
        lambda f: (f / "manifest.json").write_text(
            (f / "manifest.json").read_text().replace('"k": 2', '"k": Infinity')
        ),
        "Infinity is not a number",
    ),
    "more dims than any machine holds": (
        lambda f: change_and_sign(f, lambda m: m["sizes"].update(n_dims=10**14)),  # type: ignore[attr-defined]
        "can be served",
    ),
    "row pointers that wrap around": (
        lambda f: put(f, "segments/starts.npy", np.array([0, 2**63 - 1, -(2**63) + 5, 3])),
        "row pointers of B",
    ),
    "a list with code -1": (lambda f: put(f, "attributes/2.codes.npy", np.full(5, -1, np.int32)), "without a category"),
    "a truncated file": (lambda f: truncate(f, "weights.npy"), "weights.npy: its sha256"),
    "an altered file": (lambda f: (f / "dims.npy").write_bytes(b"x" * 200), "dims.npy: its sha256"),
    "a missing file": (lambda f: (f / "popularity.npy").unlink(), "popularity.npy: the manifest lists it"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "never completed"),
    "a manifest that is no JSON": (lambda f: (f / "manifest.json").write_text("{"), "not a manifest"),
    "a manifest that is a list": (lambda f: (f / "manifest.json").write_text("[1]"), "not a manifest"),
    "a manifest too deep": (lambda f: (f / "manifest.json").write_text("[" * 100_000), "not a manifest"),
    "an unknown format": (lambda f: change_manifest(f, lambda m: m.update(format=99)), "format 99 is not known"),
    "an unknown field": (lambda f: change_manifest(f, lambda m: m.update(extra=1)), "not a manifest"),
    "another version's manifest": (lambda f: change_manifest(f, lambda m: m.update(version="x")), "names version 'x'"),
    "sizes that are a string": (lambda f: change_and_sign(f, lambda m: m.update(sizes="6")), "'sizes' must be"),
    "a size that is no number": (
        lambda f: change_and_sign(f, lambda m: m["sizes"].update(n_dims="four")),  # type: ignore[attr-defined]
        "invalid literal",
    ),
    "too few items": (
        lambda f: change_and_sign(f, lambda m: m["sizes"].update(n_items=5)),  # type: ignore[attr-defined]
        "the manifest says n_items 5, the arrays 6",
    ),
    "a file not listed": (
        lambda f: change_and_sign(f, lambda m: m["files"].pop("dims.npy")),  # type: ignore[attr-defined]
        "does not list dims.npy",
    ),
    "a path outside": (
        lambda f: change_and_sign(f, lambda m: m["files"].update({"../../x.npy": "0"})),  # type: ignore[attr-defined]
        "is not a file of an artifact",
    ),
    "a pickle": (pickled, "item_ids.blob.npy: it is not an .npy file"),
    "a zip": (zipped, "dims.npy: it is not an .npy file"),
    "weights that are not a number": (lambda f: put(f, "weights.npy", np.full((6, 2), np.nan, np.float32)), "finite"),
    "float64 weights": (lambda f: put(f, "weights.npy", np.zeros((6, 2))), "weights.npy: float32"),
    "a flat matrix": (lambda f: put(f, "weights.npy", np.zeros(12, np.float32)), "weights.npy: float32 in 2"),
    "a dim out of range": (lambda f: put(f, "dims.npy", np.full((6, 2), 9, np.uint16)), "out of range"),
    "other row lengths": (lambda f: put(f, "weights.npy", [[np.float32(0.5), np.float32(0)]] * 6), "row 0 has length"),
    "popularity over 1": (lambda f: put(f, "popularity.npy", np.full(6, 2, np.float32)), "popularity.npy"),
    "ids out of order": (
        lambda f: put(f, "strings/item_ids.order.npy", np.arange(6, dtype=np.int32)[::-1]),
        "not sorted",
    ),
    "order that repeats": (lambda f: put(f, "strings/item_ids.order.npy", np.zeros(6, np.int32)), "permutation"),
    "text that is no UTF-8": (lambda f: put(f, "strings/titles.blob.npy", np.full(29, 255, np.uint8)), "titles"),
    "signs of zero": (lambda f: put(f, "segments/signs.npy", np.zeros(3, np.int8)), "neither +1 nor -1"),
    "members of nowhere": (lambda f: put(f, "segments/membership.npy", np.full(6, 7, np.int32)), "does not exist"),
    "a category without a name": (
        lambda f: put(f, "attributes/1.codes.npy", np.full(6, 8, np.int32)),
        "without a category",
    ),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_artifact_is_refused_by_name(written: Artifact, kind: str) -> None:
    damage, words = HOSTILE[kind]
    damage(written.folder)
    with pytest.raises(ArtifactError) as refused:
        artifact.open_current(written.folder.parent)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unreadable_file_is_named(written: Artifact) -> None:
    target = written.folder / "dims.npy"
    target.unlink()
    target.mkdir()
    with pytest.raises(ArtifactError, match=r"dims\.npy"):
        artifact.open_current(written.folder.parent)


def test_a_half_written_folder_is_not_a_version(written: Artifact) -> None:
    folder = written.folder.parent
    shutil.copytree(written.folder, folder / f".writing-{os.getpid()}")
    assert artifact.open_current(folder).version == written.version
