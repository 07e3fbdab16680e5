"""Real tables are read with the counts that are known of them; nothing is trained."""

from pathlib import Path

import numpy as np
import polars as pl

from index.catalog import Catalog, CategoryColumn, LinkColumn, ListColumn, NumberColumn
from trainer.interactions import read_interactions
from trainer.items import ItemColumns, read_catalog
from trainer.tables import read_table


def catalog_of(path: Path, item_ids: list[str]) -> Catalog:
    return read_catalog(read_table(path), item_ids, ItemColumns(), path.name).catalog


def test_movielens_1m_is_read(test_data: Path) -> None:
    folder = test_data / "ml-1m"
    found = read_interactions(folder / "ratings.parquet")
    assert found.min_rating == 4
    assert found.n_users == 6_034
    assert found.n_items == 3_533
    assert found.matrix.nnz == 575_272
    assert "read 1,000,209 rows" in found.story[0]
    n_positive = 1_000_209 - 424_928
    assert n_positive == 575_281
    assert "dropped 424,928 rows rated below 4" in found.story[1]
    assert "9 rows of 4 users with fewer than 5 items" in found.story[2]
    table = pl.read_parquet(folder / "ratings.parquet").filter(pl.col("rating") >= 4)
    per_user = dict(table.group_by("user_id").len().rows())
    assert [per_user[int(user_id)] for user_id in found.user_ids] == np.diff(found.matrix.indptr).tolist()


def test_movielens_1m_films_are_read(test_data: Path) -> None:
    found = read_interactions(test_data / "ml-1m" / "ratings.parquet")
    catalog = catalog_of(test_data / "ml-1m" / "movies.parquet", found.item_ids)
    assert catalog.title(found.item_ids.index("1")) == "Toy Story (1995)"
    assert all(catalog.titles)
    genres = catalog.attributes["genres"]
    assert isinstance(genres, ListColumn)
    assert genres.value(found.item_ids.index("1")) == ["Animation", "Children's", "Comedy"]
    assert len(genres.categories) == 18


def test_the_goodbooks_sample_is_read(test_data: Path) -> None:
    found = read_interactions(test_data / "goodbooks-sample" / "train.parquet")
    assert found.min_rating is None
    assert found.n_users == 2_550
    assert found.matrix.nnz == 194_822
    catalog = catalog_of(test_data / "goodbooks-sample" / "books.parquet", found.item_ids)
    assert catalog.violation(found.n_items) is None
    assert str(catalog.title(found.item_ids.index("1"))).startswith("The Hunger Games")
    assert {name: type(column) for name, column in catalog.attributes.items()} == {
        "authors": ListColumn,
        "year": NumberColumn,
        "language_code": CategoryColumn,
        "average_rating": NumberColumn,
        "ratings_count": NumberColumn,
        "shelf_tags": ListColumn,
        "dbpedia_genres": ListColumn,
        "image_url": LinkColumn,
    }
