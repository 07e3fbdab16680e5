"""The data that the figures of the README were measured on.

python -m benchmarks.public_data goodbooks-sample reports/goodbooks-sample.parquet

writes the positive pairs of one of them as a file that `python -m trainer` reads.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from index.catalog import Catalog
from trainer.datasets import load
from trainer.interactions import Interactions, binarise, read_interactions
from trainer.items import ItemColumns, read_catalog

NAMES = ("ml-100k", "ml-1m", "goodbooks-sample")


def interactions_of(name: str) -> Interactions:
    """ml-100k is fetched; the others lie under the folder that SPARSESHELF_TEST_DATA names."""
    if name == "ml-100k":
        return binarise(load(name, Path("data"), _note).ratings, name)
    if name == "ml-1m":
        return read_interactions(folder_of(name) / "ratings.parquet")
    train = pl.read_parquet(folder_of(name) / "train.parquet")
    test = pl.read_parquet(folder_of(name) / "test.parquet")
    both = pl.concat(
        [
            train.select(pl.format("train-{}", "user_id").alias("user_id"), pl.col("book_id").cast(pl.String)),
            test.select(pl.format("test-{}", "row").alias("user_id"), pl.col("book_id").cast(pl.String)),
        ]
    )
    return binarise(both.rename({"book_id": "item_id"}), name)


def catalog_of(name: str, item_ids: Sequence[str]) -> Catalog:
    if name == "ml-100k":
        frame = load(name, Path("data"), _note).items
    else:
        frame = pl.read_parquet(
            folder_of(name) / {"ml-1m": "movies.parquet", "goodbooks-sample": "books.parquet"}[name]
        )
    return read_catalog(frame, item_ids, ItemColumns(), name).catalog


def folder_of(name: str) -> Path:
    folder = os.environ.get("SPARSESHELF_TEST_DATA")
    if folder is None:
        raise SystemExit(f"{name}: SPARSESHELF_TEST_DATA must name the folder with {name}/ in it")
    return Path(folder, name)


def _note(text: str) -> None:
    print(text, file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", choices=NAMES)
    parser.add_argument("out", type=Path, metavar="FILE.parquet")
    arguments = parser.parse_args()
    found = interactions_of(arguments.dataset)
    pairs = found.matrix.tocoo()
    table = {
        "user_id": pl.Series(found.user_ids)[pairs.row.tolist()],
        "item_id": pl.Series(found.item_ids)[pairs.col.tolist()],
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(table).write_parquet(arguments.out)


if __name__ == "__main__":
    main()
