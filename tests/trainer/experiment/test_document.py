"""A report says what was measured: read back and compared with the files that it came from."""

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from tests.trainer.experiment.measured import BUDGETS, grid, values_of, write
from trainer.errors import DataError
from trainer.experiment.document import summary, write_report
from trainer.experiment.markdown import MISSING
from trainer.experiment.results import PER_USER, VALUES, Cell, Results
from trainer.experiment.section import METRIC_TITLES, TITLES, Entry

ROOT = Path(__file__).parents[3]
Tables = dict[str, list[list[list[str]]]]  # heading -> tables -> rows of cells, the first the header


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return grid(tmp_path_factory.mktemp("whole"), figure_one=True, n_persons=60)


ASKED = [(Entry("compressed-elsa", 128), Entry("pruned-ease", 256)), (Entry("ease"), Entry("dense-elsa"))]


@pytest.fixture(scope="module")
def report(whole: Results) -> Path:
    failures = {"goodbooks paper seed 44 ease": "it takes 80 GiB | 64 are there\n<b>not</b> *much*"}
    return write_report(whole.folder, whole, failures, ASKED)


def tables(path: Path) -> Tables:
    found: Tables = {}
    heading, lines = "", [*path.read_text().splitlines(), ""]
    rows: list[list[str]] = []
    for line in lines:
        if line.startswith("|"):
            cells = [cell.strip().replace("\\", "") for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if not set(cells) <= {":--", "--:"}:
                rows.append(cells)
        elif rows:
            assert len({len(row) for row in rows}) == 1
            found.setdefault(heading, []).append(rows)
            rows = []
        if line.startswith("#"):
            heading = line.lstrip("# ")
    return found


def number(text: str) -> float:
    return float(text.strip("*% ").replace("\N{MINUS SIGN}", "-").replace(",", ""))


def values(results: Results, system: str, budget: int | None, metric: str) -> list[np.ndarray]:
    found = [one for one in results.results() if one.cell.system == system and one.budget == budget]
    return [results.values(one).metrics[metric].astype(float) for one in found if not one.cell.options]


@pytest.mark.parametrize("metric", PER_USER)
def test_the_table_holds_the_mean_of_every_system_at_every_budget(whole: Results, report: Path, metric: str) -> None:
    header, *rows = tables(report)[METRIC_TITLES[metric]][0]
    assert header == ["System", "1,024 B", "512 B", "256 B", "128 B", "64 B"]
    systems = {title: system for system, title in TITLES.items()}
    assert [row[0] for row in rows] == [TITLES[name] for name in TITLES if name in {systems[row[0]] for row in rows}]
    assert len(rows) == 4
    for title, *cells in rows:
        for budget, cell in zip(BUDGETS, cells, strict=True):
            mean, half = map(number, cell.split("±"))
            drawn = values(whole, systems[title], budget, metric)
            assert mean == pytest.approx(np.mean([seed.mean() for seed in drawn]), abs=6e-5)
            assert 0 < half < 0.1


@pytest.mark.parametrize("metric", PER_USER)
def test_a_difference_is_ours_minus_theirs_and_bold_where_it_excludes_zero(
    whole: Results, report: Path, metric: str
) -> None:
    _, *rows = tables(report)[METRIC_TITLES[metric]][1]
    by_title = {row[0]: row[1:] for row in rows}
    assert len(by_title) == 3 + 4
    rivals = {"minus Pruned EASE": "pruned-ease", "minus EASE, full size": "ease"}
    for title, system in rivals.items():
        for budget, cell in zip(BUDGETS, by_title[title], strict=True):
            theirs = values(whole, system, None if "full" in title else budget, metric)
            ours = values(whole, "compressed-elsa", budget, metric)
            mean, low, high = map(number, re.findall(r"[+\N{MINUS SIGN}][\d.]+", cell))
            gaps = [one.mean() - other.mean() for one, other in zip(ours, theirs, strict=True)]
            assert mean == pytest.approx(np.mean(gaps), abs=6e-5)
            assert low <= mean <= high
            assert cell.startswith("**") == (low > 0 or high < 0) or 0 in {low, high}
    percent = by_title["against EASE, full size, in percent"][0]
    dense, ours_means = (
        np.mean([seed.mean() for seed in values(whole, system, budget, metric)])
        for system, budget in (("ease", None), ("compressed-elsa", 1024))
    )
    assert number(percent.split("(")[0]) == pytest.approx(100 * (ours_means / dense - 1), abs=0.006)


def test_bytes_are_told_as_counted_and_as_stored(report: Path) -> None:
    found = tables(report)
    _, *rows = found["Bytes really stored"][0]
    assert {row[0]: row[4] for row in rows}["Compressed ELSA"] == "96"
    full = {row[0]: row[1:3] for row in found["Full size"][0][1:]}
    assert full["EASE"] == ["40,000", "40,000"]
    assert list(full) == ["Popularity", "Item-kNN", "EASE", "ELSA (dense)"]


def test_asked_differences_published_numbers_and_everything_else_are_there(whole: Results, report: Path) -> None:
    found = tables(report)
    asked = found["Differences asked for"][0]
    assert [row[0] for row in asked[1:]] == [
        "Compressed ELSA, 128 B minus Pruned EASE, 256 B",
        "EASE minus ELSA (dense)",
    ]
    beside = {row[0]: row for row in found["Beside the published numbers"][0]}
    assert beside["Compressed ELSA"][5].endswith("/ 0.4774")
    assert beside["Pruned EASE"][5].endswith("/ 0.469")
    schedules = [row[0] for row in found["Figure 1: schedules"][0]]
    assert "Linear without restart" in schedules
    assert "Linear without restart, published" in schedules
    assert [row[0] for row in found["Figure 1: width at the start"][0]][1:3] == ["d = 1024", "d = 2048"]
    assert found["Further metrics at 128 B"][0][1] == ["Popularity", "0.5000", "0.9100"]
    chosen, tried = found["Settings chosen"]
    assert chosen[4] == ["Pruned EASE, 1,024 B"] + [
        f"epochs {12 + s}, regularisation 400 (0.3100)" for s in (41, 42, 43)
    ]
    assert len(tried) == 1 + len(whole.measurements)
    costs = {row[0]: row for row in found["Time and memory"][0]}
    assert costs["EASE"][1:] == ["6", "5.00", "5.00 to 5.00", "30", "1.00"]


def test_figure_1_has_its_own_budgets_seeds_and_differences(tmp_path: Path) -> None:
    grid(tmp_path, data="shop", seeds=(1, 2), budgets=(128,), systems=("ease", "compressed-elsa"), n_persons=40)
    results = grid(tmp_path, data="shop", seeds=(1,), budgets=(64,), systems=(), figure_one=True, n_persons=40)
    path = write_report(tmp_path, results, {})
    found = tables(path)
    assert found["nDCG@100"][0][0] == ["System", "128 B"]
    scores, gaps = found["Figure 1: schedules"]
    assert scores[0] == ["nDCG@100", "64 B"]
    assert not [cell for row in scores for cell in row if "seeds)" in cell]
    assert len(gaps) == len(scores) - 1
    assert "Exponential without restart minus it" not in [row[0] for row in gaps]
    assert "Seeds 1, one setting for all lines. Paired differences to Exponential without restart:" in path.read_text()


def test_what_failed_is_said_and_its_words_stay_in_their_cell(report: Path) -> None:
    _, row = tables(report)["What failed"][0]
    assert row == ["goodbooks paper seed 44 ease", "it takes 80 GiB | 64 are there &lt;b&gt;not&lt;/b&gt; *much*"]


def test_the_json_says_the_same_as_the_markdown(whole: Results, report: Path) -> None:
    found = json.loads((whole.folder / "report.json").read_text())
    (section,) = found["sections"]
    systems = {system["name"]: system for system in section["systems"]}
    header, *rows = tables(report)["nDCG@100"][0]
    assert section["budgets"] == [int(number(cell.removesuffix(" B"))) for cell in header[1:]]
    interval = systems["compressed-elsa@128"]["intervals"]["ndcg@100"]
    mean, half = map(number, rows[-1][4].split("±"))
    assert mean == pytest.approx(interval["mean"], abs=6e-5)
    assert half == pytest.approx((interval["high"] - interval["low"]) / 2, abs=6e-5)
    assert systems["compressed-elsa restart=True schedule=linear@64"]["options"] == {
        "restart": True,
        "schedule": "linear",
    }
    assert [pair["ours"] for pair in section["asked_differences"]] == ["compressed-elsa@128", "ease"]
    assert found["failures"].keys() == {"goodbooks paper seed 44 ease"}
    assert section["published"]["full"]["ease"]["bytes"] == 40_000


def test_plots_are_svg_that_the_markdown_links_to(report: Path) -> None:
    linked = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", report.read_text())
    assert [path.split("paper-")[1] for path in linked] == ["bytes.svg", "schedules.svg", "widths.svg", "time.svg"]
    for path in linked:
        assert ElementTree.parse(report.parent / path).getroot().tag.endswith("svg")
    assert {str(path.relative_to(report.parent)) for path in report.parent.glob("plots/*")} == set(linked)


def test_the_same_results_give_the_same_bytes(whole: Results, report: Path) -> None:
    files = sorted(path for path in report.parent.rglob("*") if path.suffix in {".svg", ".md", ".json"})
    before = [path.read_bytes() for path in files]
    failures = json.loads((report.parent / "report.json").read_text())["failures"]
    write_report(whole.folder, whole, failures, ASKED)
    assert [path.read_bytes() for path in files] == before
    assert not list(report.parent.rglob("*.partial"))


def test_what_was_not_measured_is_a_dash_and_a_seed_short_is_compared_on_the_others(tmp_path: Path) -> None:
    grid(tmp_path, seeds=(1, 2), budgets=(128,), systems=("ease", "compressed-elsa"), n_persons=40)
    grid(tmp_path, seeds=(1,), budgets=(64,), systems=("pruned-ease",), n_persons=40)
    results = grid(tmp_path, seeds=(3,), budgets=(96,), systems=("compressed-elsa",), n_persons=40)
    found = tables(write_report(tmp_path, results, {}, [(Entry("compressed-elsa", 128), Entry("pruned-ease", 64))]))
    scores, gaps = found["nDCG@100"]
    assert scores[0] == ["System", "128 B", "96 B", "64 B"]
    assert scores[1][1:3] == [MISSING, MISSING]
    assert scores[2][3] == MISSING
    assert scores[2][1].endswith(" (2 of 3 seeds)")
    assert gaps[1] == ["minus Pruned EASE", MISSING, MISSING, MISSING]
    assert gaps[2][2:] == [MISSING, MISSING]
    (ours,), (theirs,) = (
        values(results, *name, "ndcg@100")[:1] for name in (("compressed-elsa", 128), ("pruned-ease", 64))
    )
    asked = found["Differences asked for"][0][1][1]
    assert number(asked.split("(")[0]) == pytest.approx(ours.mean() - theirs.mean(), abs=6e-5)
    assert found["Settings chosen"][0][1][3] == MISSING


@pytest.mark.parametrize(
    "systems", [("popular",), ("compressed-elsa",), ("low-dim-elsa", "dense-elsa"), ("a|new*one",)]
)
def test_any_few_systems_make_a_report(tmp_path: Path, systems: tuple[str, ...]) -> None:
    results = grid(tmp_path, data="my $data$/..", seeds=(1,), budgets=(64,), systems=systems, n_persons=20)
    path = write_report(tmp_path, results, {})
    found = tables(path)
    assert "Beside the published numbers" not in found
    shown = {row[0] for table in found["Time and memory"] for row in table[1:]}
    assert shown == {TITLES.get(system, system) for system in systems}
    assert all(path.parent == tmp_path / "plots" for path in tmp_path.rglob("*.svg"))
    assert "64 B" in summary(results) or systems == ("popular",)


def test_each_data_set_protocol_and_width_has_its_section(tmp_path: Path) -> None:
    for data, protocol in (("ml-20m", "paper"), ("ml-20m", "strict"), ("netflix", "paper")):
        grid(
            tmp_path,
            data=data,
            protocol=protocol,
            seeds=(1,),
            budgets=(64,),
            systems=("compressed-elsa",),
            n_persons=20,
        )
    cell = Cell("netflix", "paper", 1, "compressed-elsa", dims=2048, fingerprint="f00d" * 16)
    write(tmp_path, cell, 64, values_of(0.3, 1, n_persons=20), paper_bytes=64)
    results = Results.read(tmp_path)
    text = write_report(tmp_path, results, {}).read_text()
    titles = [line.removeprefix("## ") for line in text.splitlines() if line.startswith("## ")]
    assert titles == [
        "ml-20m, protocol paper",
        "ml-20m, protocol strict",
        "netflix, protocol paper, 4096 dims",
        "netflix, protocol paper, 2048 dims",
    ]
    assert text.count("swaps EASE and ELSA") == 2
    assert summary(results).count("1 seed\n") == 4
    assert len(list(tmp_path.glob("plots/*-bytes.svg"))) == 4


def test_nothing_measured_is_a_report_too(tmp_path: Path) -> None:
    text = write_report(tmp_path, Results.read(tmp_path), {"a": "b"}).read_text()
    assert "Nothing has been measured yet." in text
    assert "| a | b |" in text
    assert summary(Results.read(tmp_path)) == "nothing has been measured yet"


def test_lost_values_and_other_peoples_values_are_said(tmp_path: Path) -> None:
    results = grid(tmp_path, seeds=(1,), budgets=(64,), systems=("ease", "compressed-elsa"), n_persons=20)
    first, second = results.results()
    (tmp_path / VALUES / str(second.values)).write_bytes((tmp_path / VALUES / str(first.values)).read_bytes())
    write_report(tmp_path, results, {})
    other = Cell("goodbooks", "paper", 1, "dense-elsa", dims=4096, fingerprint="f00d" * 16)
    write(tmp_path, other, None, values_of(0.3, 2, n_persons=20), paper_bytes=4)
    with pytest.raises(DataError, match="goodbooks, protocol paper: systems measured on different test users"):
        write_report(tmp_path, Results.read(tmp_path), {})
    (tmp_path / VALUES / str(second.values)).unlink()
    with pytest.raises(DataError, match="cannot be read"):
        write_report(tmp_path, results, {})


def test_without_matplotlib_the_report_says_what_would_bring_plots(tmp_path: Path) -> None:
    grid(tmp_path, seeds=(1,), budgets=(64,), systems=("compressed-elsa",), n_persons=20)
    program = f"""
import sys
sys.modules["matplotlib"] = None
from pathlib import Path
from trainer.experiment.document import write_report
from trainer.experiment.results import Results
write_report(Path({str(tmp_path)!r}), Results.read(Path({str(tmp_path)!r})), {{}})
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)
    text = (tmp_path / "report.md").read_text()
    assert "pip install matplotlib" in text
    assert "plots/" not in text
    assert tables(tmp_path / "report.md")["nDCG@100"]
    assert not list(tmp_path.rglob("*.svg"))
