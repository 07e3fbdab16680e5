"""What all compared systems have in common: searches of one size, honest bytes, and fits that need no validation."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from tests.trainer.worlds import Shop
from trainer.baselines import SYSTEMS, system
from trainer.baselines.system import Context, Learned, System
from trainer.evaluate import quality, rank_scores

N_SETTINGS = 4
BASE = {"dims": 16, "learning_rate": 0.03, "final_epochs": 2}
CONTEXT = Context(seed=1, dims=32, base=BASE)


def of(name: str, **changes: Any) -> System:
    return system(name, Context(**{**vars(CONTEXT), **changes}))


@pytest.fixture(scope="module", params=SYSTEMS)
def fitted(request: pytest.FixtureRequest, shop: Shop) -> tuple[str, Learned]:
    """Every system once, at 128 bytes where it has a budget, with its first setting."""
    found = of(request.param)
    setting = found.settings[0]
    return request.param, found.fit(shop.parts.train, shop.validation, setting, 128 if found.sized else None)


@pytest.mark.parametrize("name", SYSTEMS)
def test_no_search_is_larger_than_another(name: str) -> None:
    settings = of(name).settings
    assert len(settings) == (1 if name == "popular" else N_SETTINGS)
    assert len({repr(sorted(setting.items())) for setting in settings}) == len(settings)


def test_bytes_are_counted_as_in_the_paper_and_as_they_are_kept(fitted: tuple[str, Learned], shop: Shop) -> None:
    name, learned = fitted
    n_items = shop.parts.train.shape[1]
    expected: Mapping[str, tuple[int, int]] = {
        "popular": (4, 4),
        "ease": (4 * n_items, 4 * n_items),
        "pruned-ease": (128, 16 * 6),
        "dense-elsa": (4 * 32, 4 * 32),
        "low-dim-elsa": (128, 128),
        "elsa-sae": (128, 16 * 6),
        "compressed-elsa": (128, 16 * 6),
    }
    if name in expected:
        assert (learned.paper_bytes, learned.stored_bytes) == expected[name]


def test_every_history_gets_a_score_of_every_item(fitted: tuple[str, Learned], shop: Shop) -> None:
    _, learned = fitted
    scores = learned.scores(shop.test.history[:7])
    assert scores.shape == (7, shop.parts.train.shape[1])
    assert not np.isnan(scores).any()


def test_all_are_better_than_chance(fitted: tuple[str, Learned], shop: Shop) -> None:
    _, learned = fitted
    random = np.random.default_rng(0)

    def chance(histories: "sp.csr_matrix[np.float32]") -> "np.ndarray[Any, np.dtype[np.float64]]":
        return random.random(histories.shape)

    values = [
        quality(rank_scores(score, shop.test), shop.test.targets).ndcg_100.mean() for score in (learned.scores, chance)
    ]
    assert values[0] > values[1]


@pytest.mark.parametrize("name", ["dense-elsa", "low-dim-elsa", "compressed-elsa", "elsa-sae"])
def test_what_validation_decided_is_in_the_setting_and_decides_a_fit_without_it(name: str, shop: Shop) -> None:
    """The paper's protocol chooses on validation users and then learns from them too."""
    found = of(name)
    budget = 128 if found.sized else None
    first = found.fit(shop.parts.train, shop.validation, found.settings[0], budget)
    assert found.settings[0].items() < first.setting.items()
    again = of(name).fit(shop.parts.train, None, first.setting, budget)
    assert again.setting == first.setting
    history = shop.test.history[:5]
    np.testing.assert_allclose(again.scores(history), first.scores(history), atol=1e-5)


def test_a_schedule_that_is_over_before_its_epochs_is_refitted_for_as_many_as_were_chosen(shop: Shop) -> None:
    options = {"schedule": "constant"}
    found = of("compressed-elsa", options=options)
    first = found.fit(shop.parts.train, shop.validation, found.settings[0], 64)
    assert first.setting["epochs"] < 20
    again = of("compressed-elsa", options=options).fit(shop.parts.train, None, first.setting, 64)
    history = shop.test.history[:5]
    np.testing.assert_allclose(again.scores(history), first.scores(history), atol=1e-5)


def test_what_is_used_again_counts_as_if_it_had_been_learned_again(shop: Shop) -> None:
    found = of("pruned-ease")
    first = found.fit(shop.parts.train, None, {"lambda": 30.0}, 128)
    second = found.fit(shop.parts.train, None, {"lambda": 30.0}, 64)
    assert first.seconds_before == 0 < second.seconds_before


def test_figure_1_has_one_setting_and_changes_only_what_it_says(shop: Shop) -> None:
    found = of("compressed-elsa", options={"schedule": "step", "restart": True})
    assert len(found.settings) == 1
    learned = found.fit(shop.parts.train, shop.validation, found.settings[0], 64)
    assert learned.paper_bytes == 64


def test_more_non_zeros_than_dims_widen_the_model(shop: Shop) -> None:
    found = of("compressed-elsa", dims=8)
    assert found.fit(shop.parts.train, shop.validation, found.settings[0], 128).paper_bytes == 128


@pytest.mark.parametrize("name", SYSTEMS)
def test_memory_is_said_beforehand_and_grows_with_the_catalogue(name: str) -> None:
    found = of(name)
    budget = 128 if found.sized else None
    small, large = found.bytes_needed(1_000, 1_000, budget), found.bytes_needed(1_000, 50_000, budget)
    assert small < large or name == "popular"
    if name in ("ease", "pruned-ease"):
        assert large >= 3 * 8 * 50_000**2
