"""The paper's numbers: those that its text repeats, and that nothing slipped into another line."""

import pytest

from trainer.datasets import DATASETS
from trainer.experiment.published import BUDGETS, METRICS, PUBLISHED
from trainer.experiment.section import TITLES


def test_the_abstracts_claims_follow_from_the_values() -> None:
    books = PUBLISHED["goodbooks"]
    size, dense = books.full["dense-elsa"]
    ours = books.sized["compressed-elsa"]
    assert size / 1024 > 10
    assert ours[1024]["ndcg@100"] > dense["ndcg@100"]
    assert size / 128 > 100
    assert 1 - ours[128]["ndcg@100"] / dense["ndcg@100"] == pytest.approx(0.025, abs=0.001)


def test_ease_is_ahead_of_elsa_on_netflix_only_by_the_first_cut() -> None:
    full = PUBLISHED["netflix"].full
    assert full["ease"][1]["ndcg@100"] > full["dense-elsa"][1]["ndcg@100"]
    assert full["ease"][1]["recall@50"] < full["dense-elsa"][1]["recall@50"]


@pytest.mark.parametrize("data", PUBLISHED)
def test_every_curve_has_every_budget_and_falls_with_it(data: str) -> None:
    assert data in DATASETS
    found = PUBLISHED[data]
    assert list(found.full) == ["ease", "dense-elsa"]
    assert set(found.sized) | set(found.full) <= set(TITLES)
    assert len(found.schedules) == 7
    curves = [*found.sized.values(), *found.schedules.values(), *found.widths.values()]
    for curve in curves:
        assert tuple(curve) == BUDGETS
        for metric in METRICS:
            values = [curve[budget][metric] for budget in BUDGETS]
            assert values == sorted(values, reverse=True)
        for values_at in curve.values():
            assert values_at["recall@20"] < values_at["recall@50"]


@pytest.mark.parametrize("data", PUBLISHED)
def test_compressed_elsa_is_the_exponential_schedule_at_4096_dims(data: str) -> None:
    found = PUBLISHED[data]
    sources = found.schedules["exponential", True], found.widths[4096]
    assert found.sized["compressed-elsa"] in sources
    for budget in BUDGETS:
        one, other = (source[budget]["ndcg@100"] for source in sources)
        assert one == pytest.approx(other, abs=0.0015)
