"""A shop to look at: trained for real, with titles and ids that need care, and links to pictures."""

import contextlib
import io
from pathlib import Path

import polars as pl

from tests.trainer.worlds import FIT_QUICKLY
from trainer.__main__ import main
from trainer.datasets.synthetic import THEMES, generate

MARKUP = "<img src=x onerror=alert(1)> & <b>bold</b>"
"""The title of an item that everybody who walks in the Alps has."""
STRANGE_ID = "a/b?c=\"d\" & 'e' #f %2F ü 🦊"
"""The id of one that everybody who bakes has."""
MISSING_PICTURE = "Chess No. 1"
"""Its picture is linked, and is not there."""
_FIT = [word for word in FIT_QUICKLY if word not in {"--dataset", "synthetic"}]


def train(folder: Path, pictures: str, seed: int = 1) -> Path:
    """An artifact folder in `folder`, with samples, and pictures from the origin `pictures`."""
    ratings, items = generate(seed=1)
    renamed = {"i1": STRANGE_ID}
    ratings = ratings.with_columns(pl.col("item_id").replace(renamed))
    titles = items["title"].to_list()
    rows = [
        {
            "item_id": renamed.get(item_id, item_id),
            "title": MARKUP if place == 0 else titles[place],
            "year": 1950 + place % 70,
            "themes": [THEMES[place % len(THEMES)]],
            "maker": ("Smith", "Jones", "Larsen")[place % 3],
            "poster": f"{pictures}/{'missing' if titles[place] == MISSING_PICTURE else place}.png"
            if place < 120
            else None,
        }
        for place, item_id in enumerate(items["item_id"])
    ]
    ratings.write_parquet(folder / "ratings.parquet")
    pl.DataFrame(rows).write_parquet(folder / "items.parquet")
    options = ["--data", folder / "ratings.parquet", "--items", folder / "items.parquet", "--out", folder / "artifacts"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
        code = main([*_FIT, *map(str, options), "--samples", "6", "--seed", str(seed)])
    assert code == 0, said.getvalue()
    return folder / "artifacts"
