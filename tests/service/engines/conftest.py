"""A shop of 70 items with attributes of every type, and engines that hold it."""

import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import QdrantClient

from index.artifact import Artifact
from index.catalog import CategoryColumn, NumberColumn
from index.embedding import ItemEmbedding
from index.model import Model
from index.points import items_of
from index.vocabulary import Strings
from service.engines.engine import Engine
from service.engines.qdrant_folder import QdrantFolder
from service.engines.qdrant_server import QdrantServer
from tests.conftest import write
from tests.filtered import N_ITEMS, catalog
from tests.worlds import random_model
from trainer.export import qdrant_folder, qdrant_server


def attributed(*, in_common: bool) -> Model:
    """Random codes, some equal, some without any; `in_common`: all with a weight on dim 0, so that all are found."""
    model = random_model(5, n_items=N_ITEMS, n_dims=16, k=4)
    dense = model.embedding.to_dense().astype(np.float64)
    if in_common:
        dense[:, 0] = np.linspace(3, 2, N_ITEMS)
    items = catalog(3)
    odd = CategoryColumn(np.arange(N_ITEMS, dtype=np.int32) % 3 - 1, Strings.pack(["", "a.b"]))
    attributes = {**items.attributes, "odd name[1].é": odd, 'quoted "name"': NumberColumn(np.arange(N_ITEMS) / 2)}
    return replace(model, embedding=ItemEmbedding.from_dense(dense, 5), catalog=replace(items, attributes=attributes))


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    return write(tmp_path_factory.mktemp("shop"), attributed(in_common=False))


def exported(folder: Path, model: Model, version: str) -> Path:
    """As `python -m trainer export --to qdrant FOLDER` leaves it."""
    engine = qdrant_folder.QdrantFolder(folder, version)
    engine.write(items_of(model), lambda _: None)
    engine.close()
    return folder


@pytest.fixture(scope="session", params=["folder", "server"])
def common(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine that finds all items of version "v" by dim 0; the server's client is asked in process."""
    model = attributed(in_common=True)
    engine: Engine
    if request.param == "folder":
        engine = QdrantFolder(exported(tmp_path_factory.mktemp("qdrant"), model, "v"))
    else:
        client = QdrantClient(":memory:")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # in process it has no indexes of attributes
            qdrant_server.QdrantServer(client, "", "shelf", "v").write(items_of(model), lambda _: None)
        engine = QdrantServer(client, "shelf")
    yield engine
    engine.close()
