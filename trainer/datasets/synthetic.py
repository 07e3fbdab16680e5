"""A generated catalogue with planted segments: for tests, and for machines without a network."""

import numpy as np
import polars as pl

N_USERS, N_ITEMS = 1200, 600
THEMES = (
    "Alpine Walks", "Baking", "Chess", "Deep Sea", "Early Jazz", "Folk Tales",
    "Gardening", "Harbour Towns", "Island Cooking", "Joinery", "Kites", "Lighthouses",
)  # fmt: skip
_TASTES_PER_USER, _ITEMS_PER_USER = 2, 24
_OFF_TASTE = 0.1  # share of a user's items that come from anywhere


def generate(seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Ratings (all positive) and items; item `i` belongs to THEMES[i % 12], which is also its only genre."""
    rng = np.random.default_rng(seed)
    theme_of = np.arange(N_ITEMS) % len(THEMES)
    appeal = 1 / np.sqrt(1 + np.arange(N_ITEMS) // len(THEMES))  # within a theme the first items are the popular ones
    users: list[int] = []
    items: list[int] = []
    for user in range(N_USERS):
        tastes = rng.choice(len(THEMES), _TASTES_PER_USER, replace=False)
        odds = appeal * np.where(np.isin(theme_of, tastes), 1.0, 0.0)
        odds = (1 - _OFF_TASTE) * odds / odds.sum() + _OFF_TASTE * appeal / appeal.sum()
        chosen = rng.choice(N_ITEMS, rng.integers(8, 2 * _ITEMS_PER_USER - 8), replace=False, p=odds)
        users += [user] * len(chosen)
        items += chosen.tolist()
    ratings = pl.DataFrame({"user_id": [f"u{user}" for user in users], "item_id": [f"i{item}" for item in items]})
    catalogue = pl.DataFrame(
        {
            "item_id": [f"i{item}" for item in range(N_ITEMS)],
            "title": [f"{THEMES[theme_of[item]]} No. {item // len(THEMES) + 1}" for item in range(N_ITEMS)],
            "genres": [[THEMES[theme_of[item]]] for item in range(N_ITEMS)],
        }
    )
    return ratings, catalogue
