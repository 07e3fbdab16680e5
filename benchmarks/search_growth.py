"""How a search's time grows with the catalogue, and what it reads against what the memory delivers.

python -m benchmarks.search_growth --plot docs/search-growth.svg

Reads what benchmarks.bench_search measured on synthetic-100k, -1m and -5m (--out), for histories of 77 items. A search
reads 4 bytes an entry, 2 k an item that it scores by its code and 4 for its length, and 2 a block six times: sums are
begun, their largest found, and both once more. The memory's speed is that of numpy's sum of 1 GiB, the best of ten.
"""

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

HISTORY, K = 77, 32
ITEMS = {"synthetic-100k": 100_000, "synthetic-1m": 1_000_000, "synthetic-5m": 5_000_000}
ROWS = {"synthetic-100k": 1, "synthetic-1m": 4, "synthetic-5m": 4}  # of a block
_LOOK = {
    ("ours", 100): ("ours, the 100 best", "#000000", "*-"),
    ("ours", 10): ("ours, the 10 best", "#D55E00", "o-"),
    ("scan", 100): ("every item scored", "#777777", "x--"),
    ("scipy A z", 100): ("scipy, CSR times dense", "#0072B2", "v--"),
    ("faiss flat 256", 100): ("faiss flat, 256 dims", "#CC79A7", "^--"),
}


def read_bytes(cell: Mapping[str, Any]) -> float:
    blocks = ITEMS[cell["matrix"]] / ROWS[cell["matrix"]]
    return float(4 * cell["entries"] + (2 * K + 4) * cell["scored"] + 6 * 2 * blocks)


def bytes_a_second() -> float:
    memory, best = np.ones(2**27), np.inf
    for _ in range(10):
        began = time.perf_counter()
        memory.sum()
        best = min(best, time.perf_counter() - began)
    return memory.nbytes / best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("reports/search.jsonl"))
    parser.add_argument("--plot", type=Path, metavar="FILE.svg")
    arguments = parser.parse_args()
    cells = [json.loads(line) for line in arguments.out.read_text().splitlines()]
    cells = [cell for cell in cells if cell["matrix"] in ITEMS and cell["history"] == HISTORY]
    speed = bytes_a_second()
    print(f"the memory delivers {speed / 1e9:.1f} GB a second to one thread\n")
    print("| items | top | reads, MB | at that speed, us | takes, us |\n|---:|---:|---:|---:|---:|")
    for cell in cells:
        if cell["contender"] == "ours":
            size = read_bytes(cell)
            print(
                f"| {ITEMS[cell['matrix']]:,} | {cell['n']} | {size / 1e6:.1f} | {size / speed * 1e6:,.0f} | "
                f"{cell['p50']:,.0f} |"
            )
    if arguments.plot:
        draw(cells, arguments.plot)


def draw(cells: Sequence[Mapping[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure  # noqa: PLC0415 - only for whoever wants the plot

    figure = Figure(figsize=(5.2, 3.6), layout="constrained")
    axes = figure.subplots()
    for (contender, n), (label, colour, style) in _LOOK.items():
        points = sorted(
            (ITEMS[cell["matrix"]], cell["p50"] / 1e3)
            for cell in cells
            if (cell["contender"], cell["n"]) == (contender, n)
        )
        axes.plot(*zip(*points, strict=True), style, color=colour, label=label)
    axes.set(xscale="log", yscale="log", xlabel="items", ylabel="milliseconds a search, one thread")
    axes.set_xticks(list(ITEMS.values()), ["100,000", "1,000,000", "5,000,000"])
    axes.set_yticks([1, 10, 100], ["1", "10", "100"])
    axes.minorticks_off()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#dddddd", linewidth=0.6)
    axes.legend(frameon=False, fontsize=8)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
