"""Filters: what must be true of an item's attributes for it to be answered.

As JSON, each an object with one key:

    {"eq": {"country": "US"}}                  a category, an entry of a list, a number
    {"in": {"genres": ["War", "Drama"]}}       any of these
    {"range": {"year": {"from": 1980, "to": 1989}}}     a number, bounds included; either may be missing
    {"exists": "poster"}                       something is known
    {"and": [...]}, {"or": [...]}, {"not": ...}

An item of which an attribute is not known is none of its `eq`, `in` and `range`, and so it is one of their `not`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from index.catalog import Catalog, CategoryColumn, Column, LinkColumn, ListColumn, NumberColumn
from index.errors import FilterError
from index.item_set import ItemSet

DEEPEST, MOST_TERMS, MOST_VALUES = 16, 100, 1000
Value = str | float
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class OneOf:
    attribute: str
    values: frozenset[Value]


@dataclass(frozen=True)
class Between:
    attribute: str
    least: float
    most: float


@dataclass(frozen=True)
class Exists:
    attribute: str


@dataclass(frozen=True)
class Not:
    term: "Filter"


@dataclass(frozen=True)
class AllOf:
    terms: tuple["Filter", ...]


@dataclass(frozen=True)
class AnyOf:
    terms: tuple["Filter", ...]


Filter = OneOf | Between | Exists | Not | AllOf | AnyOf

# ------------------------------------------------------------ from JSON


def parsed(document: object) -> Filter:
    """The filter that a JSON value says. Raises FilterError, which names the place."""
    return _Parser().filter(document, "filter", 1)


class _Parser:
    """Counts what it reads: a filter may come from anybody."""

    def __init__(self) -> None:
        self.n_terms = self.n_values = 0

    def filter(self, document: object, place: str, depth: int) -> Filter:
        self.n_terms += 1
        if depth > DEEPEST or self.n_terms > MOST_TERMS:
            raise FilterError(f"{place}: a filter may have {MOST_TERMS} terms and be {DEEPEST} deep")
        kind, content = _only_entry(document, place, "eq, in, range, exists, and, or, not")
        place = f"{place}.{kind}"
        match kind:
            case "eq":
                attribute, value = _only_entry(content, place, "an attribute")
                return OneOf(attribute, frozenset([self.value(value, place)]))
            case "in":
                attribute, values = _only_entry(content, place, "an attribute")
                return OneOf(attribute, frozenset(self.value(value, place) for value in _list(values, place)))
            case "range":
                attribute, bounds = _only_entry(content, place, "an attribute")
                return _between(attribute, bounds, place)
            case "exists":
                if not isinstance(content, str):
                    raise FilterError(f"{place}: the name of an attribute was expected")
                return Exists(content)
            case "not":
                return Not(self.filter(content, place, depth + 1))
            case "and" | "or":
                terms = tuple(
                    self.filter(term, f"{place}[{i}]", depth + 1) for i, term in enumerate(_list(content, place))
                )
                return AllOf(terms) if kind == "and" else AnyOf(terms)
            case _:
                raise FilterError(f"{place[:80]}: the kinds are eq, in, range, exists, and, or, not")

    def value(self, value: object, place: str) -> Value:
        self.n_values += 1
        if self.n_values > MOST_VALUES:
            raise FilterError(f"{place}: a filter may name {MOST_VALUES:,} values")
        if isinstance(value, str):
            return value
        return _number(value, place)


def _only_entry(document: object, place: str, expected: str) -> tuple[str, object]:
    if not isinstance(document, Mapping) or len(document) != 1:
        raise FilterError(f"{place}: an object with one key was expected: {expected}")
    ((key, content),) = document.items()
    return str(key), content


def _list(content: object, place: str) -> Sequence[object]:
    if not isinstance(content, list | tuple):
        raise FilterError(f"{place}: a list was expected")
    return content


def _number(value: object, place: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise FilterError(f"{place}: a text or a number was expected")
    return float(value)


def _between(attribute: str, bounds: object, place: str) -> Between:
    if not isinstance(bounds, Mapping) or not bounds or not bounds.keys() <= {"from", "to"}:
        raise FilterError(f"{place}: an object with from, to or both was expected")
    least = _number(bounds["from"], place) if "from" in bounds else -math.inf
    return Between(attribute, least, _number(bounds["to"], place) if "to" in bounds else math.inf)


# ------------------------------------------------------------ to items


def selected(wanted: Filter, catalog: Catalog) -> ItemSet:
    """The items that it is true of. Raises FilterError for an attribute that is not there, or of another type."""
    n_items = len(catalog.titles)
    match wanted:
        case AllOf(terms):
            found = ~ItemSet.union([], n_items)
            for term in terms:
                found = found & selected(term, catalog)
            return found
        case AnyOf(terms):
            return ItemSet.union((selected(term, catalog) for term in terms), n_items)
        case Not(term):
            return ~selected(term, catalog)
        case Exists(attribute):
            return ItemSet.of_flags(_known(_column(catalog, attribute)))
        case OneOf(attribute, values):
            return ItemSet.of_flags(_one_of(_column(catalog, attribute), values, attribute))
        case Between(attribute, least, most):
            column = _column(catalog, attribute)
            if not isinstance(column, NumberColumn):
                raise FilterError(f"{attribute!r} is a {column.kind}: it has no range")
            return ItemSet.of_flags((column.values >= least) & (column.values <= most) & np.isfinite(column.values))


def _column(catalog: Catalog, attribute: str) -> Column:
    column = catalog.attributes.get(attribute)
    if column is None:
        names = ", ".join(catalog.attributes) or "no attributes at all"
        raise FilterError(f"there is no attribute {attribute[:80]!r}; the model has {names[:400]}")
    return column


def _known(column: Column) -> Flags:
    match column:
        case NumberColumn():
            return np.isfinite(column.values)
        case CategoryColumn():
            return np.asarray(column.codes >= 0)
        case ListColumn():
            return np.asarray(column.starts[1:] > column.starts[:-1])
        case LinkColumn():
            return np.asarray(column.links.offsets[1:] > column.links.offsets[:-1])


def _one_of(column: Column, values: frozenset[Value], attribute: str) -> Flags:
    expected = {"number": float, "category": str, "list": str}.get(column.kind)
    if expected is None:
        raise FilterError(f"{attribute!r} is a {column.kind}: of it only exists can be asked")
    if not all(isinstance(value, expected) for value in values):
        raise FilterError(
            f"{attribute!r} is a {column.kind}: its values are {'numbers' if expected is float else 'texts'}"
        )
    if isinstance(column, NumberColumn):
        return np.isin(column.values, np.array(sorted(values), np.float64)) & np.isfinite(column.values)
    assert isinstance(column, CategoryColumn | ListColumn)
    wanted = np.zeros(len(column.categories) + 1, np.bool_)  # the last is for code -1
    wanted[[code for value in values if (code := column.codes_by_name.get(str(value))) is not None]] = True
    if isinstance(column, CategoryColumn):
        return wanted[column.codes]
    hits = np.concatenate([[0], np.cumsum(wanted[column.codes])])
    return np.asarray(hits[column.starts[1:]] > hits[column.starts[:-1]])
