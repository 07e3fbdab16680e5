"""What is written is read back; whatever is wrong with it is refused with the file and the reason."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from index import artifact
from index.artifact import Artifact
from index.embedding import ItemEmbedding
from index.errors import ArtifactError
from index.model import Model
from index.packed import PackedEmbedding
from index.recommender import Recommender
from index.samples import Samples
from tests.conftest import write
from tests.index.hostile import change_and_sign
from tests.worlds import by_hand, grown, random_model


def floats(model: Model) -> ItemEmbedding:
    assert isinstance(model.embedding, ItemEmbedding)
    return model.embedding


@pytest.mark.parametrize("packed", [False, True])
def test_what_is_written_is_read_back(tmp_path: Path, packed: bool) -> None:
    model = random_model(5, packed=packed)
    opened = write(tmp_path, model)
    assert type(opened.model.embedding) is type(model.embedding)
    assert (opened.model.embedding.to_dense() == model.embedding.to_dense()).all()
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
    weights = floats(artifact.open_current(written.folder.parent).model).weights
    assert isinstance(weights.base, np.memmap)
    assert not weights.flags.writeable


def test_packed_codes_take_two_bytes_a_nonzero_and_are_mapped(tmp_path: Path) -> None:
    write(tmp_path, random_model(5, k=4, packed=True))
    opened = artifact.open_current(tmp_path)
    assert isinstance(opened.model.embedding, PackedEmbedding)
    assert isinstance(opened.model.embedding.codes.base, np.memmap)
    assert opened.model.embedding.bytes_per_item == 8
    assert {"codes.npy", "levels.npy"} <= opened.manifest.files.keys()
    assert not {"dims.npy", "weights.npy"} & opened.manifest.files.keys()


@pytest.mark.parametrize(("number", "packed"), [(1, False), (2, False), (2, True), (3, False), (3, True)])
def test_an_artifact_of_an_earlier_format_answers_as_it_did(tmp_path: Path, number: int, packed: bool) -> None:
    model = random_model(5, packed=packed)
    model = replace(model, segments=replace(model.segments, guests=None))
    old = change_and_sign(write(tmp_path, model).folder, lambda fields: fields.update(format=number))
    opened = artifact.open_current(tmp_path)
    assert (opened.version, opened.manifest.format) == (old.name, number)
    assert opened.model.segments.guests is None
    assert opened.model.segments.tree is None
    assert opened.model.samples is None
    history = ["item-3", "item-9"]
    assert Recommender(opened.model, "a").homepage(history) == Recommender(model, "a").homepage(history)


def test_guests_and_merges_of_segments_come_back(tmp_path: Path) -> None:
    segments, back = grown().segments, artifact.open_version(tmp_path, write(tmp_path, grown()).version).model.segments
    assert [back.shelf_items(row).tolist() for row in range(3)] == [[0, 1, 2], [0, 3, 4], [1]]
    assert segments.tree is not None
    assert back.tree is not None
    assert [(back.tree.groups(row), back.tree.merges(row)) for row in range(3)] == [
        (segments.tree.groups(row), segments.tree.merges(row)) for row in range(3)
    ]
    assert back.tree.groups(1) == [(1, -1), (2, 1), (3, 1)]
    assert [(merge.first, merge.second, merge.cosine) for merge in back.tree.merges(1)] == [(0, 2, 0.75), (3, 1, 0.5)]


@pytest.mark.parametrize("number", [3, 4])
def test_guests_and_merges_are_those_of_format_3_as_well(tmp_path: Path, number: int) -> None:
    written = write(tmp_path, replace(grown(), samples=None))
    change_and_sign(written.folder, lambda fields: fields.update(format=number))
    opened = artifact.open_current(tmp_path)
    assert (opened.manifest.format, opened.model.samples) == (number, None)
    assert [opened.model.segments.shelf_items(row).tolist() for row in range(3)] == [[0, 1, 2], [0, 3, 4], [1]]
    assert opened.model.segments.tree is not None


def test_samples_come_back_and_are_mapped(tmp_path: Path) -> None:
    opened = artifact.open_version(tmp_path, write(tmp_path, grown()).version)
    samples = opened.model.samples
    assert opened.manifest.format == 4
    assert samples is not None
    assert [samples.history(place).tolist() for place in range(len(samples))] == [[0, 1, 2], [3, 5]]
    assert isinstance(samples.rows.base, np.memmap)


def test_samples_that_break_the_format_are_not_written(tmp_path: Path) -> None:
    too_long = Samples(np.array([0, 101], np.int64), np.arange(101, dtype=np.int32))
    with pytest.raises(ArtifactError, match="cannot be written: samples: a history has more than 100 items"):
        write(tmp_path, replace(random_model(5), samples=too_long))


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
    floats(broken).weights[0, 0] = np.nan
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


@pytest.mark.parametrize(
    "content", ["", "../elsewhere\n", "/etc\n", ".hidden", "a b", "x" * 300, "ä-1", "a\\b", "a\nb", "a\0b", "a//b"]
)
def test_current_must_be_the_name_of_a_version(written: Artifact, content: str) -> None:
    (written.folder.parent / "CURRENT").write_text(content)
    with pytest.raises(ArtifactError, match="not the name of a version"):
        artifact.open_current(written.folder.parent)


def test_a_version_asked_for_by_name_must_have_one(written: Artifact) -> None:
    for name in ("..", f"../artifacts/{written.version}", "", "a\0b"):
        with pytest.raises(ArtifactError, match="is not the name of a version"):
            artifact.open_version(written.folder.parent, name)


def test_more_attributes_than_can_be_served_are_not_written(tmp_path: Path) -> None:
    model = by_hand()
    year = model.catalog.attributes["year"]
    many = replace(model, catalog=replace(model.catalog, attributes={str(i): year for i in range(201)}))
    with pytest.raises(ArtifactError, match="cannot be written: 201 attributes; up to 200"):
        write(tmp_path, many)
    assert not list(tmp_path.iterdir())


def test_a_manifest_longer_than_can_be_read_is_not_written(tmp_path: Path) -> None:
    model = by_hand()
    long = replace(model, catalog=replace(model.catalog, attributes={"x" * 2**20: model.catalog.attributes["year"]}))
    with pytest.raises(ArtifactError, match="manifest would be longer than 1,048,576 bytes"):
        write(tmp_path, long)
    assert not list(tmp_path.iterdir())


def test_the_folder_the_pointer_and_a_version_may_be_links_as_in_mounted_volumes(
    written: Artifact, tmp_path: Path
) -> None:
    mounted = tmp_path / "mounted"
    (mounted / "..2024_05_01").mkdir(parents=True)
    written.folder.rename(mounted / "..2024_05_01" / written.version)
    (written.folder.parent / "CURRENT").rename(mounted / "..2024_05_01" / "CURRENT")
    (mounted / "..data").symlink_to("..2024_05_01")
    for name in ("CURRENT", written.version):
        (mounted / name).symlink_to(f"..data/{name}")
    (tmp_path / "linked").symlink_to("mounted")
    assert artifact.open_current(tmp_path / "linked").version == written.version


def test_a_half_written_folder_is_not_a_version(written: Artifact) -> None:
    folder = written.folder.parent
    shutil.copytree(written.folder, folder / f".writing-{os.getpid()}")
    assert artifact.open_current(folder).version == written.version
