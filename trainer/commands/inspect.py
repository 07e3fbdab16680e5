"""inspect: verify an artifact and say what is in it; decode its item matrix."""

import argparse
import json
import os
from pathlib import Path

import numpy as np

from index import artifact
from index.model import Model
from trainer import summary
from trainer.errors import ConfigurationError, DataError


def run(options: argparse.Namespace) -> None:
    version = options.version or artifact.current_version(options.artifacts)
    opened = artifact.open_version(options.artifacts, version)
    if options.dense:
        _write_matrix(opened.model, options.dense)
    print(json.dumps(summary.as_json(opened), indent=2) if options.json else summary.described(opened))


def _write_matrix(model: Model, path: Path) -> None:
    """A as scipy's CSR in float32, whatever it is stored as, and the ids of its rows; whole or not at all."""
    if path.suffix != ".npz":
        raise ConfigurationError(f"--dense {path}: the file must end in .npz")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    dims, weights = model.embedding.codes_of(np.arange(model.embedding.n_items, dtype=np.int32))
    alive = weights != 0
    try:
        with partial.open("wb") as file:
            np.savez(
                file,
                format=b"csr",
                shape=np.array([model.embedding.n_items, model.embedding.n_dims], np.int64),
                indptr=np.concatenate([[0], np.cumsum(alive.sum(axis=1))]),
                indices=dims[alive].astype(np.int32),
                data=weights[alive],
                item_ids=np.array(list(model.vocabulary.item_ids), np.str_),
                allow_pickle=False,
            )
        os.replace(partial, path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error})") from error
    finally:
        partial.unlink(missing_ok=True)
