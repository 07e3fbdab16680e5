"""What a search meets in the published weights and in what benchmarks/synthetic_codes.py makes of their size.

python -m benchmarks.generator_fit

Medians over histories: active dims; the share of all non-zeros in their lists; the share of all non-zeros that the
lists hold that are read; items scored by their codes; the n-th best score and the first to the profile's length.
"""

import numpy as np
from numpy.typing import NDArray

from benchmarks.search_matrices import Matrix, load
from index.packed import PackedEmbedding
from index.search import Mask, PackedSearch
from index.search_kernels import LISTS

_QUERIES = 100


def main() -> None:
    print("| history | top | | active dims | touched | read | scored | n-th score | first |")
    print("|---:|---:|---|---:|---:|---:|---:|---:|---:|")
    matrices = {name: load(name) for name in ("published", "synthetic-10k")}
    for length in (20, 77):
        for n in (10, 100):
            rows = {name: met(matrix, length, n) for name, matrix in matrices.items()}
            for name, row in rows.items():
                print(f"| {length} | {n} | {name} | " + " | ".join(f"{value:.3g}" for value in row) + " |")
            published, made = rows.values()
            print("| | | made / published | " + " | ".join(f"{value:.2f}" for value in made / published) + " |")


def met(matrix: Matrix, length: int, n: int) -> NDArray[np.float64]:
    packed = PackedEmbedding.pack(matrix.codes)
    search = PackedSearch(packed)
    lists = search.index.postings.lengths.reshape(-1, 2).sum(axis=1)
    found = []
    for history in matrix.histories(length, _QUERIES):
        profile = packed.profile(history, np.ones(length))
        dims = np.flatnonzero(profile)
        ranking, work = search.search(profile, n, Mask.hiding(history), LISTS)
        scores = ranking.scores[[-1, 0]] / np.linalg.norm(profile)
        shares = lists[dims].sum() / lists.sum(), work.entries / lists.sum()
        found.append([len(dims), *shares, work.first_scored + work.last_scored, *scores])
    return np.asarray(np.median(found, axis=0))


if __name__ == "__main__":
    main()
