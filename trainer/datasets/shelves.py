"""The shelves that readers put books on, without those that say nothing about the book."""

import re
from collections.abc import Iterable, Mapping

import polars as pl

_SHELVES_A_BOOK = 10
_LEAST_SHARE = 0.02  # of the readers of the book's foremost shelf
_LEAST_BOOKS = 10  # that a shelf has to hold, or it is a title, a series or somebody's joke
# A shelf with one of these words is about the reader, the copy or the plan to read it.
_READERS_WORDS = frozenset(
    "abandoned already arc audible audio audiobook audiobooks borrowed bookclub bookshelf bought buy calibre challenge "
    "club currently dnf e ebook ebooks epub fave faves favorite favorites favourite favourites favs finish finished "
    "giveaway goodreads hardback hardcover have i ibooks kindle library list loved maybe mine must my netgalley next "
    "nook own owned owns paperback pdf priority purchased read reading reads recommendations recommended reread "
    "rereads review reviewed shelf shelfari signed someday stars tbr to unfinished unowned unread want wish wishlist "
    "year".split()
)
_EMPTY = frozenset(
    "adult all authors book book-series books childhood classroom collection college default english first-in-series "
    "general high-school in-english misc novel novels on-hold other school series stand-alone standalone stuff".split()
)
_SPELLED = {
    "bio": "biography",
    "biographies": "biography",
    "children": "children's",
    "children s": "children's",
    "children s books": "children's",
    "children s fiction": "children's",
    "children s lit": "children's",
    "children s literature": "children's",
    "childrens": "children's",
    "childrens books": "children's",
    "childrens lit": "children's",
    "classic": "classics",
    "classic literature": "classics",
    "comic": "comics",
    "comic books": "comics",
    "crime fiction": "crime",
    "graphic novel": "graphic novels",
    "kids": "children's",
    "kids books": "children's",
    "memoirs": "memoir",
    "mysteries": "mystery",
    "non fiction": "nonfiction",
    "sci fi": "science fiction",
    "scifi": "science fiction",
    "sf": "science fiction",
    "thrillers": "thriller",
    "women s fiction": "women's fiction",
    "ya": "young adult",
    "ya books": "young adult",
    "ya fiction": "young adult",
    "ya lit": "young adult",
    "young adult fiction": "young adult",
    "young adults": "young adult",
}
_CENTURY = re.compile(r"\d+(st|nd|rd|th)-century")


def cleaned(shelf: str) -> str | None:
    """How the tag is spelled, sci-fi as "science fiction"; None where it says nothing about the book: read-in-2014."""
    shelf = re.sub(r"[\s_]+", "-", shelf.strip().lower()).strip("-")
    words = shelf.split("-")
    if not shelf or shelf in _EMPTY or _READERS_WORDS.intersection(words):
        return None
    if re.search(r"\d", shelf) and not _CENTURY.fullmatch(shelf):
        return None
    text = " ".join(word for word in words if word)
    return _SPELLED.get(text, text) or None


def slug(text: str) -> str:
    """A name as people write it on a shelf: "J.K. Rowling" as "j-k-rowling"."""
    return re.sub(r"[\W_]+", "-", text.lower()).strip("-")


def author_shelves(authors: Iterable[str]) -> set[str]:
    """The ways in which readers call a shelf after an author."""
    found = set()
    for author in authors:
        words = slug(author).split("-")
        initials = re.sub(r"(?<=\b\w)-(?=\w\b)", "", slug(author))  # jk-rowling
        found |= {"-".join(words), "-".join(words[-1:] + words[:-1]), initials}
    return found


def tags(
    counts: pl.DataFrame, names: Mapping[int, str], authors: Mapping[str, list[str]], least_books: int = _LEAST_BOOKS
) -> pl.DataFrame:
    """`item_id` and `tags`, the foremost first, of `counts`: item_id (text), tag_id and how many readers used it."""
    after_people = author_shelves(author for several in authors.values() for author in several)
    kept = {number: cleaned(name) for number, name in names.items() if slug(name) not in after_people}
    spelled = {"tag_id": list(kept), "tag": list(kept.values())}
    named = pl.DataFrame(spelled, schema={"tag_id": pl.Int32, "tag": pl.String}).drop_nulls()
    surnames = [(book, slug(author).split("-")[-1]) for book, several in authors.items() for author in several]
    own = pl.DataFrame(surnames, schema={"item_id": pl.String, "tag": pl.String}, orient="row")
    found = counts.join(named, on="tag_id").group_by("item_id", "tag").agg(pl.col("count").max())
    found = found.join(own, on=["item_id", "tag"], how="anti")
    found = found.filter(pl.len().over("tag") >= least_books)
    found = found.filter(pl.col("count") >= _LEAST_SHARE * pl.col("count").max().over("item_id"), pl.col("count") > 0)
    found = found.sort("item_id", "count", "tag", descending=[False, True, False])
    return found.group_by("item_id", maintain_order=True).agg(tags=pl.col("tag").head(_SHELVES_A_BOOK))
