"""What a group has more of than the catalogue: class-based tf-idf over attributes and title words, and labels from it.

The weight of term t in class c is share_c(t) log(share_c(t) / share(t)): tf times an idf taken against the catalogue.
Shares count an item by the square root of its popularity (a shelf shows the better known items), and a small class is
drawn towards the catalogue by PRIOR_ITEMS average items, so that two films do not make a genre.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import combinations, count

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from index.catalog import Catalog
from index.embedding import ItemEmbedding
from trainer.segmentation.terms import terms_of, words

PRIOR_ITEMS = 3.0
LARGEST_SHARE = 0.5  # a term that half of the catalogue has names nothing
TERMS_KEPT = 24  # of a class's descriptor
DIMS_KEPT, MOST_COLUMNS = 64, 8192  # of its mean code
STRONGEST_ITEMS, ITEM_TERMS = 10, 12  # whose texts stand for a class, and how many attributes each text has
TERM_COST = 0.05  # of a class that a term must add to what the others of a label cover
LABEL_SHARE = 0.2  # of a class must have a term that stands in its label
_LONGEST_NAME = 40


class Describer:
    """Descriptors of sets of items. Terms are known by their folded form and written in their commonest spelling.

    Where nothing is known of the items, the mean code of a class describes it, and its strongest items name it.
    """

    def __init__(
        self, embedding: ItemEmbedding, catalog: Catalog, item_ids: Sequence[str], popularity: NDArray[np.float32]
    ) -> None:
        self.catalog, self.item_ids, self.popularity = catalog, item_ids, popularity
        self.embedding = embedding
        self.attention = np.sqrt(popularity.astype(np.float64)) + 1e-9
        self.attention /= self.attention.mean()
        self.names, self.weights, self.has = terms_of(catalog)
        share = self.has.T @ self.attention / self.attention.sum()
        telling = np.flatnonzero(share <= LARGEST_SHARE)
        self.names = [self.names[term] for term in telling]
        self.weights, self.has, self.share = (
            self.weights[telling],
            self.has[:, telling],
            np.maximum(share[telling], 1e-12),
        )

    def descriptor(self, rows: NDArray[np.integer]) -> NDArray[np.float64]:
        """(n_terms,) of length 1: the TERMS_KEPT heaviest terms; all zero for items without any."""
        return _heaviest(self.term_weights(rows), TERMS_KEPT)

    def mean_code(self, rows: NDArray[np.integer]) -> NDArray[np.float64]:
        """(n_columns,) of length 1: the DIMS_KEPT heaviest of the items' codes' sum, weighted by attention.

        There is a column a dim, up to MOST_COLUMNS, which dims beyond share.
        """
        values = self.embedding.weights[rows] * self.attention[rows][:, None]
        columns = self.embedding.dims[rows].astype(np.int64) % MOST_COLUMNS
        n_columns = min(self.embedding.n_dims, MOST_COLUMNS)
        return _heaviest(np.asarray(np.bincount(columns.ravel(), values.ravel(), n_columns), np.float64), DIMS_KEPT)

    def term_weights(self, rows: NDArray[np.integer]) -> NDArray[np.float64]:
        """(n_terms,) the class-based tf-idf of the items `rows`, never negative."""
        shares = self._shares(rows)
        return np.asarray(np.maximum(shares * np.log(shares / self.share), 0.0) * self.weights)

    def keywords(self, rows: NDArray[np.integer]) -> dict[str, float]:
        """The terms of the descriptor and their weights, heaviest first; none where nothing is known of the items."""
        weights = self.term_weights(rows)
        heaviest = np.lexsort((np.arange(len(weights)), -weights))[:TERMS_KEPT]
        return {self.names[term]: float(weights[term]) for term in heaviest if weights[term] > 0}

    def item_texts(self, rows: NDArray[np.integer], n_items: int = STRONGEST_ITEMS) -> dict[str, float]:
        """The strongest items as short texts, "Alien (1979). Horror, Sci-Fi", and how much attention each one has."""
        texts: dict[str, float] = {}
        for row in self._strongest(rows)[:n_items]:
            terms = [self.names[term] for term in self.has[row].indices if self.weights[term] == 1.0][:ITEM_TERMS]
            text = ". ".join(part for part in (self.catalog.title(row), ", ".join(terms)) if part)
            if text:
                texts[text] = texts.get(text, 0.0) + float(self.attention[row])
        return texts

    def _strongest(self, rows: NDArray[np.integer]) -> NDArray[np.integer]:
        return rows[np.lexsort((rows, -self.popularity[rows]))]

    def _shares(self, rows: NDArray[np.integer]) -> NDArray[np.float64]:
        """(n_terms,) the share of the items' attention that has a term, drawn towards the catalogue's."""
        attention = self.attention[rows]
        counted = self.has[rows].T @ attention + PRIOR_ITEMS * self.share
        return np.asarray(counted / (attention.sum() + PRIOR_ITEMS))

    def labels(self, classes: Sequence[NDArray[np.integer]]) -> list[str]:
        """A short title-case label each; no two consist of the same words. The first classes choose first."""
        taken: set[frozenset[str]] = set()
        labels: list[str] = []
        for rows in classes:
            label = next(label for label in self._candidates(rows) if words(label) not in taken)
            taken.add(words(label))
            labels.append(label)
        return labels

    def _candidates(self, rows: NDArray[np.integer]) -> Iterator[str]:
        """Labels of one or two terms, the one that sets the class apart best first; then its strongest items."""
        weights = np.where(self._shares(rows) >= LABEL_SHARE, self.term_weights(rows), 0.0)
        best = [int(term) for term in np.lexsort((np.arange(len(weights)), -weights))[:8] if weights[term] > 0]
        choices = [(term,) for term in best] + [
            (one, other)
            for one, other in combinations(best, 2)
            if not (self._is_decade(one) and self._is_decade(other))
            and not words(self.names[one])
            & words(self.names[other])  # "Children's Books / Picture Books" says it twice
        ]
        for terms in sorted(choices, key=lambda terms: -self._distinction(rows, terms)):
            yield self._joined(terms)
        strongest = self._strongest(rows)
        names = [_shortened(self.catalog.title(row) or self.item_ids[int(row)]) for row in strongest]
        prefix = f"{self._joined(best[:1])}: " if best else "Like "
        yield prefix + names[0]
        for other_name in names[1:]:
            yield f"{prefix}{names[0]}, {other_name}"
        for number in count(2):  # ids that differ in nothing but marks
            yield f"{prefix}{names[0]} No {number}"

    def _distinction(self, rows: NDArray[np.integer], terms: Sequence[int]) -> float:
        """How much more of the class than of the catalogue has any of the terms; a second term must earn its place."""
        fitting, attention = self._fitting(terms), self.attention
        covered = attention[rows][fitting[rows]].sum() / attention[rows].sum()
        return float(covered - attention[fitting].sum() / attention.sum() - TERM_COST * len(terms))

    def _fitting(self, terms: Sequence[int]) -> NDArray[np.bool_]:
        """(n_items,) of which a label of the terms is true: any, but with a decade all of them."""
        needed = len(terms) if any(self._is_decade(term) for term in terms) else 1
        starts, rows = self._by_term.indptr, self._by_term.indices
        having = np.concatenate([rows[starts[term] : starts[term + 1]] for term in terms])
        return np.asarray(np.bincount(having, minlength=len(self.attention)) >= needed)

    @cached_property
    def _by_term(self) -> "sp.csc_matrix[np.float32]":
        return self.has.tocsc()

    def _is_decade(self, term: int) -> bool:
        return re.fullmatch(r"\d{4}s", self.names[term]) is not None

    def _joined(self, terms: Sequence[int]) -> str:
        """Drama and 1980s are "1980s Drama", Drama and War are "Drama / War"."""
        decades = [self.names[term] for term in terms if self._is_decade(term)]
        return " ".join([*decades, " / ".join(self.names[term] for term in terms if not self._is_decade(term))]).strip()


def _heaviest(weights: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """All but the `n` largest entries, by size, set to 0; then made 1 long."""
    size = np.abs(weights)
    kept = np.lexsort((np.arange(len(weights)), -size))[:n]
    kept = np.sort(kept[size[kept] > 0])
    found = np.zeros(len(weights))
    found[kept] = weights[kept] / max(float(np.linalg.norm(weights[kept])), 1e-12)
    return found


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"
