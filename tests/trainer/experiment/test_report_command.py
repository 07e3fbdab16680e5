"""python -m trainer report, as somebody types it."""

import json
import re
from pathlib import Path

import pytest

from tests.trainer.console import Console, exit_code, films
from trainer.__main__ import main
from trainer.experiment import results
from trainer.locked_folder import LockedFolder


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Popularity and EASE on 60 users: seconds."""
    films(tmp_path)
    path = tmp_path / "paper.toml"
    systems = 'systems = ["popular", "ease", "pruned-ease"]\nseeds = [1]\nbudgets = [64]\n'
    path.write_text(f'{systems}[data.films]\nfile = "{tmp_path}/ratings.csv"\ndims = 16\n')
    return path


def ask(config: Path, *arguments: str) -> list[str]:
    return ["report", "--config", str(config), "--out", str(config.parent / "out"), *arguments]


def test_a_table_is_printed_and_a_report_with_plots_is_written(
    config: Path, capsys: Console, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    assert main(ask(config)) == 0
    captured = capsys.readouterr()
    assert re.search(r"films, protocol clean: nDCG@100, 1 seed", captured.out)
    assert re.search(r"Pruned EASE +– +0\.\d{4}", captured.out)
    assert f"in {config.parent / 'out' / 'report.md'}" in captured.out
    assert "11 fits, 0 of them done before" in caplog.text
    assert "measured in 0 min" in caplog.text
    report = (config.parent / "out" / "report.md").read_text()
    for plot in re.findall(r"\]\((plots/.*?\.svg)\)", report):
        assert (config.parent / "out" / plot).stat().st_size > 1_000
    assert "plots/" in report


def test_what_is_there_is_rendered_without_measuring(config: Path, capsys: Console) -> None:
    assert main(ask(config, "--render", "--quiet")) == 0
    assert "nothing has been measured yet" in capsys.readouterr().out
    assert not (config.parent / "out" / results.FILE).exists()
    assert main(ask(config, "--quiet")) == 0
    capsys.readouterr()
    assert main(ask(config, "--render", "--quiet", "--json", "--pair", "pruned-ease@64", "ease")) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)
    assert captured.err == ""
    assert "### Differences asked for" in (config.parent / "out" / "report.md").read_text()


def test_a_cell_that_fails_is_told_at_the_end_and_the_rest_is_reported(
    config: Path, capsys: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.host.memory_bytes", lambda: 50_000)
    assert main(ask(config)) == 6
    captured = capsys.readouterr()
    assert "Popularity" in captured.out
    assert "error: 2 cells have failed, and are tried again by the same command" in captured.err
    assert "GiB of memory" in (config.parent / "out" / "report.md").read_text()


def test_mistakes_are_one_line_and_measure_nothing(config: Path, capsys: Console) -> None:
    assert main(ask(config, "--pair", "als", "ease", "--quiet")) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "error: --pair als: the grid has pruned-ease@64, ease, popular"
    assert not (config.parent / "out" / results.FILE).exists()
    config.write_text("seeds = 3")
    assert main(ask(config)) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: --config {config}: ")
    assert exit_code("report", "--config", str(config)) == 2


def test_two_reports_do_not_write_to_one_folder(config: Path, capsys: Console) -> None:
    with LockedFolder(config.parent / "out"):
        assert main(ask(config)) == 3
    assert "another run is writing to it" in capsys.readouterr().err


def test_a_damaged_file_of_results_is_named(config: Path, capsys: Console) -> None:
    (config.parent / "out").mkdir()
    (config.parent / "out" / results.FILE).write_text("nonsense\n")
    assert main(ask(config)) == 4
    assert "line 1: it is of another release or damaged" in capsys.readouterr().err
