"""The TOML file of a report: read, and refused by name."""

from pathlib import Path

import pytest

from trainer.baselines import SYSTEMS
from trainer.errors import ConfigurationError
from trainer.experiment.grid import BUDGETS, Grid, read_grid, search_budget

ONE = '[data.shop]\ndataset = "synthetic"\n'


def read(folder: Path, text: str) -> Grid:
    path = folder / "paper.toml"
    path.write_text(text)
    return read_grid(path, folder / "data")


def test_a_data_set_is_enough(tmp_path: Path) -> None:
    grid = read(tmp_path, ONE)
    assert list(grid.data) == ["shop"]
    assert grid.data["shop"].ratings.dataset == "synthetic"
    assert grid.data["shop"].ratings.data_dir == tmp_path / "data"
    assert grid.systems == tuple(SYSTEMS)
    assert (grid.budgets, grid.protocols, grid.seeds) == (BUDGETS, ("clean",), (1, 2, 3))
    assert search_budget(grid.budgets) == search_budget((2048, *grid.budgets)) == 256
    assert search_budget((128, 64, 32)) == 64
    assert grid.figure.variants() == []


def test_everything_can_be_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATINGS", str(tmp_path))
    grid = read(
        tmp_path,
        """
protocols = ["clean", "paper"]
systems = ["ease", "compressed-elsa"]
budgets = [128, 64]
seeds = [41, 42]
[data.films]
file = "${RATINGS}/films.csv"
user_col = "who"
item_col = "what"
rating_col = "stars"
separator = ";"
min_rating = 3.5
min_items_per_user = 2
dims = 256
test_users = 50
[figure]
schedules = ["exponential", "step"]
widths = [128, 512]
seeds = [1]
budgets = [64]
protocols = ["paper"]
""",
    )
    ratings = grid.data["films"].ratings
    assert ratings.file == tmp_path / "films.csv"
    assert (ratings.user_col, ratings.item_col, ratings.rating_col, ratings.separator) == ("who", "what", "stars", ";")
    assert (ratings.min_rating, ratings.min_items_per_user) == (3.5, 2)
    assert (grid.data["films"].dims, grid.data["films"].test_users) == (256, 50)
    assert (grid.protocols, grid.systems) == (("clean", "paper"), ("ease", "compressed-elsa"))
    assert (grid.budgets, grid.seeds) == ((128, 64), (41, 42))
    assert grid.figure.variants() == [
        {"schedule": "exponential", "restart": False},
        {"schedule": "exponential", "restart": True},
        {"schedule": "step", "restart": False},
        {"schedule": "step", "restart": True},
        {"dims": 128},
        {"dims": 512},
    ]


@pytest.mark.parametrize(("name", "users"), [("goodbooks", 2_500), ("ml-20m", 10_000), ("netflix", 40_000)])
def test_the_papers_data_sets_have_the_papers_test_users(tmp_path: Path, name: str, users: int) -> None:
    assert read(tmp_path, f'[data.x]\ndataset = "{name}"\n').data["x"].test_users == users


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "data: name at least one"),
        ("data = 3", "data: name at least one"),
        ("[data.shop]\n", "data.shop: give either file"),
        (ONE + 'file = "x.csv"\n', "data.shop: give either file"),
        ('[data.shop]\ndataset = "lastfm"\n', "data.shop.dataset: must be one of goodbooks"),
        ("[data.shop]\ndataset = 1\n", "data.shop.dataset: must be text"),
        ('[data.shop]\nfile = "${NOT_SET_ANYWHERE}/x.csv"\n', "NOT_SET_ANYWHERE.*is not set"),
        ('[data."a/b"]\ndataset = "synthetic"\n', "a name is made of letters"),
        (ONE + "dims = 0\n", "data.shop.dims: must be a whole number from 2"),
        (ONE + "dims = true\n", "data.shop.dims: must be a whole number"),
        (ONE + 'min_rating = "4"\n', "data.shop.min_rating: must be a number"),
        (ONE + 'preset = "x"\n', "data.shop.preset: must be one of"),
        (ONE + "colour = 1\n", "data.shop.colour: is not known here"),
        ("colour = 1\n" + ONE, "colour: is not known here; known are data"),
        ("seeds = []\n" + ONE, "seeds: must be a list of at least one"),
        ("seeds = 1\n" + ONE, "seeds: must be a list"),
        ("seeds = [1, 1]\n" + ONE, "seeds: names one twice"),
        ("seeds = [-1]\n" + ONE, "seeds: must be a whole number from 0"),
        ('protocols = ["paper"]\nseeds = [4294967296]\n' + ONE, "seeds: a seed is at most 4294967295 here"),
        ("budgets = [100]\n" + ONE, "budgets: 100 bytes: a non-zero takes 8"),
        ('systems = ["als"]\n' + ONE, "systems: 'als' is none of popular"),
        ('systems = ["elsa-sae"]\n' + ONE, "systems: elsa-sae is made from dense-elsa"),
        ('protocols = ["dirty"]\n' + ONE, "protocols: 'dirty' is none of clean, paper"),
        (ONE + '[figure]\nschedules = ["cosine"]\n', "figure.schedules: 'cosine' is none of"),
        (ONE + "[figure]\nrestart = [1]\n", "figure.restart: must be true or false"),
        (ONE + "[figure]\nwidth = [1]\n", "figure.width: is not known here"),
        ("figure = 1\n" + ONE, "figure: must be a table"),
        (ONE + "dims = 1\n", "data.shop.dims: must be a whole number from 2"),
        (ONE + "[figure]\nbudgets = []\n", "figure.budgets: must be a list of at least one"),
        (ONE + "[figure]\nwidths = [4]\n", "figure.widths: 4 dims hold no code of 64 bytes"),
        ("seeds = [9223372036854775808]\n" + ONE, "seeds: a seed is at most 9223372036854775807 here"),
        ("= 1", "it is not TOML"),
        ("\udcff", "it is not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "paper.toml"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigurationError, match=said) as caught:
        read_grid(path, tmp_path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml: it cannot be read"):
        read_grid(tmp_path / "nowhere.toml", tmp_path)
