"""The synthetic catalogue, fitted once, and one artifact of it."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from index.embedding import ItemEmbedding
from index.segments import Segments
from tests.trainer.worlds import FIT_QUICKLY, QUICK, Shop
from trainer import datasets
from trainer.__main__ import main
from trainer.baselines.popular import popularity
from trainer.fit import fit
from trainer.interactions import binarise
from trainer.items import ItemColumns, read_catalog
from trainer.segmentation import SegmentOptions, segment
from trainer.split import split


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for each other make small matrices slow on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    tables = datasets.load("synthetic", tmp_path_factory.mktemp("data"), print, seed=1)
    interactions = binarise(tables.ratings, "synthetic")
    catalog = read_catalog(tables.items, interactions.item_ids, ItemColumns(), "synthetic").catalog
    return Shop(tables, interactions, catalog, split(interactions, seed=1))


@pytest.fixture(scope="session")
def embedding(shop: Shop) -> ItemEmbedding:
    return fit(shop.parts.train, shop.validation, QUICK, lambda _: None)


@pytest.fixture(scope="session")
def segments(shop: Shop, embedding: ItemEmbedding) -> Segments:
    return segment(embedding, shop.catalog, shop.interactions.item_ids, popularity(shop.parts.train), SegmentOptions())


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one version, written by the command line."""
    folder = tmp_path_factory.mktemp("artifacts")
    with contextlib.redirect_stdout(io.StringIO()):
        assert main([*FIT_QUICKLY, "--out", str(folder)]) == 0
    return folder
