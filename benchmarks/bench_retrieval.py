"""/recommend with Qdrant finding the items, beside the index finding them: answers, times, requests a second.

python -m benchmarks.bench_retrieval ARTIFACTS [ARTIFACTS …] [--qdrant http://…] [--seconds 4] [--rounds 3]

Each version is exported to a folder, which the engine reads in process (qdrant-edge-py), or with --qdrant to a server.
Two services of one worker, histories of 20 items, n 20, without a filter and with one that about a tenth of the items
pass; every answer of 200 is compared byte by byte. Times are of one connection; requests a second of 8. The services
take turns; ratios are medians over the rounds. Needs wrk.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import httpx
import numpy as np

from benchmarks.wrk import wrk
from index import artifact
from index.artifact import Artifact
from index.filters import parsed, selected
from index.model import Model
from tests.service.processes import service

HISTORY, N, BODIES, CONNECTIONS, SHARE = 20, 20, 200, 8, 0.1
Bodies = Sequence[dict[str, object]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("artifacts", nargs="+", type=Path)
    parser.add_argument("--qdrant", help="a server, instead of a folder")
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print("| | items | | index, ms | Qdrant, ms | slower | index, requests/s | Qdrant | of it | same answers |")
    print("|---|---:|---|---:|---:|---:|---:|---:|---:|---:|", flush=True)
    for folder in options.artifacts:
        with tempfile.TemporaryDirectory() as scratch:
            _measure(folder, options.qdrant or f"{scratch}/qdrant", Path(scratch), options.seconds, options.rounds)


def _measure(folder: Path, place: str, scratch: Path, seconds: float, rounds: int) -> None:
    opened = artifact.open_current(folder)
    export = [sys.executable, "-m", "trainer", "export", str(folder), "--to", "qdrant", place, "--quiet"]
    subprocess.run(export, check=True, stdout=subprocess.DEVNULL)
    wanted: dict[str, Bodies] = {"": _bodies(opened, None)}
    if document := _filter(opened.model):
        wanted["filtered"] = _bodies(opened, document)
    with ExitStack() as stack:
        index = stack.enter_context(service(folder))
        qdrant = stack.enter_context(service(folder, SPARSESHELF_QDRANT=place, SPARSESHELF_QDRANT_BUDGET_SECONDS="5"))
        for title, bodies in wanted.items():
            same = _same(index.url, qdrant.url, bodies)
            measured = [
                [
                    wrk(f"{url}/recommend", bodies, scratch, connections=connections, seconds=seconds)
                    for connections in (1, CONNECTIONS)
                    for url in (index.url, qdrant.url)
                ]
                for _ in range(rounds)
            ]
            if any(load.errors for one in measured for load in one):
                raise SystemExit("a request failed")
            slower = median(one[1].p50_milliseconds / one[0].p50_milliseconds for one in measured)
            part = median(one[3].per_second / one[2].per_second for one in measured)
            ours, theirs = (median(one[place].p50_milliseconds for one in measured) for place in (0, 1))
            rates = [median(one[place].per_second for one in measured) for place in (2, 3)]
            print(
                f"| {opened.version.rsplit('-', 1)[0]} | {opened.model.embedding.n_items:,} | {title} | {ours:.2f} | "
                f"{theirs:.2f} | {slower:.1f} x | {rates[0]:,.0f} | {rates[1]:,.0f} | {part:.0%} | "
                f"{same} of {BODIES} |",
                flush=True,
            )


def _bodies(opened: Artifact, document: dict[str, object] | None) -> Bodies:
    rng = np.random.default_rng(0)
    coded = np.flatnonzero(opened.model.embedding.coded)
    popularity = opened.model.popularity[coded].astype(np.float64) + 1e-9
    chances = popularity / popularity.sum()
    ids = opened.model.vocabulary.item_ids
    found = []
    for _ in range(BODIES):
        rows = rng.choice(coded, HISTORY, replace=False, p=chances)
        found.append({"history": ids.many(rows.tolist()), "n": N, **({"filter": document} if document else {})})
    return found


def _filter(model: Model) -> dict[str, object] | None:
    """One value of a category or a list that about a tenth of the items have, where there is one."""
    candidates: list[dict[str, object]] = [
        {"eq": {name: category}}
        for name, column in model.catalog.attributes.items()
        if column.kind in {"category", "list"}
        for category in list(getattr(column, "categories", ()))[:200]
    ]
    n_items = model.embedding.n_items
    return min(
        candidates, key=lambda one: abs(len(selected(parsed(one), model.catalog)) / n_items - SHARE), default=None
    )


def _same(index: str, qdrant: str, bodies: Bodies) -> int:
    with httpx.Client() as client:
        answers = [
            [client.post(f"{url}/recommend", json=body).raise_for_status().content for url in (index, qdrant)]
            for body in bodies
        ]
    return sum(first == second for first, second in answers)


if __name__ == "__main__":
    main()
