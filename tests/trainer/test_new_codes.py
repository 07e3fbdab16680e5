"""Codes of new items beside a dense account of the same sums."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from index.catalog import Catalog, ListColumn
from index.embedding import ItemEmbedding
from index.vocabulary import Strings
from trainer import new_codes
from trainer.new_codes import CHOOSING, PRIOR_USERS, PRIOR_WEIGHT, SOLVING, Dense, FirstUsers, from_attributes, mixed


def embedded(rng: np.random.Generator, n_items: int, n_dims: int, k: int) -> ItemEmbedding:
    dense = rng.standard_normal((n_items, n_dims))
    dense[rng.random(n_items) < 0.2] = 0
    dense[0, 0] = 1
    return ItemEmbedding.from_dense(dense, k)


def expected(A: Dense, k: int, p: Dense, x: Dense, new: Dense) -> Dense:
    """(n_new, n_dims), user by user and item by item; of users x (n_users, n_items) and new (n_users, n_new)."""
    n_dims = A.shape[1]
    p = p if p.any() else np.full(len(p), 1 / len(p))
    weight = 1 / np.sqrt(np.maximum(p, p.mean() / 32)) * A.any(axis=1)
    of_anybody = sum(
        p[i] * p[j] * weight[i] * weight[j] * np.outer(A[i], A[j]) * (1 if i != j else 1 / p[i])
        for i in range(len(A))
        for j in range(len(A))
        if p[i] * p[j]
    )
    C = PRIOR_USERS * np.asarray(of_anybody) / sum(p * weight**2)
    z = [(weight * row) @ A / max(np.linalg.norm(weight * row), 1e-30) for row in x]
    real = [user for user in range(len(x)) if np.any(z[user])]
    C = (C + sum((np.outer(z[user], z[user]) for user in real), np.zeros_like(C))) / (PRIOR_USERS + len(real))
    rho = np.trace(C) / n_dims
    codes = np.zeros((new.shape[1], n_dims))
    for item in range(new.shape[1]):
        met = [user for user in real if new[user, item]]
        if met:
            b = np.mean([z[user] for user in met], axis=0)
            support = np.argsort(-np.abs(np.linalg.inv(C + CHOOSING * rho * np.eye(n_dims)) @ b))[:k]
            solved = np.linalg.inv(C[np.ix_(support, support)] + SOLVING * rho * np.eye(k)) @ b[support]
            codes[item, support] = solved / max(np.linalg.norm(solved), 1e-30)
    return codes


@given(
    st.integers(0, 10_000), st.integers(1, 5), st.integers(0, 4), st.integers(1, 9), st.booleans(), st.integers(1, 99)
)
def test_the_codes_of_first_users_are_those_of_the_formula(
    seed: int, k: int, more: int, n_items: int, popular: bool, at_once: int
) -> None:
    rng = np.random.default_rng(seed)
    embedding = embedded(rng, n_items, k + more, k)
    p = rng.random(n_items).astype(np.float32) if popular else np.zeros(n_items, np.float32)
    x, new = (rng.random((7, n)) < 0.4 for n in (n_items, 3))
    users = FirstUsers(*(sp.csr_matrix(part.astype(np.float32)) for part in (x, new)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(new_codes, "_NUMBERS_AT_ONCE", at_once * max(k + more, k * k))
        found, counts = new_codes.from_first_users(embedding, p, users)
    wanted = expected(embedding.to_dense().astype(float), k, p.astype(float), x.astype(float), new.astype(float))
    np.testing.assert_allclose(found, wanted, atol=1e-6)
    has_profile = (x & embedding.coded).any(axis=1) & (np.abs(x @ embedding.to_dense()).sum(axis=1) > 0)
    assert (counts <= new.sum(axis=0)).all()
    assert (counts >= new[has_profile].sum(axis=0)).all()


def test_without_any_profile_there_is_no_code() -> None:
    """Their only item has no code, and it alone is popular: nothing is known of anybody."""
    embedding = ItemEmbedding.from_dense(np.array([[1.0, 0], [0, 0]]), 1)
    users = FirstUsers(sp.csr_matrix([[0.0, 1.0]], dtype=np.float32), sp.csr_matrix([[1.0]], dtype=np.float32))
    codes, counts = new_codes.from_first_users(embedding, np.array([0, 0.5], np.float32), users)
    assert not codes.any()
    assert not counts.any()


def described(*terms: list[str]) -> Catalog:
    names = sorted({term for some in terms for term in some})
    starts = np.cumsum([0] + [len(some) for some in terms])
    codes = np.array([names.index(term) for some in terms for term in some], np.int32)
    column = ListColumn(starts.astype(np.int64), codes, Strings.pack(names))
    return Catalog(Strings.pack([""] * len(terms)), {"genres": column})


def test_attributes_give_what_items_with_them_have_in_common_and_rare_ones_say_more() -> None:
    dense = np.zeros((8, 4))
    dense[:3, 0] = dense[3:6, 1] = dense[6:, 2] = 1
    embedding = ItemEmbedding.from_dense(dense, 1)
    known = [["War", "Film"]] * 3 + [["Love", "Film"]] * 3 + [["Film"]] * 2
    catalog = described(*known, ["War"], ["War", "Love"], ["Love", "Film"], [], ["Unheard of"])
    found = from_attributes(embedding, None, catalog, np.arange(8, 13, dtype=np.int32))
    np.testing.assert_allclose(found[0], [1, 0, 0, 0])
    np.testing.assert_allclose(found[1], [0.5**0.5, 0.5**0.5, 0, 0])
    assert found[2].argmax() == 1
    assert not found[3:].any()


def test_of_items_with_an_attribute_the_less_popular_count_more() -> None:
    embedding = ItemEmbedding.from_dense(np.eye(4), 1)
    catalog = described(["War"], ["War"], ["War"], [], ["War"])
    found = from_attributes(embedding, np.array([0.0, 3.0, 99.0, 0.0]), catalog, np.array([4], np.int32))
    np.testing.assert_allclose(found[0] / found[0, 0], [1, 0.5, 0.1, 0], atol=1e-9)


def test_users_outweigh_attributes_when_they_are_many() -> None:
    of_users, of_attributes = np.array([[1.0, 0]] * 3), np.array([[0, 1.0]] * 2 + [[0, 0]])
    codes = mixed(of_users, np.array([0, 4, 1]), of_attributes, 2).to_dense()
    np.testing.assert_allclose(codes[0], [0, 1])
    np.testing.assert_allclose(codes[1, 0] / codes[1, 1], 4 / PRIOR_WEIGHT, rtol=1e-6)
    np.testing.assert_allclose(codes[2], [1, 0])
