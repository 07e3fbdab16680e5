"""The terms that items are described by: attributes, decades and title words, near-duplicates as one."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from index.catalog import Catalog, CategoryColumn, ListColumn, NumberColumn
from trainer.interactions import Csr

LEAST_ITEMS = 3  # with a term, before it says anything
DECADE_WEIGHT, TITLE_WEIGHT = 0.7, 0.3
_LONGEST_TERM = 28
_STOP_WORDS = frozenset(
    "a an and are as at be by de der des di die du el for from goes her his i ii iii il in is it its la le les los me "
    "my no not of on one or our part the this three to two un une vol volume was we who with you your".split()
)
_LISTS = (  # somebody's, and no kind of item: to-read, to-read-fantasy, classics-to-read
    re.compile(r"^(?:want[- ])?to[- ](?:read|watch|play|buy)(?:[- ]|$)", re.IGNORECASE),
    re.compile(r"(?<!how)(?<!learn)(?<!ready)-to-(?:read|watch)$", re.IGNORECASE),
)


def has_words(catalog: Catalog) -> bool:
    """Whether titles or attributes say anything of the items."""
    return any(catalog.titles) or bool(terms_of(catalog)[0])


def terms_of(catalog: Catalog) -> tuple[list[str], NDArray[np.float64], Csr]:
    """Names, weights and (n_items, n_terms) 0 and 1 of all terms that LEAST_ITEMS items have.

    "crime mystery" and "Mystery, Crime" are one term, shown in its commonest spelling.
    """
    found: dict[tuple[int, str], None] = {}
    spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    weight_of: dict[str, float] = {}
    first_of: dict[str, str] = {}  # words in order of the alphabet: the folded form that had them first
    known: dict[tuple[str, float], tuple[str, str]] = {}  # of what was mentioned before, term and key
    for row, mentioned, weight in _mentions(catalog):
        term, key = known.get((mentioned, weight)) or ("", "")
        if not term:
            term = _LISTS[1].sub("", _LISTS[0].sub("", mentioned)) if weight == 1.0 else mentioned
            key = fold(term)
            key = first_of.setdefault(" ".join(sorted(words(term))), key) if key else ""
            known[mentioned, weight] = term, key
        if key:
            found[row, key] = None
            spellings[key][term] += 1
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
    """Near-duplicates have one folded form: "Sci-Fi", "sci fi" and "SciFi"; "Comedies" and "comedy"."""
    letters = re.sub(r"[^\w]+", "", term.casefold().replace("&", "and"))
    letters = re.sub(r"ies$", "y", letters) if len(letters) > 5 else letters
    return (
        letters[:-1] if len(letters) > 3 and letters.endswith("s") and not letters.endswith(("ss", "0s")) else letters
    )


def words(term: str) -> frozenset[str]:
    """What makes a term another one: neither case nor the order of its words, a plural or a lone s."""
    parts = re.split(r"[^\w&]+", term.replace("&", " and "))
    return frozenset(folded for part in parts if part.lower() != "s" and (folded := fold(part))) or frozenset(
        [fold(term)]
    )


def title_case(term: str) -> str:
    """Capital first letters; what has capitals within ("Sci-Fi", "DC") or digits first ("1980s") stays."""
    spaced = re.sub(r"(?<=\w\w) s\b", "'s", re.sub(r"[-_]+", " ", term)) if term.islower() else term
    return " ".join(
        word if not word.islower() or word[0].isdigit() else word[0].upper() + word[1:] for word in spaced.split()
    )
