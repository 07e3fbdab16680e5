"""ELSA + SAE as a system, over a dense ELSA that is known."""

from typing import ClassVar

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from index.embedding import ItemEmbedding
from tests.trainer.worlds import interactions_of, random_matrix
from trainer.baselines import elsa_sae
from trainer.baselines.elsa_sae import ElsaSae, as_csr, scores
from trainer.baselines.system import Context, Setting, System
from trainer.errors import ConfigurationError
from trainer.interactions import Csr
from trainer.split import Holdout, split

CONTEXT = Context(seed=1, dims=16, base={"learning_rate": 0.1})
SETTING = {"learning_rate": 0.01, "widening": 1}


class KnownElsa:
    """Dense ELSA whose matrix depends on the train matrix alone; counts how often it learns."""

    asked: ClassVar[list[tuple[Setting, bool]]] = []

    def __init__(self, context: Context) -> None:
        self.context = context

    def learn(self, train: Csr, validation: Holdout | None, setting: Setting) -> tuple[ItemEmbedding, Setting]:
        self.asked.append((setting, validation is not None))
        matrix = np.random.default_rng(int(train.nnz)).normal(size=(train.shape[1], self.context.dims))
        matrix[np.asarray(train.getnnz(axis=0)) == 0] = 0
        return ItemEmbedding.from_dense(matrix, self.context.dims), {**setting, "epochs": 7}

    def bytes_needed(self, n_users: int, n_items: int, budget: int | None) -> int:
        return 1000


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Setting, bool]]:
    monkeypatch.setattr(elsa_sae, "DenseElsa", KnownElsa)
    monkeypatch.setattr(KnownElsa, "asked", [])
    return KnownElsa.asked


def world() -> tuple[Csr, Holdout]:
    dense = random_matrix(5, 400, 120, density=0.1).toarray()
    dense[:, 4] = 0  # an item that nobody has, and so one without a code
    parts = split(interactions_of(sp.csr_matrix(dense)), seed=1)
    assert parts.validation is not None
    return parts.train, parts.validation


def embedding_of(seed: int, n_items: int, n_dims: int, k: int) -> ItemEmbedding:
    matrix = np.random.default_rng(seed).normal(size=(n_items, n_dims))
    matrix[0], matrix[1, 1:] = 0, 0  # an item without a code, and one with a short one
    return ItemEmbedding.from_dense(matrix, k)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_scores_are_the_dense_product_of_the_codes(k: int) -> None:
    embedding, histories = embedding_of(1, 30, 10, k), random_matrix(2, 8, 30)
    A: NDArray[np.float64] = embedding.to_dense().astype(np.float64)
    found = scores(as_csr(embedding), histories)
    np.testing.assert_allclose(found, (histories.toarray() @ A) @ A.T, atol=1e-5)


def test_sparse_codes_hold_only_what_lives() -> None:
    codes = as_csr(embedding_of(1, 30, 10, 3))
    assert isinstance(codes, sp.csr_matrix)
    assert np.array_equal(codes.toarray(), embedding_of(1, 30, 10, 3).to_dense())
    assert codes.nnz == 28 * 3 + 1


def test_sparse_codes_leave_the_embedding_as_it_is() -> None:
    embedding = embedding_of(1, 30, 10, 3)
    as_csr(embedding)
    assert np.array_equal(embedding.to_dense(), embedding_of(1, 30, 10, 3).to_dense())


def test_a_budget_of_more_non_zeros_than_the_hidden_width_widens_it() -> None:
    train, _ = world()
    assert ElsaSae(CONTEXT).fit(train, None, {**SETTING, "epochs": 1}, 8 * 20).paper_bytes == 8 * 20


def test_a_budget_buys_a_non_zero_for_each_eight_bytes() -> None:
    train, _ = world()
    system: System = ElsaSae(CONTEXT)
    learned = system.fit(train, None, {**SETTING, "epochs": 2}, 32)
    assert system.sized
    assert len(system.settings) == 4
    assert learned.paper_bytes == 32
    assert learned.stored_bytes == 4 * (4 + 2)
    assert np.linalg.matrix_rank(learned.scores(sp.csr_matrix(np.eye(120, dtype=np.float32)))) <= 16


def test_what_validation_decided_gives_the_same_model_without_it(known: list[tuple[Setting, bool]]) -> None:
    train, validation = world()
    chosen = ElsaSae(CONTEXT).fit(train, validation, SETTING, 24)
    assert chosen.setting["epochs"] % 5 == 0
    again = ElsaSae(Context(seed=1, dims=16)).fit(train, None, chosen.setting, 24)
    assert known == [({"learning_rate": 0.1}, True), ({"learning_rate": 0.1, "epochs": 7}, False)]
    assert again.setting["epochs"] == chosen.setting["epochs"]
    assert np.array_equal(again.scores(validation.history), chosen.scores(validation.history))


def test_dense_elsa_is_learned_once_for_all_budgets_and_settings(known: list[tuple[Setting, bool]]) -> None:
    train, _ = world()
    system = ElsaSae(CONTEXT)
    for budget in (8, 16):
        for setting in system.settings:
            system.fit(train, None, {**setting, "epochs": 1}, budget)
    assert len(known) == 1
    system.fit(train[:100], None, {**SETTING, "epochs": 1}, 8)
    assert len(known) == 2


def test_an_item_that_nobody_has_scores_nothing() -> None:
    dense = random_matrix(5, 100, 30).toarray()
    dense[:, 4] = 0
    train = sp.csr_matrix(dense)
    learned = ElsaSae(CONTEXT).fit(train, None, {**SETTING, "epochs": 2}, 24)
    assert not learned.scores(train)[:, 4].any()


@pytest.mark.parametrize("budget", [None, 0, 7])
def test_a_budget_too_small_for_a_non_zero_is_refused(budget: int | None) -> None:
    with pytest.raises(ConfigurationError, match="8 bytes"):
        ElsaSae(CONTEXT).fit(world()[0], None, SETTING, budget)


def test_without_dense_elsas_setting_there_is_nothing_to_compress() -> None:
    with pytest.raises(ConfigurationError, match="dense ELSA"):
        ElsaSae(Context(seed=1, dims=16)).fit(world()[0], None, SETTING, 8)


def test_memory_covers_the_matrices_and_their_moments() -> None:
    wide = ElsaSae(Context(seed=1, dims=1024))
    assert wide.bytes_needed(10**6, 10**5, 32) > 4 * 10**5 * 1024 + 2 * 4 * 4 * 1024 * 1024
    assert ElsaSae(CONTEXT).bytes_needed(10, 10, 32) >= 1000
