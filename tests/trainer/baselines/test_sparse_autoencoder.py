"""CompresSAE against its formula in plain numpy and by autograd, and against a random projection."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.nn.functional import cosine_similarity, normalize

from index.embedding import ItemEmbedding
from trainer.baselines.sparse_autoencoder import AutoencoderOptions, Descent, SparseAutoencoder, encode, learn
from trainer.errors import ConfigurationError, TrainingError

Array = NDArray[np.float64]
QUICK = AutoencoderOptions(hidden=24, learning_rate=0.01, epochs=6, batch_size=32)


def model_of(width: int, hidden: int, k: int, seed: int) -> SparseAutoencoder:
    """A model whose bias is not zero and whose decoder differs from its encoder, in float64."""
    generator = torch.Generator().manual_seed(seed)
    model = SparseAutoencoder(width, hidden, k, generator)
    with torch.no_grad():
        model.bias.copy_(torch.randn(hidden, generator=generator) * 0.3)
        model.decoder.copy_(torch.randn(hidden, width, generator=generator))
        model.normalise()
    return model


def signed_top(activations: Array, k: int) -> Array:
    kept = np.zeros_like(activations)
    for row, values in enumerate(activations):
        for dim in sorted(range(len(values)), key=lambda dim: -abs(values[dim]))[:k]:
            kept[row, dim] = values[dim]
    return kept


def loss_by_formula(x: Array, arrays: list[Array], k: int) -> float:
    encoder, bias, decoder = arrays

    def distance(kept: int) -> float:
        decoded = signed_top(x @ encoder.T + bias, kept) @ decoder
        lengths = np.linalg.norm(decoded, axis=1) * np.linalg.norm(x, axis=1)
        return float(np.mean(1 - (decoded * x).sum(axis=1) / lengths))

    return distance(k) + distance(4 * k) / 8


def arrays_of(model: SparseAutoencoder) -> list[Array]:
    return [part.detach().numpy().astype(np.float64) for part in (model.encoder, model.bias, model.decoder)]


def rows_of_length_1(seed: int, n_items: int, width: int) -> NDArray[np.float32]:
    matrix = np.random.default_rng(seed).normal(size=(n_items, width))
    return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True), np.float32)


@given(st.integers(0, 2**32), st.integers(1, 9), st.integers(2, 7), st.integers(1, 20), st.integers(1, 4))
def test_the_loss_is_the_formula_with_a_term_of_four_times_k(
    seed: int, n_items: int, width: int, hidden: int, k: int
) -> None:
    k = min(k, hidden)
    model = model_of(width, hidden, k, seed)
    x = rows_of_length_1(seed, n_items, width)
    expected = loss_by_formula(x.astype(np.float64), arrays_of(model), k)
    assert Descent(model, 0.01).differentiate(torch.from_numpy(x)).item() == pytest.approx(expected, abs=1e-5)


def test_the_term_of_four_times_k_sees_activations_that_the_other_does_not() -> None:
    model = model_of(6, 20, 2, 0)
    x = torch.from_numpy(rows_of_length_1(0, 1, 6))
    Descent(model, 0.01).differentiate(x)
    assert model.decoder.grad is not None
    assert int((model.decoder.grad != 0).any(dim=1).sum()) == 8


def test_the_gradient_is_the_slope_of_the_formula() -> None:
    k = 2
    model = model_of(5, 12, k, 3).double()
    x = rows_of_length_1(3, 6, 5).astype(np.float64)
    Descent(model, 0.01).differentiate(torch.from_numpy(x))
    arrays = arrays_of(model)
    for part, parameter in enumerate((model.encoder, model.bias, model.decoder)):
        slopes = np.zeros_like(arrays[part])
        for place in np.ndindex(slopes.shape):
            ends = []
            for step in (1e-6, -1e-6):
                moved = [array.copy() for array in arrays]
                moved[part][place] += step
                ends.append(loss_by_formula(x, moved, k))
            slopes[place] = (ends[0] - ends[1]) / 2e-6
        assert parameter.grad is not None
        np.testing.assert_allclose(parameter.grad.numpy(), slopes, atol=1e-6)


def loss_by_autograd(model: SparseAutoencoder, x: torch.Tensor) -> torch.Tensor:
    activations = x @ model.encoder.T + model.bias

    def distances(kept: int) -> torch.Tensor:
        chosen = activations.detach().abs().argsort(dim=1, descending=True)[:, :kept]
        codes = torch.zeros_like(activations).scatter(1, chosen, activations.gather(1, chosen))
        return 1 - cosine_similarity(codes @ model.decoder, x, dim=1)

    return (distances(model.k) + distances(4 * model.k) / 8).mean()


@given(st.integers(0, 2**32), st.integers(2, 9), st.integers(2, 7), st.integers(1, 20), st.integers(1, 4))
def test_steps_are_those_of_autograd_and_plain_adam(seed: int, n_items: int, width: int, hidden: int, k: int) -> None:
    k = min(k, hidden)
    model, plain = (model_of(width, hidden, k, seed).double() for _ in range(2))
    descent, adam = Descent(model, 0.01), torch.optim.Adam(plain.parameters(), lr=0.01)
    for batch in range(4):
        x = torch.from_numpy(rows_of_length_1(seed + batch, n_items, width).astype(np.float64))
        x /= x.norm(dim=1, keepdim=True)
        descent.step(x)
        adam.zero_grad()
        loss_by_autograd(plain, x).backward()  # type: ignore[no-untyped-call]
        adam.step()
        plain.decoder.data = normalize(plain.decoder.data, dim=1)
        for found, expected in zip(arrays_of(model), arrays_of(plain), strict=True):
            np.testing.assert_allclose(found, expected, atol=1e-6)


def test_in_bfloat16_each_step_starts_from_the_model_and_goes_nearly_the_same_way() -> None:
    x = torch.from_numpy(rows_of_length_1(3, 64, 32))
    exact, rounded = (model_of(32, 48, 4, 3) for _ in range(2))
    downhill = Descent(rounded, 0.01, "bfloat16")
    for _ in range(3):
        assert downhill.differentiate(x).item() == pytest.approx(Descent(exact, 0.01).differentiate(x).item(), abs=1e-2)
        for found, expected in zip(rounded.parameters(), exact.parameters(), strict=True):
            assert found.grad is not None
            assert expected.grad is not None
            assert found.dtype == found.grad.dtype == torch.float32
            assert cosine_similarity(found.grad.ravel(), expected.grad.ravel(), dim=0) > 0.98
        downhill.step(x)
        exact.load_state_dict(rounded.state_dict())


def test_a_codes_values_are_the_largest_activations_with_their_signs() -> None:
    model = model_of(8, 20, 3, 5)
    x = rows_of_length_1(5, 40, 8)
    encoder, bias, _ = arrays_of(model)
    expected = signed_top(x.astype(np.float64) @ encoder.T + bias, 3)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    codes = encode(model, torch.from_numpy(x))
    assert codes.violation() is None
    np.testing.assert_allclose(codes.to_dense(), expected, atol=1e-5)


def test_decoder_rows_have_length_1_before_and_after_training(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    differentiate = Descent.differentiate

    def watched(descent: Descent, x: torch.Tensor) -> torch.Tensor:
        seen.append(descent.model.decoder.detach().norm(dim=1).clone())
        return differentiate(descent, x)

    monkeypatch.setattr(Descent, "differentiate", watched)
    learn(rows_of_length_1(1, 100, 8), 2, QUICK)
    assert len(seen) == 6 * 4
    np.testing.assert_allclose(torch.stack(seen).numpy(), 1.0, atol=1e-5)


@given(st.integers(0, 2**32), st.integers(1, 24))
def test_codes_have_at_most_k_non_zeros_and_both_signs(seed: int, k: int) -> None:
    codes, _ = learn(rows_of_length_1(seed, 60, 8), k, QUICK)
    assert codes.violation() is None
    assert codes.k == k
    assert codes.n_dims == 24
    assert codes.coded.all()
    assert (codes.weights > 0).any()
    assert (codes.weights < 0).any()


def planted(seed: int, n_items: int, hidden: int, k: int) -> Array:
    """Codes (n_items, hidden) of k non-zeros with random signs, rows of length 1."""
    rng = np.random.default_rng(seed)
    codes = np.zeros((n_items, hidden))
    for code in codes:
        code[rng.choice(hidden, k, replace=False)] = rng.choice([-1, 1], k) * rng.uniform(0.5, 1.5, k)
    return np.asarray(codes / np.linalg.norm(codes, axis=1, keepdims=True))


def error_of_cosines(codes: Array, found: ItemEmbedding) -> float:
    """How far the found codes' cosines are from the planted ones', whatever the dims are called."""
    matrix = found.to_dense()
    return float(np.square(matrix @ matrix.T - codes @ codes.T).mean())


def test_planted_sparse_codes_are_found_better_than_by_a_random_projection() -> None:
    codes = planted(1, 800, 48, 2)
    matrix = (codes @ np.random.default_rng(2).normal(size=(48, 32))).astype(np.float32)
    found, _ = learn(matrix, 2, AutoencoderOptions(hidden=48, learning_rate=0.01, epochs=60, batch_size=64))
    projection = np.random.default_rng(3).normal(size=(32, 48))
    projected = ItemEmbedding.from_dense(matrix @ projection, 2)
    assert error_of_cosines(codes, found) < 0.2 * error_of_cosines(codes, projected)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    matrix = rows_of_length_1(4, 80, 8)
    first, again = learn(matrix, 3, QUICK)[0], learn(matrix, 3, QUICK)[0]
    other = learn(matrix, 3, AutoencoderOptions(24, 0.01, 6, batch_size=32, seed=2))[0]
    assert first.dims.tobytes() + first.weights.tobytes() == again.dims.tobytes() + again.weights.tobytes()
    assert first.weights.tobytes() != other.weights.tobytes()


def test_the_length_of_a_row_does_not_matter() -> None:
    matrix = rows_of_length_1(4, 80, 8)
    assert np.array_equal(learn(matrix, 3, QUICK)[0].dims, learn(matrix * np.float32(4), 3, QUICK)[0].dims)


def test_an_item_never_trained_has_no_code_and_teaches_nothing() -> None:
    matrix = rows_of_length_1(4, 80, 8)
    padded = np.vstack([matrix, np.zeros((3, 8), np.float32)])
    codes, alone = learn(padded, 3, QUICK)[0], learn(matrix, 3, QUICK)[0]
    assert codes.coded.tolist() == [True] * 80 + [False] * 3
    np.testing.assert_allclose(codes.to_dense()[:80], alone.to_dense(), atol=1e-5)


def test_the_best_epoch_is_kept_and_running_exactly_so_long_gives_it_again() -> None:
    matrix = rows_of_length_1(4, 80, 8)
    options = AutoencoderOptions(24, 0.01, epochs=40, rhythm=2, patience=3, batch_size=32)
    worth = iter([0.1, 0.2, 0.4, 0.3, 0.4, 0.1, 0.9])
    codes, epochs = learn(matrix, 3, options, lambda _: next(worth))
    assert epochs == 6  # the third validation; three more were not better
    assert next(worth) == 0.9
    exactly, ran = learn(matrix, 3, AutoencoderOptions(24, 0.01, epochs=6, batch_size=32))
    assert ran == 6
    assert np.array_equal(codes.weights, exactly.weights)


def test_the_last_epoch_is_validated_whatever_the_rhythm() -> None:
    options = AutoencoderOptions(24, 0.01, epochs=5, rhythm=2, batch_size=32)
    worth = iter([0.1, 0.2, 0.3])
    assert learn(rows_of_length_1(4, 80, 8), 3, options, lambda _: next(worth))[1] == 5


def test_bfloat16_learns_too() -> None:
    matrix = rows_of_length_1(4, 80, 8)
    codes, _ = learn(matrix, 3, AutoencoderOptions(24, 0.01, epochs=6, batch_size=32, precision="bfloat16"))
    assert codes.violation() is None


def test_a_lost_loss_is_said() -> None:
    matrix = rows_of_length_1(4, 80, 8)
    with pytest.raises(TrainingError, match="learning rate"):
        learn(matrix, 3, AutoencoderOptions(24, 1e30, epochs=20, batch_size=32))


@pytest.mark.parametrize("k", [0, 25])
def test_a_code_longer_than_the_hidden_width_is_refused(k: int) -> None:
    with pytest.raises(ConfigurationError, match="24 dims"):
        learn(rows_of_length_1(4, 80, 8), k, QUICK)
