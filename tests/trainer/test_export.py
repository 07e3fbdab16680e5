"""From the model to the embedding."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from trainer.export import to_embedding
from trainer.model import CompressedElsa


@given(st.integers(0, 2**32), st.integers(1, 20), st.integers(1, 12), st.data())
def test_the_weights_of_trained_rows_are_kept_and_the_others_are_zero(
    seed: int, n_items: int, n_dims: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    k = data.draw(st.integers(1, n_dims))
    dense = rng.normal(size=(n_items, n_dims)).astype(np.float32)
    trained = rng.random(n_items) < 0.7
    model = CompressedElsa(torch.from_numpy(dense))
    if k < n_dims:
        model.prune(k)
    found = to_embedding(model, trained)
    assert found.violation() is None
    assert (found.k, found.n_dims) == (k, n_dims)
    for row, kept in enumerate(found.to_dense()):
        expected = np.zeros(n_dims)
        if trained[row]:
            strongest = np.argsort(-np.abs(dense[row]))[:k]
            expected[strongest] = dense[row][strongest] / np.linalg.norm(dense[row][strongest])
        np.testing.assert_allclose(kept, expected, atol=1e-6)


def test_a_model_that_is_being_trained_can_be_exported() -> None:
    model = CompressedElsa(torch.eye(3) * 2)
    model.loss(torch.ones(2, 3), "linear").backward()  # type: ignore[no-untyped-call]
    assert to_embedding(model, np.ones(3, np.bool_)).to_dense().tolist() == np.eye(3).tolist()


def test_half_precision_becomes_float32() -> None:
    found = to_embedding(CompressedElsa(torch.eye(3, dtype=torch.bfloat16)), np.ones(3, np.bool_))
    assert found.weights.dtype == np.float32
