"""python -m index.warm: compiles every kernel into numba's cache, so that a service that starts later only loads them.

An image does this once, when it is built. What is compiled depends on the types of an artifact's arrays, not on their
sizes, and on the processor: NUMBA_CPU_NAME=generic makes it one for all.
"""

import logging
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from index import artifact
from index.catalog import Catalog
from index.embedding import ItemEmbedding, as_dims
from index.model import Model
from index.packed import PackedEmbedding
from index.recommender import Recommender
from index.segments import Segments
from index.vocabulary import Strings, Vocabulary


def main() -> None:
    logging.basicConfig(format="%(levelname)s %(message)s")
    for n_dims in (1, 2**12 + 1, 2**16 + 1):  # codes of two bytes and of four; dims of two bytes and of four
        for packed in (False, True):
            with TemporaryDirectory() as folder:  # mapped arrays are read-only, which is a type of its own
                model = _least(n_dims, packed=packed)
                artifact.write(Path(folder), model, name="warm", options={}, data={}, metrics={}, libraries={})
                Recommender.open(folder).warm_up()


def _least(n_dims: int, *, packed: bool) -> Model:
    """One item, one segment, one weight."""
    one = Strings.pack(["1"])
    dims = as_dims(np.zeros(1, np.int64), n_dims)
    embedding = ItemEmbedding(dims[:, None], np.ones((1, 1), np.float32), n_dims)
    return Model(
        embedding=PackedEmbedding.pack(embedding) if packed else embedding,
        popularity=np.ones(1, np.float32),
        vocabulary=Vocabulary.of(one),
        catalog=Catalog(one),
        segments=Segments(
            starts=np.array([0, 1], np.int64),
            dims=dims,
            signs=np.ones(1, np.int8),
            membership=np.zeros(1, np.int32),
            ids=one,
            labels=one,
            n_dims=n_dims,
        ),
    )


if __name__ == "__main__":
    main()
