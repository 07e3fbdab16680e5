"""What is known of the items beside their codes: titles and typed attributes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from index.kernels import Rows
from index.vocabulary import Strings

Kind = Literal["number", "category", "list", "link"]


@dataclass(frozen=True)
class NumberColumn:
    """A number an item; what is not finite is not known."""

    kind: ClassVar[Kind] = "number"
    values: NDArray[np.float64]  # (n_items,)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Rows) -> Self:
        return type(self)(self.values[rows])

    def value(self, row: int) -> float | None:
        value = float(self.values[row])
        return value if np.isfinite(value) else None


@dataclass(frozen=True)
class CategoryColumn:
    """At most one category an item, code -1 where none is known."""

    kind: ClassVar[Kind] = "category"
    codes: NDArray[np.int32]  # (n_items,)
    categories: Strings

    @cached_property
    def codes_by_name(self) -> dict[str, int]:
        return _codes_by_name(self.categories)

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: Rows) -> Self:
        return type(self)(self.codes[rows], self.categories)

    def value(self, row: int) -> str | None:
        code = int(self.codes[row])
        return None if code < 0 else self.categories[code]


@dataclass(frozen=True)
class ListColumn:
    """Any number of categories an item: item `i` has `codes[starts[i]:starts[i + 1]]`."""

    kind: ClassVar[Kind] = "list"
    starts: NDArray[np.int64]  # (n_items + 1,)
    codes: NDArray[np.int32]
    categories: Strings

    @cached_property
    def codes_by_name(self) -> dict[str, int]:
        return _codes_by_name(self.categories)

    def __len__(self) -> int:
        return len(self.starts) - 1

    def take(self, rows: Rows) -> Self:
        lengths = np.diff(self.starts)[rows]
        starts = np.concatenate([[0], np.cumsum(lengths)])
        places = np.repeat(self.starts[:-1][rows] - starts[:-1], lengths) + np.arange(starts[-1])
        return type(self)(starts, self.codes[places], self.categories)

    def value(self, row: int) -> list[str]:
        return [self.categories[int(code)] for code in self.codes[self.starts[row] : self.starts[row + 1]]]


@dataclass(frozen=True)
class LinkColumn:
    """An address an item, empty where none is known."""

    kind: ClassVar[Kind] = "link"
    links: Strings

    def __len__(self) -> int:
        return len(self.links)

    def take(self, rows: Rows) -> Self:
        return type(self)(Strings.pack(self.links[int(row)] for row in rows))

    def value(self, row: int) -> str | None:
        return self.links[row] or None


def _codes_by_name(categories: Strings) -> dict[str, int]:
    return {category: code for code, category in enumerate(categories)}


Column = NumberColumn | CategoryColumn | ListColumn | LinkColumn


@dataclass(frozen=True)
class Catalog:
    """Titles (an item without one has the empty string) and attribute columns, all (n_items,)."""

    titles: Strings
    attributes: Mapping[str, Column] = field(default_factory=dict)

    def title(self, row: int) -> str | None:
        return self.titles[int(row)] or None

    def take(self, rows: Rows) -> "Catalog":
        """Of these items, in this order."""
        columns = {name: column.take(rows) for name, column in self.attributes.items()}
        return Catalog(Strings.pack(self.titles[int(row)] for row in rows), columns)

    def violation(self, n_items: int) -> str | None:
        """The first broken invariant in words, or None."""
        if len(self.titles) != n_items:
            return f"{len(self.titles)} titles for {n_items} items"
        for name, column in self.attributes.items():
            if len(column) != n_items:
                return f"attribute {name[:80]!r} has {len(column)} values for {n_items} items"
            if isinstance(column, CategoryColumn | ListColumn):
                codes = column.codes
                least = -1 if isinstance(column, CategoryColumn) else 0
                if len(codes) and not least <= int(codes.min()) <= int(codes.max()) < len(column.categories):
                    return f"attribute {name[:80]!r} has a code without a category"
                if len(column.categories) > len(codes):
                    return f"attribute {name[:80]!r} has more categories than codes"
            if isinstance(column, ListColumn):
                starts = column.starts
                if starts[0] != 0 or starts[-1] != len(column.codes) or (starts[1:] < starts[:-1]).any():
                    return f"attribute {name[:80]!r} has list bounds that do not lead through its codes"
        return None
