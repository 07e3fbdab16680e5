"""add-items: a version with new items, in seconds and without a training."""

import argparse
import json
import logging
from dataclasses import dataclass
from importlib.metadata import version as library_version
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from index import artifact
from index.artifact import Artifact
from index.catalog import Catalog
from index.embedding import ItemEmbedding
from index.errors import ArtifactError
from index.kernels import Rows
from trainer import host, summary
from trainer.enlarged import ADDED_TO, N_TRAINED, enlarged, joined, n_trained_items
from trainer.errors import ConfigurationError, DataError
from trainer.histories import trained_min_rating
from trainer.interactions import Interactions
from trainer.items import ItemColumns, items_of, read_catalog, without_items_file
from trainer.locked_folder import LockedFolder
from trainer.new_codes import FirstUsers, from_attributes, from_first_users, mixed
from trainer.source import read_ratings
from trainer.tables import read_table

logger = logging.getLogger(__name__)

_LISTED = 12  # items that are named
_HELD = "wait for it, or end it with Ctrl-C"
_LIBRARIES = ("numpy", "scipy", "numba", "polars")


def run(options: argparse.Namespace) -> None:
    """Raises ArtifactError, DataError, ConfigurationError; then nothing is changed."""
    folder: Path = options.artifacts
    if not folder.is_dir():
        raise ArtifactError(f"no artifact in {folder}: there is no such folder")
    with LockedFolder(folder, "add-items", way_out=_HELD):
        before = artifact.open_current(folder)
        added = _added(options, before)
    after = added.version if added else before
    if options.json:
        said = {"artifacts": str(folder), "version": after.version, "version_before": before.version}
        print(json.dumps({**said, "items": added.as_json() if added else []}, indent=2))
    elif added is None:
        print(f"{before.version} has all items of these files already and stays current; nothing is changed")
    else:
        print(f"{after.version} is the current version now; it was {before.version}")
        print(added.text())


@dataclass(frozen=True)
class Added:
    """A version, and which of its items got codes."""

    version: Artifact
    rows: Rows
    n_users: NDArray[np.int64]  # of each
    described: NDArray[np.bool_]  # by attributes that known items have

    def as_json(self) -> list[dict[str, object]]:
        model = self.version.model
        return [
            {
                "item_id": model.vocabulary.item_id(row),
                "title": model.catalog.title(row),
                "n_users": int(n_users),
                "by_attributes": bool(described),
                "segment_id": self._segment(row)[0],
            }
            for row, n_users, described in zip(self.rows, self.n_users, self.described, strict=True)
        ]

    def text(self) -> str:
        model, coded = self.version.model, self.version.model.embedding.coded[self.rows]
        alone, nothing = int((coded & (self.n_users == 0)).sum()), int((~coded).sum())
        first = f"{len(self.rows):,} new items: {len(self.rows) - alone - nothing:,} by their first users"
        lines = [f"{first}, {alone:,} by attributes alone"]
        if nothing:
            lines.append(f"{nothing:,} without a code come last: nobody has them, no known item is described alike")
        for row in self.rows[:_LISTED]:
            name = model.catalog.title(row) or model.vocabulary.item_id(row)
            lines.append(f"  {summary.printable(name)}: {summary.printable(self._segment(row)[1])}")
        return "\n".join(lines + [f"  and {len(self.rows) - _LISTED:,} more"] * (len(self.rows) > _LISTED))

    def _segment(self, row: int) -> tuple[str | None, str]:
        """Id and label of an item's segment."""
        segments = self.version.model.segments
        segment = int(segments.membership[row])
        return (None, "in no segment") if segment < 0 else (segments.ids[segment], segments.labels[segment])


@dataclass(frozen=True)
class _Wanted:
    """Rows that get a code, those of new items last."""

    rows: Rows
    item_ids: list[str]
    """Of the new ones."""


def _added(options: argparse.Namespace, before: Artifact) -> Added | None:
    model, n_trained = before.model, n_trained_items(before)
    interactions = _interactions(options, before)
    in_file = _described(options) if options.items else []
    met = interactions.item_ids if interactions else []
    new = model.vocabulary.unknown(dict.fromkeys([*in_file, *met]))
    rows_met = model.vocabulary.rows(met)
    again = np.unique(rows_met[rows_met >= n_trained])
    wanted = _Wanted(np.concatenate([again, np.arange(len(new), dtype=np.int32) + len(model.vocabulary)]), new)
    if not len(wanted.rows):
        return None
    _check_memory(len(wanted.rows), model.embedding.n_dims)
    catalog = joined(model.catalog, _catalog(options, before, new))
    codes, n_users, described = _codes(before, wanted, interactions, catalog, n_trained)
    everybody = before.manifest.data.get("n_users")
    share = n_users / everybody if isinstance(everybody, int) and everybody > 0 else np.zeros(len(n_users))
    popularity = np.minimum(share, 1).astype(np.float32)
    grown = enlarged(model, wanted.rows, codes, item_ids=new, popularity=popularity, catalog=catalog)
    manifest = before.manifest
    written = artifact.write(
        options.artifacts,
        grown,
        name=before.version.rpartition("-")[0],
        options=manifest.options,
        data={**manifest.data, N_TRAINED: n_trained, ADDED_TO: manifest.data.get(ADDED_TO, before.version)},
        metrics=manifest.metrics,
        libraries={**manifest.libraries, **{name: library_version(name) for name in _LIBRARIES}},
    )
    return Added(written, wanted.rows, n_users, described)


def _interactions(options: argparse.Namespace, before: Artifact) -> Interactions | None:
    if not options.data:
        return None
    found = read_ratings(options, min_items_per_user=1)
    trained = trained_min_rating(before.manifest.options)
    if None not in (trained, found.min_rating) and trained != found.min_rating:
        logger.warning(
            "ratings count from %g on, for %s they did from %g on: --min-rating %g counts alike",
            found.min_rating, before.version, trained, trained,
        )  # fmt: skip
    if not (before.model.vocabulary.rows(found.item_ids) >= 0).any():
        raise DataError(
            f"{options.data}: it has none of the items of {before.version}, and what is known of a new item's users is "
            "which others they have; give all interactions of these users, by the same item ids"
        )
    return found


def _described(options: argparse.Namespace) -> list[str]:
    return items_of(read_table(options.items, options.separator), ItemColumns(options.items_id_col), str(options.items))


def _catalog(options: argparse.Namespace, before: Artifact, new: list[str]) -> Catalog:
    """Of the new items, by the attributes that the version has."""
    if not options.items or not new:
        return without_items_file(len(new))
    frame, known = read_table(options.items, options.separator), before.model.catalog.attributes
    id_column = ItemColumns(options.items_id_col, options.title_col)
    types = {name: known[name].kind if name in known else "skip" for name in frame.columns}
    columns = ItemColumns(id_column.item, id_column.title, types)
    read = read_catalog(frame, new, columns, str(options.items))
    logger.info("%s", read.story[0])
    if missing := [name for name in known if name not in frame.columns]:
        logger.info("without %s, which %s has: unknown of the new items", ", ".join(missing), before.version)
    return read.catalog


def _check_memory(n_new: int, n_dims: int) -> None:
    """Raises ConfigurationError."""
    needed, there = 8 * n_dims * (3 * n_new + 6 * n_dims), host.memory_bytes()
    if needed > there:
        raise ConfigurationError(
            f"{n_new:,} items in {n_dims:,} dims take about {needed / 2**30:.1f} GiB, {there / 2**30:.1f} are there; "
            "add fewer at a time, or train anew"
        )


def _codes(
    before: Artifact, wanted: _Wanted, interactions: Interactions | None, catalog: Catalog, n_trained: int
) -> tuple[ItemEmbedding, NDArray[np.int64], NDArray[np.bool_]]:
    """Their codes, how many users each has, and which have attributes that say something. Raises DataError."""
    model = before.model
    rows = np.arange(n_trained, dtype=np.int32)
    trained = ItemEmbedding(*model.embedding.codes_of(rows), model.embedding.n_dims)
    if not trained.coded.any():
        raise DataError(f"{before.version}: none of its items has a code; train one first")
    popularity, everybody = model.popularity[:n_trained], before.manifest.data.get("n_users")
    counts = popularity.astype(np.float64) * everybody if isinstance(everybody, int) else None
    by_attributes = from_attributes(trained, counts, catalog, wanted.rows)
    by_users, with_profile = np.zeros_like(by_attributes), np.zeros(len(wanted.rows), np.int64)
    n_users = with_profile
    if interactions is not None:
        users = _first_users(before, wanted, interactions, n_trained)
        by_users, with_profile = from_first_users(trained, popularity, users)
        n_users = np.asarray(users.new.sum(axis=0), np.int64).ravel()
    return mixed(by_users, with_profile, by_attributes, trained.k), n_users, np.asarray(by_attributes.any(axis=1))


def _first_users(before: Artifact, wanted: _Wanted, interactions: Interactions, n_trained: int) -> FirstUsers:
    """The users of the file who have any of the wanted items."""
    n_known = len(before.model.vocabulary)
    place = {item_id: n_known + number for number, item_id in enumerate(wanted.item_ids)}
    rows = before.model.vocabulary.rows(interactions.item_ids).tolist()
    rows = np.array([place.get(one, row) for one, row in zip(interactions.item_ids, rows, strict=True)])
    having = np.flatnonzero(interactions.matrix[:, np.flatnonzero(np.isin(rows, wanted.rows))].getnnz(axis=1))
    pairs = interactions.matrix[having].tocoo()
    shape = (len(having), n_known + len(wanted.item_ids))
    found = sp.csr_matrix((pairs.data, (pairs.row, rows[pairs.col])), shape=shape)
    return FirstUsers(found[:, :n_trained], found[:, wanted.rows])
