"""python -m trainer: what it refuses, with which exit code, and what it leaves behind."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from index.artifact import open_current
from tests.trainer.console import ROOT, TINY, Console, exit_code, files, films, process, refused
from tests.trainer.worlds import FIT_QUICKLY
from trainer.__main__ import main


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fit"],
        ["zap"],
        ["fit", "--dataset", "ml-10m", "--out", "x"],
        ["fit", "--dataset", "synthetic"],
        ["fit", "--dataset", "synthetic", "--data", "file", "--out", "x"],
        ["fit", "--dataset", "synthetic", "--out", "x", "--dims", "many"],
        ["fit", "--dataset", "synthetic", "--out", "x", "--loss", "hinge"],
        *(
            ["fit", "--dataset", "synthetic", "--out", "x", *wrong.split()]
            for wrong in (
                "--nonzeros 0",
                "--dims 0",
                "--dims -4",
                "--threads 0",
                "--threads -1",
                "--seed -1",
                "--seed 1.5",
                "--batch-size 0",
                "--patience 0",
                "--dense-epochs -1",
                "--final-epochs 0",
                "--min-items-per-user 0",
                "--items items.csv",
                "--title-col name",
                "--attribute plot=category",
                "--no-holdout --compare",
                "--embedder word2vec",
                "--embedder-model all-MiniLM-L6-v2",
                "--embedder keywords --embedder-model all-MiniLM-L6-v2",
            )
        ),
        ["inspect"],
        ["inspect", "x", "--colour"],
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_wrong_usage_exits_with_2(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Console
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert sum("error:" in line for line in captured.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--nonzeros 17", r"--nonzeros must be between 1 and --dims \(16\), got 17"),
        ("--dims 100000000000", "--dims must be at most 1048576, got 100000000000"),
        ("--learning-rate 0", "--learning-rate"),
        ("--tau 1.5", "--tau must lie between 0 and 1"),
        ("--max-share 0", "--max-share"),
        ("--attribute plot=colour", "NAME=TYPE with one of number, category, list, link, skip"),
        ("--attribute plot", "--attribute plot: write NAME=TYPE"),
        ("--attribute colour=number", "no column 'colour'"),
        ("--title-col colour", "no column 'colour'"),
        ("--log {folder}/nowhere/epochs.jsonl", "--log"),
    ],
)
def test_bad_configuration_exits_with_3(options: str, words: str, tmp_path: Path, capsys: Console) -> None:
    changed = options.format(folder=tmp_path).split()
    line = refused(capsys, 3, tmp_path / "out", *films(tmp_path), *TINY, *changed)
    assert re.search(words, line)


@pytest.mark.parametrize("options", ["--seed 99999999999999999999999", "--learning-rate nan", "--learning-rate -1"])
def test_a_number_that_nothing_can_be_done_with_is_no_crash(options: str, tmp_path: Path, capsys: Console) -> None:
    out = tmp_path / "out"
    assert exit_code("fit", *films(tmp_path), *TINY, *options.split(), "--out", str(out)) in (2, 3)
    told = [line for line in capsys.readouterr().err.splitlines() if "error: " in line]
    assert len(told) == 1
    assert options.split(maxsplit=1)[0] in told[0]
    assert not out.exists() or files(out) == {}


def test_segment_options_are_checked_before_training(tmp_path: Path, capsys: Console) -> None:
    log = tmp_path / "epochs.jsonl"
    refused(capsys, 3, tmp_path / "out", *films(tmp_path), *TINY, "--tau", "7", "--log", str(log))
    assert not log.exists() or log.read_text() == ""


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("user,item,rating\n1,2,1\n1,3,10\n", "", "ratings go from 1 to 10;.*--min-rating"),
        ("user,item\n1,2\n", "--min-rating 3", "has no rating column"),
    ],
)
def test_ratings_that_need_a_word_exit_with_3(
    text: str, options: str, words: str, tmp_path: Path, capsys: Console
) -> None:
    (tmp_path / "ratings.csv").write_text(text)
    line = refused(capsys, 3, tmp_path / "out", "--data", str(tmp_path / "ratings.csv"), *TINY, *options.split())
    assert re.search(words, line)


def test_an_out_folder_that_is_a_file_exits_with_3_and_the_file_stays(tmp_path: Path, capsys: Console) -> None:
    (tmp_path / "out").write_text("mine")
    assert main(["fit", *films(tmp_path), *TINY, "--out", str(tmp_path / "out")]) == 3
    assert capsys.readouterr().err.startswith("error: --out ")
    assert (tmp_path / "out").read_text() == "mine"


MANY = "".join(f"1,{item},5\n" for item in range(9))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("nowhere.csv", None, "no such file"),
        ("empty.csv", b"", "is empty"),
        ("header.csv", b"user,item\n", "a header and no rows"),
        ("latin.csv", "user,item\nJosé,1\n".encode("latin-1"), "line 2 has the byte 0xe9: it is not UTF-8"),
        ("ratings.doc", b"user,item\n1,2\n", "unknown kind of file"),
        ("columns.csv", b"who,what\n1,2\n", "which column is the user"),
        (
            "word.csv",
            b"user,item,rating\n1,1,5\n1,2,good\n",
            "word.csv, line 3: 'rating' is 'good', which is",
        ),
        ("few.csv", b"user,item\n1,1\n1,2\n", "nothing is left"),
        ("ragged.csv", b"user,item\n1,2\n1,2,3\n", "line 3 has 3 fields, the header 2"),
        ("list.jsonl", b'{"user": 1, "item": [1]}\n', "item"),
        ("twice.inter", b"user_id:token\titem_id:token\titem_id:float\n1\t2\t2\n", "item_id"),
    ],
)
def test_bad_data_exits_with_4(name: str, content: bytes | None, words: str, tmp_path: Path, capsys: Console) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    line = refused(capsys, 4, tmp_path / "out", "--data", str(path), *TINY)
    assert words in line
    assert str(path) in line


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        ("sku,title\n1,One\n", "which column is the item"),
        ("movie_id,title\n", "a header and no rows"),
    ],
)
def test_bad_items_exit_with_4(content: str | None, words: str, tmp_path: Path, capsys: Console) -> None:
    data, path = films(tmp_path)[:2], tmp_path / "things.csv"
    if content is not None:
        path.write_text(content)
    line = refused(capsys, 4, tmp_path / "out", *data, "--items", str(path), *TINY)
    assert words in line
    assert str(path) in line


def test_one_user_is_too_few_to_measure_and_exits_with_4(tmp_path: Path, capsys: Console) -> None:
    (tmp_path / "one.csv").write_text(f"user,item,rating\n{MANY}")
    line = refused(capsys, 4, tmp_path / "out", "--data", str(tmp_path / "one.csv"), *TINY)
    assert re.search("1 user.* too few.*--no-holdout", line)


def test_one_user_can_train_without_a_holdout(tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text(f"user,item,rating\n{MANY}")
    data = ["--data", str(tmp_path / "one.csv"), "--no-holdout"]
    assert main(["fit", *data, *TINY, "--out", str(tmp_path / "out")]) == 0
    assert open_current(tmp_path / "out").model.embedding.n_items == 9


@pytest.mark.parametrize("damage", ["missing folder", "no pointer", "altered array", "no manifest"])
def test_a_bad_artifact_exits_with_5(damage: str, tmp_path: Path, capsys: Console) -> None:
    out = tmp_path / "out"
    if damage != "missing folder":
        assert main(["fit", *films(tmp_path), *TINY, "--out", str(out)]) == 0
        capsys.readouterr()
        version = open_current(out).folder
        if damage == "no pointer":
            (out / "CURRENT").unlink()
        elif damage == "no manifest":
            (version / "manifest.json").unlink()
        else:
            content = bytearray((version / "codes.npy").read_bytes())
            content[-1] ^= 1
            (version / "codes.npy").write_bytes(content)
    assert main(["inspect", str(out)]) == 5
    captured = capsys.readouterr()
    assert not captured.out
    (line,) = captured.err.splitlines()
    assert line.startswith("error: ")
    assert str(out) in line


def test_a_failed_training_exits_with_6(tmp_path: Path, capsys: Console) -> None:
    hopeless = ["--learning-rate", "3e38", "--schedule", "constant", "--batch-size", "8", "--precision", "float32"]
    line = refused(capsys, 6, tmp_path / "out", *films(tmp_path), *TINY, *hopeless)
    assert "the loss is no longer a number; lower --learning-rate" in line


def test_an_endless_learning_rate_is_said_and_not_written(tmp_path: Path, capsys: Console) -> None:
    once = "--learning-rate inf --no-holdout --prune-epochs 0 --final-epochs 1 --batch-size 4000".split()
    out = tmp_path / "out"
    assert main(["fit", *films(tmp_path), *TINY, *once, "--out", str(out)]) in (3, 6)
    assert "--learning-rate" in capsys.readouterr().err
    assert files(out) == {}


def test_a_failure_leaves_the_version_that_is_served(tmp_path: Path, capsys: Console) -> None:
    out = tmp_path / "out"
    assert main(["fit", *films(tmp_path), *TINY, "--out", str(out)]) == 0
    before = files(out)
    assert main(["fit", *films(tmp_path), *TINY, "--nonzeros", "99", "--out", str(out)]) == 3
    assert main(["fit", "--data", str(tmp_path / "nowhere.csv"), "--out", str(out)]) == 4
    assert capsys.readouterr().err.count("error: ") == 2
    assert files(out) == before


def test_a_failing_process_says_one_line_and_exits_with_its_code(tmp_path: Path) -> None:
    done = process("fit", "--data", str(tmp_path / "nowhere.csv"), "--out", str(tmp_path / "out"))
    assert done.returncode == 4
    assert done.stdout == ""
    assert done.stderr == f"error: {tmp_path / 'nowhere.csv'}: there is no such file\n"


def test_ctrl_c_exits_with_130_and_leaves_no_version(tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "epochs.jsonl"
    options = [*FIT_QUICKLY, "--final-epochs", "100000", "--patience", "100000", "--log", str(log), "--out", str(out)]
    # A shell that puts tests into the background has them ignore Ctrl-C; a user's shell does not.
    heeding = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = [sys.executable, "-c", heeding, sys.executable, "-m", "trainer", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            while running.poll() is None and not (log.exists() and log.read_text().count("\n") > 5):
                time.sleep(0.05)
            running.send_signal(signal.SIGINT)
            printed, told = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 130
    assert printed == ""
    assert "interrupted" in told
    assert "Traceback" not in told
    assert "--resume" in told
    assert [path.name for path in out.iterdir()] == [".checkpoint.npz"]


def test_a_reader_that_leaves_early_is_no_failure(artifacts: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "trainer", "inspect", str(artifacts)],
            cwd=ROOT,
            env=environment,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_ctrl_c_that_meets_numba_is_an_interruption_too(monkeypatch: pytest.MonkeyPatch, capsys: Console) -> None:
    """As its dispatcher hands it on; when it does is a matter of microseconds."""

    def interrupted(_: object) -> None:
        first = SystemError("type returned a result with an exception set")
        first.__cause__ = KeyboardInterrupt()
        raise SystemError("CPUDispatcher returned a result with an exception set") from first

    monkeypatch.setattr("trainer.commands.inspect.run", interrupted)
    assert main(["inspect", "nowhere"]) == 130
    assert "interrupted" in capsys.readouterr().err
