"""After a warm-up no request compiles anything."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import write
from tests.worlds import random_model

ROOT = Path(__file__).parent.parent.parent
PROGRAM = """
import sys
from index import block_kernels, bound_kernels, essential_kernels, kernels, packed_kernels
from index import search_kernels, string_kernels
from index.recommender import Recommender

def signatures():
    modules = block_kernels, bound_kernels, essential_kernels, kernels, packed_kernels, search_kernels, string_kernels
    functions = [function for module in modules for function in vars(module).values()]
    return sum(len(function.signatures) for function in functions if hasattr(function, "signatures"))

recommender = Recommender.open(sys.argv[1])
recommender.warm_up()
warm = signatures()
assert warm
items = [f"item-{row}" for row in range(600)]
for history in ([], items[:3], {items[0]: -1.0, items[7]: 0.5}):
    for n in (1, 10, 400):
        for limit in ({}, {"candidates": items[:5]}, {"candidates": items[:400]}, {"segments": ["s1"]}):
            recommender.recommend(history, n, **limit, exclude=items[9:50])
    recommender.segments(history, 3)
    recommender.homepage(history)
recommender.similar(items[4])
recommender.rank_items([items[:3], []], 10)
assert signatures() == warm, signatures() - warm
"""


@pytest.mark.parametrize(("packed", "n_dims"), [(True, 32), (True, 4097), (False, 32)])
def test_after_a_warm_up_no_request_compiles(tmp_path: Path, packed: bool, n_dims: int) -> None:
    write(tmp_path, random_model(3, n_items=600, n_dims=n_dims, packed=packed))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
