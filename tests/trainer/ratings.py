"""One ratings table in every format that the trainer reads."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl

COLUMNS = ("user_id", "item_id", "rating", "timestamp")
# user, item, rating, timestamp. User 3 has too few positive items, (1, 30) comes twice, item 70 is nobody's favourite.
ROWS = [
    (1, 30, 5.0, 100),
    (1, 30, 4.0, 105),
    (1, 20, 4.5, 101),
    (1, 70, 1.0, 102),
    (2, 100, 4.0, 103),
    (2, 20, 5.0, 104),
    (10, 20, 4.0, 110),
    (10, 100, 4.0, 111),
    (10, 30, 3.5, 112),
    (3, 20, 5.0, 120),
    (3, 70, 2.0, 121),
]
KINDS = (
    "ratings.csv",
    "ratings.tsv",
    "ratings.csv.gz",
    "ratings.tsv.gz",
    "ratings.CSV",
    "ratings.inter",
    "ratings.inter.gz",
    "ratings.parquet",
    "ratings.jsonl",
    "ratings.ndjson",
)


def write(folder: Path, name: str, rows: Sequence[tuple[int, int, float, int]] = ROWS) -> Path:
    """Writes `rows` as `name`, by its ending."""
    path = folder / name
    kind = name.lower().removesuffix(".gz").rsplit(".", 1)[1]
    if kind == "parquet":
        pl.DataFrame(rows, schema=COLUMNS, orient="row").write_parquet(path)
        return path
    if kind in ("jsonl", "ndjson"):
        lines = [json.dumps(dict(zip(COLUMNS, row, strict=True))) for row in rows]
    else:
        separator = "," if kind == "csv" else "\t"
        header = COLUMNS
        if kind == "inter":
            header = ("user_id:token", "item_id:token", "rating:float", "timestamp:float")
        lines = [separator.join(header), *(separator.join(map(str, row)) for row in rows)]
    content = ("\n".join(lines) + "\n").encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path
