"""What a group has more of than the catalogue: class-based tf-idf over attributes and title words, and labels from it.

The weight of term t in class c is share_c(t) log(share_c(t) / share(t)): tf times an idf taken against the catalogue.
Shares count an item by the square root of its popularity (a shelf shows the better known items), and a small class is
drawn towards the catalogue by PRIOR_ITEMS average items, so that two films do not make a genre.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations, count

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from index.catalog import Catalog, CategoryColumn, ListColumn, NumberColumn
from index.embedding import ItemEmbedding
from trainer.interactions import Csr

PRIOR_ITEMS = 3.0
LEAST_ITEMS = 3  # with a term, before it says anything
LARGEST_SHARE = 0.5  # a term that half of the catalogue has names nothing
TERMS_KEPT = 24  # of a class's descriptor
DIMS_KEPT, MOST_COLUMNS = 64, 8192  # of its mean code
DECADE_WEIGHT, TITLE_WEIGHT = 0.7, 0.3
STRONGEST_ITEMS, ITEM_TERMS = 10, 12  # whose texts stand for a class, and how many attributes each text has
TERM_COST = 0.05  # of a class that a term must add to what the others of a label cover
LABEL_SHARE = 0.2  # of a class must have a term that stands in its label
_LONGEST_TERM, _LONGEST_NAME = 28, 40
_STOP_WORDS = frozenset(
    "a an and are as at be by de der des di die du el for from goes her his i ii iii il in is it its la le les los me "
    "my no not of on one or our part the this three to two un une vol volume was we who with you your".split()
)


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
        self.names, self.weights, self.has = _terms(catalog)
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
            label = next(label for label in self._candidates(rows) if _words(label) not in taken)
            taken.add(_words(label))
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
        whole = np.arange(len(self.attention))
        return self._coverage(rows, terms) - self._coverage(whole, terms) - TERM_COST * len(terms)

    def _coverage(self, rows: NDArray[np.integer], terms: Sequence[int]) -> float:
        """The share of the attention that a label of the terms is true of: any, but with a decade all of them."""
        attention = self.attention[rows]
        needed = len(terms) if any(self._is_decade(term) for term in terms) else 1
        fitting = self.has[rows][:, list(terms)].getnnz(axis=1) >= needed
        return float(attention[fitting].sum() / attention.sum())

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


def has_words(catalog: Catalog) -> bool:
    """Whether titles or attributes say anything of the items."""
    return any(catalog.titles) or bool(_terms(catalog)[0])


def _terms(catalog: Catalog) -> tuple[list[str], NDArray[np.float64], Csr]:
    """Names, weights and (n_items, n_terms) 0 and 1 of all terms that LEAST_ITEMS items have."""
    found: dict[tuple[int, str], None] = {}
    spellings: dict[str, Counter[str]] = {}
    weight_of: dict[str, float] = {}
    for row, term, weight in _mentions(catalog):
        key = fold(term)
        if key:
            found[row, key] = None
            spellings.setdefault(key, Counter())[term] += 1
            weight_of[key] = max(weight_of.get(key, 0.0), weight)
    frequent = Counter(key for _, key in found)
    keys = sorted(key for key, count in frequent.items() if count >= LEAST_ITEMS)
    column = {key: place for place, key in enumerate(keys)}
    cells = [(row, column[key]) for row, key in found if key in column]
    rows, columns = zip(*cells, strict=True) if cells else ((), ())
    shape = (len(catalog.titles), len(keys))
    has = sp.csr_matrix((np.ones(len(cells), np.float32), (rows, columns)), shape=shape)
    names = [title_case(min(spellings[key].items(), key=lambda entry: (-entry[1], entry[0]))[0]) for key in keys]
    return names, np.array([weight_of[key] for key in keys], np.float64), has


def _mentions(catalog: Catalog) -> Iterator[tuple[int, str, float]]:
    """(row, term, weight) of everything that could describe an item."""
    rows = range(len(catalog.titles))
    for name, attribute in catalog.attributes.items():
        if isinstance(attribute, ListColumn | CategoryColumn):
            for row in rows:
                value = attribute.value(row)
                for term in [value] if isinstance(value, str) else value or []:
                    if len(term) <= _LONGEST_TERM:
                        yield row, term, 1.0
        elif isinstance(attribute, NumberColumn) and "year" in name.lower():
            for row in rows:
                if 1000 <= attribute.values[row] < 3000:
                    yield row, f"{int(attribute.values[row]) // 10 * 10}s", DECADE_WEIGHT
    for row in rows:
        for word in re.findall(r"[^\W\d_]{3,}", catalog.titles[row]):
            if word.lower() not in _STOP_WORDS:
                yield row, word, TITLE_WEIGHT


def fold(term: str) -> str:
    """Near-duplicates have one folded form: "Sci-Fi", "sci fi" and "SciFi"; "child-s", "Children's" stay two."""
    letters = re.sub(r"[^\w]+", "", term.casefold().replace("&", "and"))
    letters = re.sub(r"ies$", "y", letters) if len(letters) > 5 else letters
    return (
        letters[:-1] if len(letters) > 3 and letters.endswith("s") and not letters.endswith(("ss", "0s")) else letters
    )


def title_case(term: str) -> str:
    """Capital first letters; what has capitals within ("Sci-Fi", "DC") or digits first ("1980s") stays."""
    words = re.sub(r"[-_]+", " ", term).split() if term.islower() else term.split()
    return " ".join(word if not word.islower() or word[0].isdigit() else word[0].upper() + word[1:] for word in words)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1].rstrip() + "…"


def _words(label: str) -> frozenset[str]:
    return frozenset(fold(word) for word in re.split(r"[\s/]+", label) if fold(word))
