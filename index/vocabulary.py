"""Strings in one UTF-8 blob, and the item_ids among them: item_id to row and back, without a dict."""

import codecs
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

from index import string_kernels
from index.kernels import Rows

_PIECE_BYTES = 2**20
_END = bytes([string_kernels.END])


class Strings(Sequence[str]):
    """Read-only strings: string `i` is `blob[offsets[i]:offsets[i + 1]]`, decoded on access."""

    def __init__(self, blob: NDArray[np.uint8], offsets: NDArray[np.int64]) -> None:
        self.blob, self.offsets = blob, offsets

    @classmethod
    def pack(cls, strings: Iterable[str]) -> Self:
        encoded = [string.encode() for string in strings]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        np.cumsum([len(part) for part in encoded], out=offsets[1:])
        return cls(np.frombuffer(b"".join(encoded), np.uint8), offsets)

    def joined(self, other: "Strings") -> "Strings":
        """These, and then the others."""
        offsets = np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]])
        return Strings(np.concatenate([self.blob, other.blob]), offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @overload
    def __getitem__(self, position: int) -> str: ...
    @overload
    def __getitem__(self, position: slice) -> list[str]: ...
    def __getitem__(self, position: int | slice) -> str | list[str]:
        if isinstance(position, slice):
            return [self[i] for i in range(*position.indices(len(self)))]
        blob, offsets = self._views
        if not 0 <= position < len(self.offsets) - 1:
            position = range(len(self))[position]  # from the end, or not there
        return str(blob[offsets[position] : offsets[position + 1]], "utf-8")

    def many(self, positions: Iterable[int]) -> list[str]:
        """The strings of these positions, which are there."""
        blob, offsets = self._views
        return [str(blob[offsets[position] : offsets[position + 1]], "utf-8") for position in positions]

    @cached_property
    def _views(self) -> tuple[memoryview, memoryview]:
        """Blob and offsets without numpy's cost of a slice, which is ten times that of the bytes in it."""
        return self.blob.data, self.offsets.data

    def encoded(self, position: int) -> bytes:
        blob, offsets = self._views
        return blob[offsets[position] : offsets[position + 1]].tobytes()

    def violation(self) -> str | None:
        if self.blob.ndim != 1 or self.offsets.ndim != 1 or not len(self.offsets):
            return "it is not a blob with offsets"
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.blob) or (self.offsets[1:] < self.offsets[:-1]).any():
            return "the offsets do not lead through the blob"
        if self._is_utf8():
            return None
        try:
            for position in range(len(self)):
                self[position]
        except UnicodeDecodeError:
            pass
        return f"string {position} is not UTF-8"

    def _is_utf8(self) -> bool:
        """Whether the blob is UTF-8 and no offset lies within a character: then each string is UTF-8."""
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            for start in range(0, len(self.blob), _PIECE_BYTES):
                decoder.decode(self.blob[start : start + _PIECE_BYTES].tobytes())
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
        first_bytes = self.blob[self.offsets[self.offsets < len(self.blob)]]
        return not ((first_bytes & 0b1100_0000) == 0b1000_0000).any()


class Vocabulary:
    """item_id to row and row to item_id. Looking up is a binary search over the sorted UTF-8 bytes, without a dict."""

    def __init__(self, item_ids: Strings, order: NDArray[np.int32]) -> None:
        self.item_ids, self.order = item_ids, order  # order: (n_items,) rows in the byte order of their ids

    @classmethod
    def of(cls, item_ids: Iterable[str]) -> Self:
        strings = item_ids if isinstance(item_ids, Strings) else Strings.pack(item_ids)
        encoded = [strings.encoded(row) for row in range(len(strings))]
        return cls(strings, np.array(sorted(range(len(encoded)), key=encoded.__getitem__), np.int32))

    def __len__(self) -> int:
        return len(self.item_ids)

    def item_id(self, row: int) -> str:
        return self.item_ids[int(row)]

    def row(self, item_id: str) -> int | None:
        """The row of an item_id, or None where the model does not hold it."""
        row = int(self.rows([item_id])[0])
        return None if row < 0 else row

    def unknown(self, item_ids: Iterable[str]) -> list[str]:
        """Those that the model does not hold."""
        given = list(item_ids)
        return [given[place] for place in np.flatnonzero(self.rows(given) < 0)]

    def rows(self, item_ids: Iterable[str]) -> Rows:
        """The row of each item_id, -1 where the model does not hold it."""
        encoded = [item_id.encode("utf-8", "surrogatepass") for item_id in item_ids]  # a lone surrogate names nothing
        wanted = np.frombuffer(_END.join([*encoded, b""]), np.uint8)
        return string_kernels.places(self.item_ids.blob, self.item_ids.offsets, self.order, wanted, len(encoded))

    def violation(self) -> str | None:
        if problem := self.item_ids.violation():
            return problem
        if len(self.order) != len(self) or not np.array_equal(np.sort(self.order), np.arange(len(self))):
            return "the sorted order is not a permutation of the rows"
        if any(a >= b for a, b in pairwise(self.item_ids.encoded(row) for row in self.order)):
            return "the ids are not sorted or one comes twice"
        if len(self) and not self.item_ids.encoded(self.order[0]):
            return "an id is empty"
        return None
