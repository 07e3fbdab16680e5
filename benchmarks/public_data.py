"""The data that the figures of the README were measured on."""

import os
import sys
from pathlib import Path

import polars as pl

from trainer.datasets import load
from trainer.interactions import Interactions, binarise, read_interactions

NAMES = ("ml-100k", "ml-1m", "goodbooks-sample")


def interactions_of(name: str) -> Interactions:
    """ml-100k is fetched; the others lie under the folder that SPARSESHELF_TEST_DATA names."""
    if name == "ml-100k":
        return binarise(load(name, Path("data"), lambda text: print(text, file=sys.stderr)).ratings, name)
    folder = os.environ.get("SPARSESHELF_TEST_DATA")
    if folder is None:
        raise SystemExit(f"{name}: SPARSESHELF_TEST_DATA must name the folder with {name}/ in it")
    if name == "ml-1m":
        return read_interactions(Path(folder, name, "ratings.parquet"))
    train = pl.read_parquet(Path(folder, name, "train.parquet"))
    test = pl.read_parquet(Path(folder, name, "test.parquet"))
    both = pl.concat(
        [
            train.select(pl.format("train-{}", "user_id").alias("user_id"), pl.col("book_id").cast(pl.String)),
            test.select(pl.format("test-{}", "row").alias("user_id"), pl.col("book_id").cast(pl.String)),
        ]
    )
    return binarise(both.rename({"book_id": "item_id"}), name)
