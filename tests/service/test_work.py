"""What may be computed on the event loop: only what takes long for nobody."""

from typing import Any

import pytest

from service.requests import HomepageRequest, RecommendRequest, SegmentItemsRequest

ONE = {"eq": {"year": 1980}}
MANY_IDS = [f"item-{number}" for number in range(1001)]


@pytest.mark.parametrize("kind", [RecommendRequest, SegmentItemsRequest, HomepageRequest])
@pytest.mark.parametrize(
    ("more", "plain"),
    [
        ({}, True),
        ({"exclude": MANY_IDS[:1000]}, True),
        ({"exclude": MANY_IDS}, False),
        ({"filter": ONE}, True),
        ({"filter": {"and": [ONE, {"not": ONE}]}}, True),
        ({"filter": {"or": [ONE, {"not": {"and": [ONE, ONE]}}]}}, False),
    ],
)
def test_long_lists_and_filters_of_many_terms_are_not_plain(kind: Any, more: dict[str, Any], *, plain: bool) -> None:
    assert kind.model_validate({"history": ["item-1"]} | more).plain is plain


def test_many_candidates_are_not_plain() -> None:
    assert not RecommendRequest(history=["item-1"], candidates=MANY_IDS).plain
