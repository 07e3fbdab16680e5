"""What the machine has, as the operating system and the container say it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from trainer import host, machine
from trainer.errors import ConfigurationError


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in the form of /sys/fs/cgroup."""
    monkeypatch.setattr(host, "_CGROUP", tmp_path)
    return tmp_path


def test_without_a_container_it_is_the_physical_memory(cgroup: Path) -> None:
    assert machine.memory_bytes() == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("file", ["memory.max", "memory/memory.limit_in_bytes"])
def test_a_containers_limit_counts_where_it_is_less(cgroup: Path, file: str) -> None:
    (cgroup / file).parent.mkdir(exist_ok=True)
    (cgroup / file).write_text("123456789\n")
    assert machine.memory_bytes() == 123456789
    (cgroup / file).write_text("9223372036854771712\n")
    assert machine.memory_bytes() < 2**50
    (cgroup / file).write_text("max\n")
    assert machine.memory_bytes() < 2**50


@pytest.mark.parametrize(
    ("quota", "expected"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", None), ("", None)]
)
def test_a_containers_share_of_time_counts_as_cores(cgroup: Path, quota: str, expected: int | None) -> None:
    (cgroup / "cpu.max").write_text(quota)
    assert host.cores() == (expected or len(os.sched_getaffinity(0)))


def test_cores_that_are_not_ours_do_not_count() -> None:
    program = """
import os
os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
from trainer import host
print(host.cores())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "1\n"


def test_the_default_precision_is_the_one_that_the_probe_found_faster() -> None:
    threads = torch.get_num_threads()
    seconds = machine.probe_seconds("cpu")
    assert torch.get_num_threads() == threads
    assert set(seconds) == {"float32", "bfloat16"}
    ratio = seconds["bfloat16"] / seconds["float32"]
    if abs(ratio / machine.WORTHWHILE - 1) > 0.3:
        assert machine.default_precision("cpu") == ("bfloat16" if ratio < machine.WORTHWHILE else "float32")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_device_that_is_not_there_is_refused_kindly() -> None:
    assert machine.device(None) == "cpu"
    with pytest.raises(ConfigurationError, match="torch sees no CUDA device; leave it out"):
        machine.device("cuda")
