"""A catalogue with attributes of every type, filters of it, and what each is true of, by a loop over the items."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from index.catalog import Catalog, CategoryColumn, LinkColumn, ListColumn, NumberColumn
from index.vocabulary import Strings

N_ITEMS = 70
GENRES, COUNTRIES = ["Comedy", "War", "Drama"], ["US", "UK"]


def catalog(seed: int = 0) -> Catalog:
    rng = np.random.default_rng(seed)
    lists = [sorted(rng.choice(3, rng.integers(0, 3), replace=False).tolist()) for _ in range(N_ITEMS)]
    years = rng.integers(1980, 1990, N_ITEMS).astype(np.float64)
    years[rng.random(N_ITEMS) < 0.2] = np.nan
    return Catalog(
        Strings.pack(f"Title {row}" for row in range(N_ITEMS)),
        {
            "year": NumberColumn(years),
            "country": CategoryColumn(rng.integers(-1, 2, N_ITEMS).astype(np.int32), Strings.pack(COUNTRIES)),
            "genres": ListColumn(
                np.cumsum([0] + [len(one) for one in lists]),
                np.array([code for one in lists for code in one], np.int32),
                Strings.pack(GENRES),
            ),
            "poster": LinkColumn(Strings.pack("x" * int(rng.integers(0, 2)) for _ in range(N_ITEMS))),
        },
    )


TERMS = st.one_of(
    st.sampled_from([*COUNTRIES, "FR"]).map(lambda name: {"eq": {"country": name}}),
    st.lists(st.sampled_from([*GENRES, "Opera"]), max_size=3).map(lambda names: {"in": {"genres": names}}),
    st.sampled_from(GENRES).map(lambda name: {"eq": {"genres": name}}),
    st.integers(1979, 1990).map(lambda year: {"eq": {"year": year}}),
    st.tuples(st.integers(1979, 1990), st.integers(1979, 1990)).map(
        lambda years: {"range": {"year": {"from": years[0], "to": years[1]}}}
    ),
    st.integers(1979, 1990).map(lambda year: {"range": {"year": {"to": year + 0.5}}}),
    st.sampled_from(["year", "country", "genres", "poster"]).map(lambda name: {"exists": name}),
)
FILTERS = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        inner.map(lambda term: {"not": term}),
        st.lists(inner, max_size=3).map(lambda terms: {"and": terms}),
        st.lists(inner, max_size=3).map(lambda terms: {"or": terms}),
    ),
    max_leaves=8,
)


def holds(document: Any, values: dict[str, Any]) -> bool:
    """Of one item, by its values: the slow and obvious version."""
    ((kind, content),) = document.items()
    if kind == "not":
        return not holds(content, values)
    if kind in {"and", "or"}:
        return (all if kind == "and" else any)(holds(term, values) for term in content)
    if kind == "exists":
        return values[content] not in (None, [])
    ((attribute, wanted),) = content.items()
    value = values[attribute]
    if kind == "range":
        return value is not None and wanted.get("from", -9999) <= value <= wanted.get("to", 9999)
    names = wanted if kind == "in" else [wanted]
    return any(name in names for name in (value if isinstance(value, list) else [value]))
