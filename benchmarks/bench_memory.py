"""The memory that `fit` says before it trains beside what training took: the table of docs/sizing.md.

python -m benchmarks.bench_memory

Each line is a process of its own that trains a few epochs from the dense start to the end of the schedule; measured is
the largest resident set over that after imports, a tiny training and the reading of the data.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch

from benchmarks.bench_sizing import Size, draw
from benchmarks.peers.exchange import matrix_of, parts_of, read, reset_peak, status, write
from benchmarks.public_data import interactions_of
from trainer.fit import fit
from trainer.fit_options import FitOptions, default_batch_size
from trainer.footprint import bytes_needed
from trainer.interactions import Csr

BRIEF = FitOptions(dims=512, nonzeros=16, prune_epochs=4, regrow_epochs=1, final_epochs=1, precision="bfloat16")
LINES = {
    "ml-1m": BRIEF,
    "ml-1m, 4096 dims": replace(BRIEF, dims=4096),
    "ml-1m, float32": replace(BRIEF, precision="float32"),
    "50,000 items": BRIEF,
    "50,000 items, 64 dims": replace(BRIEF, dims=64),
    "50,000 items, 1024 dims": replace(BRIEF, dims=1024),
    "50,000 items, float32": replace(BRIEF, precision="float32"),
    "50,000 items, restart": replace(BRIEF, restart=True),
    "50,000 items, 1024 dims, 64 at the start": replace(BRIEF, dims=1024, start_nonzeros=64),
    "50,000 items, 1024 dims, 64 at the start, float32": replace(
        BRIEF, dims=1024, start_nonzeros=64, precision="float32"
    ),
    "50,000 items, 4096 dims, 256 at the start": replace(BRIEF, dims=4096, start_nonzeros=256),
    "50,000 items, 1024 dims, 64 at the start, relu": replace(BRIEF, dims=1024, start_nonzeros=64, loss="relu"),
    "50,000 items, 16,384 outputs": replace(BRIEF, max_outputs=16384),
}


def main() -> None:
    if len(sys.argv) > 1:
        _measure(LINES[sys.argv[1]], matrix_of(read(Path(sys.argv[2]))))
        return
    print("| | dims | users a step | said, MiB | measured, MiB | measured / said |\n|---|---:|---:|---:|---:|---:|")
    data = {"ml-1m": interactions_of("ml-1m").matrix, "50,000 items": _drawn()}
    for name in LINES:
        with tempfile.TemporaryDirectory() as scratch:
            file = Path(scratch, "train.npz")
            write(file, parts_of(next(matrix for start, matrix in data.items() if name.startswith(start))))
            command = [sys.executable, "-m", "benchmarks.bench_memory", name, str(file)]
            found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        said, measured = found["said"] / 2**20, found["measured"] / 2**20
        print(
            f"| {name} | {found['dims']} | {found['batch_size']} | {said:,.0f} | {measured:,.0f} "
            f"| {measured / said:.2f} |",
            flush=True,
        )


def _measure(options: FitOptions, train: Csr) -> None:
    torch.set_num_threads(1)
    options = replace(options, batch_size=default_batch_size(train.shape[0]))
    tiny: Csr = sp.csr_matrix((np.random.default_rng(0).random((64, 40)) < 0.3).astype(np.float32))
    for nonzeros in (2, 8):
        narrow = replace(options, dims=32, nonzeros=nonzeros, start_nonzeros=options.start_nonzeros and 16)
        for below in (4, None):
            fit(tiny, None, replace(narrow, sparse_below=below), lambda _: None)
    before = reset_peak()
    fit(train, None, options, lambda _: None)
    own = len(np.unique(train[: options.batch_size].indices))
    said = bytes_needed(train.shape[1], options, own_items=own)
    print(json.dumps({**asdict(options), "said": said, "measured": status("VmHWM") - before}))


def _drawn() -> Csr:
    pairs = draw(Size(50_000, 4_000, 400_000)).unique()
    users, items = pairs["user_id"].to_numpy(), pairs["item_id"].to_numpy()
    return sp.csr_matrix((np.ones(len(pairs), np.float32), (users, items)), shape=(4_000, 50_000))


if __name__ == "__main__":
    main()
