"""Models to ask: one small enough to check by hand, and random ones."""

from dataclasses import replace

import numpy as np

from index.catalog import Catalog, CategoryColumn, LinkColumn, ListColumn, NumberColumn
from index.embedding import ItemEmbedding, as_dims
from index.merge_tree import Merge, MergeTree
from index.model import Model
from index.packed import PackedEmbedding
from index.samples import Samples
from index.segments import Guests, Segments
from index.vocabulary import Strings, Vocabulary

# Six items over four dims. "f" was never trained. Comedy is dim 0, war is minus dim 1; dims 2 and 3 are shared.
BY_HAND = np.array(
    [
        [0.8, 0.0, 0.6, 0.0],  # a  comedy
        [0.6, 0.0, 0.0, -0.8],  # b
        [1.0, 0.0, 0.0, 0.0],  # c  comedy
        [0.0, -0.8, 0.6, 0.0],  # d  war
        [0.0, -1.0, 0.0, 0.0],  # e  war
        [0.0, 0.0, 0.0, 0.0],  # f  nothing
    ]
)


def by_hand(*, packed: bool = False) -> Model:
    """The model of BY_HAND with segments Comedy (a, c), War (d, e) and Gloom (b). Packing it loses nothing."""
    embedding = ItemEmbedding.from_dense(BY_HAND, 2)
    return Model(
        embedding=PackedEmbedding.pack(embedding) if packed else embedding,
        popularity=np.array([0.5, 0.4, 0.3, 0.2, 0.1, 0.05], np.float32),
        vocabulary=Vocabulary.of("abcdef"),
        catalog=Catalog(
            Strings.pack(["Airplane!", "Brazil", "Clerks", "Das Boot", "", "Fog"]),
            {
                "year": NumberColumn(np.array([1980, 1985, 1994, 1981, np.nan, 1980])),
                "country": CategoryColumn(np.array([0, 1, 0, 2, -1, 0], np.int32), Strings.pack(["US", "UK", "DE"])),
                "genres": ListColumn(
                    np.array([0, 1, 3, 4, 5, 5, 5], np.int64),
                    np.array([0, 0, 2, 0, 1], np.int32),
                    Strings.pack(["Comedy", "War", "Sci-Fi"]),
                ),
                "poster": LinkColumn(Strings.pack(["https://example.org/a.jpg", "", "", "", "", ""])),
            },
        ),
        segments=Segments(
            starts=np.array([0, 1, 2, 3], np.int64),
            dims=as_dims(np.array([0, 1, 3]), 4),
            signs=np.array([1, -1, -1], np.int8),
            membership=np.array([0, 2, 0, 1, 1, -1], np.int32),
            ids=Strings.pack(["s1", "s2", "s3"]),
            labels=Strings.pack(["Comedy", "War", "Gloom"]),
            n_dims=4,
        ),
    )


def grown() -> Model:
    """The same with guests, b of Comedy and a of War, War made of three groups, and samples: a, b and c; d and f."""
    model = by_hand()
    tree = MergeTree.of(
        [
            ([(0, 1)], []),
            ([(1, -1), (2, 1), (3, 1)], [Merge(0, 2, 0.75), Merge(3, 1, 0.5)]),
            ([(3, -1)], []),
        ],
        np.uint16,
    )
    guests = Guests(np.array([0, 1, 2, 2], np.int64), np.array([1, 0], np.int32))
    samples = Samples(np.array([0, 3, 5], np.int64), np.array([0, 1, 2, 3, 5], np.int32))
    return replace(model, segments=replace(model.segments, guests=guests, tree=tree), samples=samples)


def random_model(
    seed: int, *, n_items: int = 200, n_dims: int = 32, k: int = 4, n_segments: int = 8, packed: bool = False
) -> Model:
    """Signed unit rows, some equal (ties), some empty, and segments over random signed dims."""
    rng = np.random.default_rng(seed)
    dense = rng.normal(size=(n_items, n_dims))
    dense[1::17] = dense[0]
    dense[5::31] = 0.0
    embedding = ItemEmbedding.from_dense(dense, k)
    membership = rng.integers(0, n_segments, n_items).astype(np.int32)
    membership[~embedding.coded] = -1
    visitors = rng.choice(n_items * n_segments, n_items // 2, replace=False)
    hosts, visiting = np.divmod(np.sort(visitors), n_items)
    kept = membership[visiting] != hosts
    guests = Guests(
        np.searchsorted(hosts[kept], np.arange(n_segments + 1)).astype(np.int64), visiting[kept].astype(np.int32)
    )
    rows = [np.sort(rng.choice(n_dims, rng.integers(1, min(6, n_dims + 1)), replace=False)) for _ in range(n_segments)]
    return Model(
        embedding=PackedEmbedding.pack(embedding) if packed else embedding,
        popularity=rng.random(n_items).astype(np.float32).round(2),
        vocabulary=Vocabulary.of(f"item-{row}" for row in range(n_items)),
        catalog=Catalog(Strings.pack(f"Title {row}" for row in range(n_items))),
        segments=Segments(
            starts=np.cumsum([0] + [len(row) for row in rows]).astype(np.int64),
            dims=as_dims(np.concatenate(rows), n_dims),
            signs=rng.choice([-1, 1], sum(len(row) for row in rows)).astype(np.int8),
            membership=membership,
            ids=Strings.pack(f"s{row}" for row in range(n_segments)),
            labels=Strings.pack(f"Segment {row}" for row in range(n_segments)),
            n_dims=n_dims,
            guests=guests,
        ),
    )
