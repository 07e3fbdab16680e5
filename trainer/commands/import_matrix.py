"""import: make a version of an item matrix that something else learned."""

import argparse
import hashlib
import logging
from importlib.metadata import version as library_version

import numpy as np
from numpy.typing import NDArray

from index import artifact
from index.artifact import Artifact
from index.embedding import ItemEmbedding
from index.model import Model
from index.vocabulary import Vocabulary
from trainer import footprint, host, summary
from trainer.baselines import popular
from trainer.errors import DataError
from trainer.interactions import Interactions
from trainer.item_order import read_item_ids
from trainer.matrix_file import read_matrix
from trainer.option_groups import naming_of, segment_options, stored_as
from trainer.row_order import ordered
from trainer.run_folder import RunFolder
from trainer.segmentation import SegmentOptions, encoder_of, recorded, segment
from trainer.segmentation.embed import refuse_without_words
from trainer.segmentation.encoder import SentenceEncoder
from trainer.segmentation.lineage import Earlier, current_or_none, last_id
from trainer.segmentation.naming import Naming
from trainer.source import fingerprint, name_of, read_items, read_ratings

logger = logging.getLogger(__name__)

_LIBRARIES = ("numpy", "scipy", "numba", "polars")


def run(options: argparse.Namespace) -> None:
    chosen = segment_options(options)
    naming = naming_of(options)
    encoder = encoder_of(chosen)
    with RunFolder(options.out, checkpoints=False) as folder:  # a checkpoint of a `fit` stays: `finish` is not called
        written = _import(options, chosen, encoder, naming, folder)
    print(summary.finished(written, in_json=options.json))


def _import(
    options: argparse.Namespace,
    chosen: SegmentOptions,
    encoder: SentenceEncoder | None,
    naming: Naming,
    folder: RunFolder,
) -> Artifact:
    read = read_matrix(options.matrix, host.memory_bytes())
    for line in read.story:
        logger.info("%s", line)
    embedding = read.embedding
    item_ids = read_item_ids(options.item_ids, embedding.n_items, str(options.matrix))
    vocabulary = Vocabulary.of(item_ids)
    catalog = read_items(options, item_ids)
    refuse_without_words(encoder, catalog)
    naming.refuse_without_words(catalog)
    interactions = read_ratings(options, min_items_per_user=1) if options.data else None
    popularity, known = _popularity(interactions, vocabulary, str(options.data))
    footprint.check_segments(embedding, host.memory_bytes())
    folder.check_space(0, footprint.artifact_bytes(embedding.n_items, embedding.k, catalog))
    earlier = Earlier.of(current_or_none(options.out))
    segments = segment(
        embedding, catalog, item_ids, popularity, chosen, encoder=encoder, naming=naming, earlier=earlier
    )
    learned = _digest(embedding, vocabulary) + (interactions.fingerprint if interactions else "")
    model = Model(stored_as(options.codes, embedding), popularity, vocabulary, catalog, segments)
    return artifact.write(
        options.out,
        ordered(model, embedding),
        name=options.name or name_of(options.matrix),
        options={
            "matrix": options.matrix.name,
            "dims": embedding.n_dims,
            "nonzeros": embedding.k,
            "codes": options.codes,
            **recorded(chosen, encoder),
            **naming.recorded(),
            **naming.found(),
            **({"min_rating": interactions.min_rating} if interactions else {}),
        },
        data={
            "source": name_of(options.matrix),
            "fingerprint": fingerprint(learned, catalog),
            **known,
            **last_id(segments, earlier),
        },
        metrics={},
        libraries={name: library_version(name) for name in (*_LIBRARIES, *(encoder.libraries if encoder else ()))},
    )


def _popularity(
    interactions: Interactions | None, vocabulary: Vocabulary, source: str
) -> tuple[NDArray[np.float32], dict[str, int]]:
    """(n_items,) the share of the users who have the item, and how many users and interactions that was found in.

    Users without any item of the matrix do not count. Raises DataError where none has one.
    """
    popularity = np.zeros(len(vocabulary), np.float32)
    if interactions is None:
        logger.info("without --data every item is as popular as any: who is unknown gets the first rows")
        return popularity, {}
    rows = [vocabulary.row(item_id) for item_id in interactions.item_ids]
    columns = [column for column, row in enumerate(rows) if row is not None]
    ours = interactions.matrix[:, columns]
    ours = ours[ours.getnnz(axis=1) > 0]
    if not ours.nnz:
        raise DataError(
            f"{source}: none of its items ({', '.join(map(repr, interactions.item_ids[:3]))}, …) is among those of "
            f"--item-ids ({', '.join(map(repr, vocabulary.item_ids[:3]))}, …); give both the same ids, or name another "
            "--item-col"
        )
    popularity[[row for row in rows if row is not None]] = popular.popularity(ours)
    n_lost = int(interactions.matrix.nnz - ours.nnz)
    logger.info(
        "popularity of %s items from %s interactions of %s users; %s interactions fell away, their items are not in "
        "the matrix", *(f"{number:,}" for number in (len(columns), ours.nnz, ours.shape[0], n_lost)),
    )  # fmt: skip
    return popularity, {"n_users": int(ours.shape[0]), "n_interactions": int(ours.nnz)}


def _digest(embedding: ItemEmbedding, vocabulary: Vocabulary) -> str:
    """sha256 of the matrix as it is served, however it was written, and of its ids."""
    found = hashlib.sha256(f"{embedding.n_items} {embedding.k} {embedding.n_dims}\n".encode())
    strings = vocabulary.item_ids
    for array in (embedding.dims, embedding.weights, strings.offsets, strings.blob):
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()
