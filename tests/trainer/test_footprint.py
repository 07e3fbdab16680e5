"""What a run will take, and what to do where that is too much."""

import re
from dataclasses import replace

import numpy as np
import pytest

from index.embedding import ItemEmbedding
from tests.trainer.worlds import random_matrix
from trainer.baselines import ease
from trainer.checkpoint import Checkpoint
from trainer.errors import ConfigurationError
from trainer.fit import fit
from trainer.fit_options import FitOptions
from trainer.footprint import bytes_needed, check_memory, check_segments, checkpoint_bytes, start_bytes

WIDE = FitOptions(dims=4096, nonzeros=16, batch_size=1024)


def test_what_is_sure_to_be_there_is_counted() -> None:
    """Weights, two moments and A, and the errors of a batch; on an accelerator torch's own steps."""
    some = replace(WIDE, dims=512, batch_size=256)
    assert bytes_needed(1000, some) >= 4 * 1000 * (4 * 512 + 256)
    assert bytes_needed(1000, replace(some, precision="bfloat16")) >= 2 * 1000 * (7 * 512 + 256)
    assert bytes_needed(1000, some, "cuda") > bytes_needed(1000, some)
    assert bytes_needed(1000, replace(WIDE, batch_size=None)) == bytes_needed(1000, WIDE)
    assert bytes_needed(1000, replace(WIDE, restart=True)) > bytes_needed(1000, WIDE)


def test_a_sparse_start_takes_memory_by_its_weights_and_not_by_dims() -> None:
    dense, sparse = replace(WIDE, batch_size=256), replace(WIDE, batch_size=256, start_nonzeros=64)
    n_items = 10**6
    assert bytes_needed(n_items, sparse) < bytes_needed(n_items, dense) / 8
    assert start_bytes(n_items, sparse) < start_bytes(n_items, dense) / 8
    assert bytes_needed(n_items, sparse) >= 4 * n_items * (5 * 64 + 256)
    assert bytes_needed(n_items, replace(sparse, loss="relu")) > 6 * n_items * 4096 / 2
    assert bytes_needed(n_items, replace(sparse, sparse_below=64)) > 4 * n_items * 4096
    assert bytes_needed(n_items, sparse, "cuda") < bytes_needed(n_items, dense, "cuda") / 2


def refusal(n_items: int, options: FitOptions, available: int) -> str:
    with pytest.raises(ConfigurationError) as refused:
        check_memory(n_items, options, available)
    return str(refused.value)


def test_a_refusal_names_the_settings_that_would_help_and_they_do() -> None:
    available = bytes_needed(100_000, WIDE) * 19 // 20
    words = refusal(100_000, WIDE, available)
    assert re.search(r"training 4096 dims of 100,000 items takes about \d+\.\d GiB, \d+\.\d are there", words)
    dims, batch_size, max_outputs = (
        int(re.search(rf"{name} (\d+)", words)[1])  # type: ignore[index]
        for name in ("--dims", "--batch-size", "--max-outputs")
    )
    for changed in (
        replace(WIDE, dims=dims),
        replace(WIDE, batch_size=batch_size),
        replace(WIDE, max_outputs=max_outputs),
    ):
        check_memory(100_000, changed, available)


def test_what_does_not_help_alone_is_not_advised() -> None:
    assert "--batch-size" not in refusal(100_000, WIDE, bytes_needed(100_000, WIDE) // 2)


def test_a_catalogue_beyond_the_machine_is_told_so() -> None:
    assert "on a larger machine or on fewer items" in refusal(10**9, WIDE, 2**30)


def test_no_checkpoint_is_larger_than_was_said() -> None:
    for options in (
        FitOptions(dims=64, nonzeros=4, prune_epochs=3, regrow_epochs=2, final_epochs=2),
        FitOptions(dims=64, nonzeros=4, prune_epochs=3, regrow_epochs=2, final_epochs=2, dense_epochs=2),
        FitOptions(dims=64, nonzeros=4, prune_epochs=3, regrow_epochs=2, final_epochs=2, start_nonzeros=16),
    ):
        sizes: list[int] = []

        def keep(state: Checkpoint, sizes: list[int] = sizes) -> None:
            sizes.append(sum(array.nbytes for array in state.arrays.values()))

        fit(random_matrix(1, 60, 900), None, options, lambda _: None, keep=keep)
        assert max(sizes) <= checkpoint_bytes(900, options) <= max(sizes) + 2**20 + 900 * 64 * 8


def test_ease_says_what_it_takes() -> None:
    with pytest.raises(ConfigurationError, match=r"EASE on 100,000 items takes about 372\.5 GiB.*--compare"):
        ease.check_memory(100_000, 2**34)


def test_more_groups_than_memory_are_refused_before_they_are_looked_at() -> None:
    embedding = ItemEmbedding.from_dense(np.random.default_rng(0).normal(size=(300, 64)), 4)
    check_segments(embedding, 2**20)
    with pytest.raises(ConfigurationError, match=r"segments of 1\d\d groups take about 0.0 GiB"):
        check_segments(embedding, 2**14)
