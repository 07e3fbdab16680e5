"""Tiny copies of MovieLens 100K in its two true forms, written byte by byte, and what both must be read as."""

import hashlib
import zipfile
from pathlib import Path

GENRES = (
    "unknown|Action|Adventure|Animation|Children's|Comedy|Crime|Documentary|Drama|Fantasy|Film-Noir|Horror|Musical|"
    "Mystery|Romance|Sci-Fi|Thriller|War|Western"
).split("|")

# id, title as GroupLens writes it, RecBole's title and release year, genres, the title we want, its year
FILMS = [
    ("1", "Toy Story (1995)", "Toy Story", "1995", ["Animation", "Children's", "Comedy"], "Toy Story (1995)", 1995.0),
    ("25", "Birdcage, The (1996)", "Birdcage, The", "1996", ["Comedy"], "The Birdcage (1996)", 1996.0),
    ("267", "unknown", "unkonwn", "unkonwn", [], "unknown", None),
    ("543", "Misérables, Les (1995)", "Misérables, Les", "1995", ["Drama", "Musical"], "Les Misérables (1995)", 1995.0),
    (
        "1412",
        "Land Before Time III: The Time of the Great Giving (1995) (V)",
        "Land Before Time III: The Time of the Great Giving (1995)",
        "V",
        ["Animation", "Children's"],
        "Land Before Time III: The Time of the Great Giving (1995) (V)",
        1995.0,
    ),
    (
        "30",
        "Belle de jour (Day of Beauty) (1967)",
        "Belle de jour (Day of Beauty)",
        "1967",
        ["Film-Noir", "Sci-Fi", "Western"],
        "Belle de jour (Day of Beauty) (1967)",
        1967.0,
    ),
]
# Every user has five films with four stars or more.
RATINGS = [
    (f"{user}", film[0], 5 if (user + place) % 6 else 2, 881250949 + 100 * user + place)
    for user in range(1, 25)
    for place, film in enumerate(FILMS)
]


def grouplens(path: Path) -> str:
    """Writes ml-100k.zip and returns its sha256."""
    data = "".join("\t".join(map(str, row)) + "\n" for row in RATINGS)
    items = ""
    for item_id, title, _, year, genres, *_ in FILMS:
        flags = [str(int(genre in (genres or ["unknown"]))) for genre in GENRES]
        dates = ["", "", ""] if title == "unknown" else [f"01-Jan-{year}", "", "http://us.imdb.com/M/title-exact?x"]
        items += "|".join([item_id, title, *dates, *flags]) + "\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ml-100k/u.data", data)
        archive.writestr("ml-100k/u.item", items.encode("latin-1"))
        archive.writestr("ml-100k/README", "SUMMARY & USAGE LICENSE")
    return hashlib.sha256(path.read_bytes()).hexdigest()


def recbole(path: Path) -> str:
    """Writes RecBole's wheel, which pip takes for one, and returns its sha256. Its rows come in another order."""
    ratings = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n"
    ratings += "".join("\t".join(map(str, row)) + "\n" for row in reversed(RATINGS))
    items = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    for item_id, _, title, year, genres, *_ in FILMS:
        items += f"{item_id}\t{title}\t{year}\t{' '.join(genres) or 'unknown'}\n"
    folder, facts = "recbole/dataset_example/ml-100k/ml-100k", "recbole-1.2.1.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{folder}.inter", ratings)
        archive.writestr(f"{folder}.item", items)
        archive.writestr("recbole/__init__.py", "raise RuntimeError('nothing of a wheel is ever imported')\n")
        archive.writestr(f"{facts}/METADATA", "Metadata-Version: 2.1\nName: recbole\nVersion: 1.2.1\n")
        archive.writestr(
            f"{facts}/WHEEL", "Wheel-Version: 1.0\nGenerator: us\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{facts}/RECORD", "")
    return hashlib.sha256(path.read_bytes()).hexdigest()


# id, title as GroupLens writes it, genres, the title we want, its year
LATER_FILMS = [
    ("1", "Toy Story (1995)", "Animation|Children's|Comedy", "Toy Story (1995)", 1995.0),
    ("11", "American President, The (1995)", "Comedy|Drama|Romance", "The American President (1995)", 1995.0),
    ("73", "Misérables, Les (1995)", "Drama|Musical", "Les Misérables (1995)", 1995.0),
    ("100", "Heroes: Part II (1999)", "Drama", "Heroes: Part II (1999)", 1999.0),
    ("6", "Stars, \x85Sky (1980)", "Horror", "Stars, Sky (1980)", 1980.0),  # \x85 ends no line
]
NO_GENRES = (
    "131",
    'Best of "Fawlty Towers" (1975-1979)',
    "(no genres listed)",
    'Best of "Fawlty Towers" (1975-1979)',
    1975.0,
)


def zipped(path: Path, files: dict[str, bytes]) -> str:
    """Writes a zip and returns its sha256."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def later_ratings(stars: list[float]) -> list[tuple[str, str, float, int]]:
    """Ten users who all rate every film, with each of `stars` in turn."""
    return [
        (f"{user}", film[0], stars[(user + place) % len(stars)], 978_300_000 + 100 * user + place)
        for user in range(1, 11)
        for place, film in enumerate(LATER_FILMS)
    ]


WHOLE, HALVES = later_ratings([5, 4, 2, 1, 3, 5]), later_ratings([0.5, 4.0, 4.5, 5.0, 3.5])


def ml_1m_files(newline: str = "\n") -> dict[str, bytes]:
    ratings = "".join("::".join(map(str, row)) + newline for row in WHOLE)
    films = "".join("::".join(film[:3]) + newline for film in LATER_FILMS)
    return {
        "ml-1m/README": b"SUMMARY",
        "ml-1m/ratings.dat": ratings.encode(),
        "ml-1m/movies.dat": films.encode("latin-1"),
    }


def ml_20m_files(newline: str = "\n") -> dict[str, bytes]:
    films = ["movieId,title,genres"]
    for item_id, title, genres, *_ in [*LATER_FILMS, NO_GENRES]:
        quoted = '"' + title.replace('"', '""') + '"' if "," in title or '"' in title else title
        films.append(f"{item_id},{quoted},{genres}")
    ratings = ["userId,movieId,rating,timestamp", *(",".join(map(str, row)) for row in HALVES)]
    return {
        "ml-20m/tags.csv": b"userId,movieId,tag,timestamp\n",
        "ml-20m/movies.csv": "".join(line + newline for line in films).encode(),
        "ml-20m/ratings.csv": "".join(line + newline for line in ratings).encode(),
    }


TOLKIEN = "J.R.R. Tolkien"
# book_id, Goodreads' id, authors, year, original title, title, language code
BOOKS = [
    ("1", "2767052", "Suzanne Collins", "2008.0", "The Hunger Games", "The Hunger Games (The Hunger Games, #1)", "eng"),
    ("2", "3", "J.K. Rowling, Mary GrandPré", "1997.0", "", "Harry Potter and the Sorcerer's Stone", "en-US"),
    ("3", "5907", TOLKIEN, "1937.0", "The Hobbit", 'The Hobbit, or "There and Back Again"', "en"),
    ("4", "29", "William Shakespeare, Robert           Jackson", "-750.0", "Romeo", "", "spa"),
    *((f"{book}", f"{100 + book}", "Homer", "", "", f"Book {book}", "") for book in range(5, 15)),
]
SHELVES = (
    "to-read", "fantasy", "sci-fi", "scifi", "read-in-2014", "jrr-tolkien", "tolkien", "books-i-own", "hobbits",
    "20th-century", "young-adult", "ya", "epic, mostly", "fiction", "dragons",
)  # fmt: skip


def goodbooks_files() -> dict[str, bytes]:
    """Every book is on each shelf; the shelves in their order by 1000, 950, 900… readers, fewer the later the book."""
    header = (
        "book_id,goodreads_book_id,best_book_id,work_id,books_count,isbn,isbn13,authors,original_publication_year,"
        "original_title,title,language_code,average_rating,image_url"
    )
    books = [header]
    for book, goodreads, authors, year, original, title, language in BOOKS:
        texts = [
            '"' + text.replace('"', '""') + '"' if "," in text or '"' in text else text for text in (authors, title)
        ]
        row = [
            book,
            goodreads,
            goodreads,
            "9",
            "7",
            "043965548X",
            "9.78E+12",
            texts[0],
            year,
            original,
            texts[1],
            language,
        ]
        books.append(",".join([*row, "4.34", "https://images.example/1.jpg"]))
    book_tags = ["goodreads_book_id,tag_id,count"]
    for place, (_, goodreads, *_) in enumerate(BOOKS):
        for tag, shelf in enumerate(SHELVES):
            if shelf != "hobbits" or goodreads == "5907":
                book_tags.append(f"{goodreads},{tag},{5 if shelf == 'dragons' else 1000 - 50 * tag - 10 * place}")
    book_tags += [
        f"{BOOKS[0][1]},{SHELVES.index('fantasy')},1",
        "999999,1,5",
    ]  # once more, and a book that is not there
    tags = [
        "tag_id,tag_name",
        *(f'{tag},"{name}"' if "," in name else f"{tag},{name}" for tag, name in enumerate(SHELVES)),
    ]
    ratings = ["user_id,book_id,rating", *(f"{user},{book},{1 + (user + book) % 5}" for user, book in BOOK_RATERS)]
    tables = {"ratings.csv": ratings, "books.csv": books, "book_tags.csv": book_tags, "tags.csv": tags}
    return {name: ("\n".join(lines) + "\n").encode() for name, lines in tables.items()}


BOOK_RATERS = [(user, book) for user in range(1, 21) for book in range(1, 15)]

NETFLIX_FILMS = [
    ("1", "2003", "Dinosaur Planet", 2003.0),
    ("2", "1999", "Eros, Agape, and Others", 1999.0),
    ("3", "NULL", "Amélie: Extras", None),
    ("4", "1915", "The 10, 000 Steps", 1915.0),
    ("5", "2005", "Nobody Saw This", 2005.0),
]
NETFLIX_DAYS = ["1999-11-11", "2005-09-06", "2004-02-29", "2005-12-31"]
NETFLIX_SECONDS = {
    "1999-11-11": 942278400,
    "2005-09-06": 1125964800,
    "2004-02-29": 1078012800,
    "2005-12-31": 1135987200,
}
# user, film, stars, day
NETFLIX_RATINGS = [
    (user, film, 1 + (user + film) % 5, NETFLIX_DAYS[(user * film) % 4])
    for film in range(1, 5)
    for user in (6, 1488844, 7, 2649429, 8)
]


def netflix_texts(newline: str = "\n") -> dict[int, bytes]:
    """A file a film, as in training_set."""
    return {
        film: "".join(
            [
                f"{film}:{newline}",
                *(f"{user},{stars},{day}{newline}" for user, of, stars, day in NETFLIX_RATINGS if of == film),
            ]
        ).encode()
        for film in range(1, 5)
    }


def netflix_titles() -> bytes:
    return "".join(f"{film},{year},{title}\n" for film, year, title, _ in NETFLIX_FILMS).encode("latin-1")
