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
