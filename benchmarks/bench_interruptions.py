"""Training killed at random moments and resumed: is the artifact the same, byte for byte?

python -m benchmarks.bench_interruptions [--kills 20] [--seed 1]

One run of the synthetic catalogue goes through; others are killed (kill -9) after a random time and resumed until one
of them ends, as often as it takes for the number of kills asked for. Every artifact that comes out is compared with
the first, file by file, and nothing may be left beside it.
"""

import argparse
import hashlib
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OPTIONS = (
    "fit --dataset synthetic --threads 1 --dims 64 --nonzeros 16 --dense-epochs 40 --prune-epochs 12 --final-epochs 12 "
    "--batch-size 8 --quiet"
).split()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    moments = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as scratch:
        began = time.perf_counter()
        whole = Path(scratch) / "whole"
        _run(whole)
        seconds = time.perf_counter() - began
        expected, kills, ends = _digests(whole), 0, 0
        print(f"uninterrupted: {seconds:.1f} s, {len(expected)} files", flush=True)
        while kills < arguments.kills:
            out = Path(scratch) / f"run{ends}"
            while True:
                killed_after = moments.uniform(0, seconds) if kills < arguments.kills else None
                resumed = _epochs_kept(out)
                if _run(out, killed_after) or _complete(out):
                    break
                kills += 1
                after = f"after {killed_after:5.2f} s" if killed_after is not None else ""
                print(f"kill {kills:2} {after}; resumed {resumed}; {_left(out)}", flush=True)
            ends += 1
            same = _digests(out) == expected
            print(f"run {ends} ended: {'the same bytes' if same else 'OTHER BYTES'}", flush=True)
            if not same:
                raise SystemExit(1)
    print(f"{kills} kills, {ends} runs resumed to their end, all of the same bytes")


def _run(out: Path, killed_after: float | None = None) -> bool:
    """Runs or resumes; True where it came to its end."""
    running = subprocess.Popen(
        [sys.executable, "-m", "trainer", *OPTIONS, "--out", str(out), "--resume"], stdout=subprocess.DEVNULL
    )
    try:
        return running.wait(killed_after) == 0
    except subprocess.TimeoutExpired:
        running.send_signal(signal.SIGKILL)
        running.wait()
        return False


def _complete(out: Path) -> bool:
    """A kill that came after the artifact and before the end of the process."""
    return (out / "CURRENT").exists() and not (out / ".checkpoint.npz").exists()


def _epochs_kept(out: Path) -> str:
    return "from a checkpoint" if (out / ".checkpoint.npz").exists() else "from the beginning"


def _left(out: Path) -> str:
    names = sorted(path.name for path in out.iterdir()) if out.exists() else []
    return "left " + (", ".join(names) or "nothing")


def _digests(out: Path) -> dict[str, str]:
    """Every file below `out`, hidden ones too."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


if __name__ == "__main__":
    main()
