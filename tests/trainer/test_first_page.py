"""The first thing anyone sees: MovieLens 100K's segments and pages, trained as `make demo` does."""

from pathlib import Path

import numpy as np
import pytest

from index import artifact
from index.artifact import Artifact
from index.recommender import Recommender
from trainer import datasets
from trainer.__main__ import main
from trainer.errors import DataError

DATA = Path(__file__).parent.parent.parent / "data"


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    try:
        datasets.load("ml-100k", DATA, lambda _: None)
    except DataError as error:
        pytest.skip(f"MovieLens 100K is out of reach: {error}")
    out = tmp_path_factory.mktemp("artifacts")
    assert main(["fit", "--dataset", "ml-100k", "--data-dir", str(DATA), "--out", str(out), "--quiet"]) == 0
    return artifact.open_current(out)


def test_at_least_fifteen_segments_are_large_enough_for_a_shelf_and_hold_most_items(demo: Artifact) -> None:
    sizes = demo.model.segments.sizes
    coded = demo.model.embedding.coded.sum()
    assert (sizes >= 12).sum() >= 15
    assert sizes[sizes >= 12].sum() >= 0.7 * coded
    assert sizes.max() <= 0.15 * coded


def test_labels_are_short_and_no_two_are_one(demo: Artifact) -> None:
    labels = list(demo.model.segments.labels)
    assert len({frozenset(label.lower().replace("/", " ").split()) for label in labels}) == len(labels)
    assert max(map(len, labels)) <= 60


def test_who_likes_animation_gets_animation(demo: Artifact) -> None:
    genres = demo.model.catalog.attributes["genres"]
    histories = ["1", "71", "588"], ["71", "95", "1"], ["95", "404", "588"]
    pages = [Recommender(demo.model, "demo").homepage(films, shelves=3, items_per_shelf=6) for films in histories]
    first = [
        demo.model.vocabulary.row(item.item_id) for page in pages for shelf in page.shelves for item in shelf.items
    ]
    children = np.mean(["Children's" in str(genres.value(row)) for row in first if row is not None])
    everywhere = np.mean(["Children's" in str(genres.value(row)) for row in range(demo.model.embedding.n_items)])
    assert children > 3 * everywhere


def test_it_is_far_better_than_popularity(demo: Artifact) -> None:
    systems = demo.manifest.metrics["test"]
    ours, popular = systems["sparseshelf, 16 of 128"], systems["popular"]
    assert ours["ndcg@100"] > 1.5 * popular["ndcg@100"]
