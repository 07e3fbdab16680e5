"""Asking the command line, in this process or in one of its own."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from trainer.__main__ import main

ROOT = Path(__file__).parent.parent.parent
TINY = (
    "--threads 1 --dims 16 --nonzeros 4 --prune-epochs 2 --regrow-epochs 2 --final-epochs 2 --min-segment-items 1"
).split()
Console = pytest.CaptureFixture[str]


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "trainer", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def films(folder: Path, n_users: int = 60) -> list[str]:
    """Ratings and items of a shop with two tastes, as two files; the options that name them."""
    rng = np.random.default_rng(0)
    rows = ["user_id,movie_id,rating"]
    for user in range(n_users):
        ours = rng.choice(np.arange(user % 2, 40, 2), 10, replace=False)
        rows += [f"{user},{item},{rng.integers(4, 6)}" for item in ours] + [f"{user},{39 - user % 2},1"]
    (folder / "ratings.csv").write_text("\n".join(rows) + "\n")
    items = ["movie_id\ttitle\tyear\tgenres\tcountry\tplot"]
    for item in range(45):
        genre, country = ("Comedy", "War")[item % 2], ("US", "UK")[item % 3 == 0]
        items.append(f"{item}\tFilm {item}\t{1980 + item}\t{genre},Drama\t{country}\tAll of {item}.")
    (folder / "items.tsv").write_text("\n".join(items) + "\n")
    return ["--data", str(folder / "ratings.csv"), "--items", str(folder / "items.tsv")]


def refused(console: Console, code: int, out: Path, *arguments: str) -> str:
    """Runs `fit`, expects it to fail with `code`, one error line and nothing in `out`; returns that line."""
    assert main(["fit", *arguments, "--out", str(out)]) == code
    captured = console.readouterr()
    assert not captured.out
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    assert files(out) == {}
    return line


def exit_code(*arguments: str) -> int:
    """Of `main`, whether it returns or leaves as argparse does."""
    try:
        return main(arguments)
    except SystemExit as left:
        return int(left.code or 0)
