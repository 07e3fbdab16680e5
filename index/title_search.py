"""Items by words of their titles: every word of a query must begin a word of the title."""

import re
import unicodedata
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import count
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from index.kernels import Rows
from index.model import Model
from index.search import rank
from index.vocabulary import Strings

Flags = NDArray[np.bool_]
Weights = NDArray[np.floating] | NDArray[np.integer]
_UNSPACED = "\u3040-\u30ff\u3400-\u9fff"  # kana and ideographs, each of which counts as a word
_WORD = re.compile(f"\n|[{_UNSPACED}]|[^\\W_{_UNSPACED}]+")
_APOSTROPHES = "'’ʼ`"  # "Schindler's" is asked for as "schindlers"
_LAST = "\U0010ffff"  # in no word, and behind every letter
_TITLES_AT_ONCE = 2**14
_LAST_PLACE = 255


def folded(text: str) -> list[str]:
    """The words of a text without case, accents and punctuation; a line break is a word of its own."""
    text = text.replace("´", "'")
    if not text.isascii():
        text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    for character in set(text):
        if unicodedata.combining(character) or character in _APOSTROPHES:
            text = text.replace(character, "")
    return _WORD.findall(text.lower())


class Found(NamedTuple):
    """The best `rows` of all those, `n_matching`, that a query is true of."""

    rows: Rows
    n_matching: int


class WordSearch:
    """Of every word the texts that have it."""

    def __init__(self, texts: Iterator[list[str]], row_of: Callable[[str], int | None], popularity: Weights) -> None:
        """`texts` come in pieces, of which there is one at least; `row_of` an id is that of its text."""
        self._row_of, self._popularity = row_of, popularity
        self._postings = _WordPostings.of(texts)

    def find(self, query: str, n: int, never: Rows) -> Found:
        """What has that very id, then texts that are the query, begin with it, have its words; each by popularity.

        Ties by row. `never` are rows that must not come back.
        """
        words = [word for word in folded(query) if word != "\n"]
        matching = self._postings.with_all(words)
        matching[never] = False
        beginning = self._postings.beginning_with(words) & matching
        equal = beginning & self._postings.being(words)
        same_id = self._row_of(query)
        first = np.array([] if same_id is None or same_id in never else [same_id], np.int32)
        found, n_matching = first[:n], int(matching.sum()) + int((~matching[first]).sum())
        matching[first] = False
        for tier in (equal, beginning, matching):
            rows = np.flatnonzero(tier & matching).astype(np.int32)
            matching[rows] = False
            best = rank(self._popularity[rows].astype(np.float64), n - len(found))
            found = np.concatenate([found, rows[best.rows]])
        return Found(found, n_matching)


class TitleSearch(WordSearch):
    """Of items. One without a title has its item_id for one."""

    def __init__(self, model: Model) -> None:
        super().__init__(_texts(model), model.vocabulary.row, model.popularity)


class _WordPostings(NamedTuple):
    """Word `w` is in the titles `rows[starts[w]:starts[w + 1]]`, ascending, as their word number `places[…]`."""

    words: Strings  # sorted
    starts: NDArray[np.int64]
    rows: Rows
    places: NDArray[np.uint8]  # 255: that one or a later one
    lengths: NDArray[np.int32]  # (n_items,) how many words a title has

    @classmethod
    def of(cls, titles: Iterator[list[str]]) -> Self:
        """Of pieces of the titles."""
        numbers: defaultdict[str, int] = defaultdict(count().__next__)
        line_break = numbers["\n"]
        words, rows, places, lengths = [], [], [], []
        n_rows = 0
        for piece in titles:
            found = np.array([numbers[word] for word in folded("\n".join(piece))], np.int32)
            ends = found == line_break
            row = np.cumsum(ends)
            size = np.bincount(row[~ends], minlength=len(piece))
            firsts = np.cumsum(size) - size
            words.append(found[~ends])
            rows.append((row[~ends] + n_rows).astype(np.int32))
            places.append(np.minimum(np.arange(len(words[-1])) - firsts[row[~ends]], _LAST_PLACE).astype(np.uint8))
            lengths.append(size.astype(np.int32))
            n_rows += len(piece)
        names = list(numbers)
        by_name = sorted(range(1, len(names)), key=names.__getitem__)
        number = np.empty(len(names), np.int32)
        number[by_name] = np.arange(len(by_name), dtype=np.int32)
        all_words = number[np.concatenate(words)]
        order = np.argsort(all_words, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(all_words, minlength=len(by_name)))])
        return cls(
            Strings.pack(names[i] for i in by_name),
            starts.astype(np.int64),
            np.concatenate(rows)[order],
            np.concatenate(places)[order],
            np.concatenate(lengths),
        )

    def with_all(self, words: list[str]) -> Flags:
        """(n_items,) whether each word begins a word of the title; of no words nothing is true."""
        matching = np.full(len(self.lengths), bool(words))
        for word in dict.fromkeys(words):
            matching &= self._flags(self.rows[self._entries(word, prefix=True)])
        return matching

    def beginning_with(self, words: list[str]) -> Flags:
        """(n_items,) whether the title's first words are these; the last may go on."""
        beginning = np.full(len(self.lengths), bool(words))
        for place, word in enumerate(words):
            beginning &= self._at(place, self._entries(word, prefix=place == len(words) - 1))
        return beginning

    def being(self, words: list[str]) -> Flags:
        """(n_items,) whether the title has as many words, and this last one."""
        if not words:
            return np.zeros(len(self.lengths), np.bool_)
        last = self._at(len(words) - 1, self._entries(words[-1], prefix=False))
        return np.asarray(last & (self.lengths == len(words)))

    def _entries(self, word: str, *, prefix: bool) -> slice:
        """The postings of a word, or of all that begin with it."""
        first = bisect_left(self.words, word)
        end = bisect_left(self.words, word + _LAST) if prefix else bisect_left(self.words, word + "\0")
        return slice(int(self.starts[first]), int(self.starts[end]))

    def _at(self, place: int, entries: slice) -> Flags:
        return self._flags(self.rows[entries][self.places[entries] == min(place, _LAST_PLACE)])

    def _flags(self, rows: Rows) -> Flags:
        flags = np.zeros(len(self.lengths), np.bool_)
        flags[rows] = True
        return flags


def _texts(model: Model) -> Iterator[list[str]]:
    titles, vocabulary = model.catalog.titles, model.vocabulary
    for start in range(0, len(titles), _TITLES_AT_ONCE):
        piece = range(start, min(start + _TITLES_AT_ONCE, len(titles)))
        yield [(titles[row] or vocabulary.item_id(row)).replace("\n", " ") for row in piece]
