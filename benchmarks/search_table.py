"""What benchmarks.bench_search measured, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

_OURS, _LISTS, _SCAN = "ours", "lists", "scan"
_BESIDE = (_SCAN, "scipy A z", "scipy z A^T", "dense 256")
Cell = Mapping[str, Any]


def table(cells: Sequence[Cell]) -> str:
    lines = []
    for matrix in dict.fromkeys(cell["matrix"] for cell in cells):
        of_matrix = [cell for cell in cells if cell["matrix"] == matrix]
        lines += [f"\n**{matrix}**: microseconds, p50 (p95, p99)\n", *_by_query(of_matrix), *_engines(of_matrix)]
    return "\n".join(lines)


def _by_query(cells: Sequence[Cell]) -> list[str]:
    beside = [name for name in _BESIDE if any(cell["contender"] == name for cell in cells)]
    lines = [
        "| history | top | ours | " + " | ".join(beside) + " | entries, items scored |",
        "|---:|---:|" + "---:|" * len(beside) + "---:|---:|",
    ]
    worst = 0.0
    for history, n in dict.fromkeys((cell["history"], cell["n"]) for cell in cells):
        row = {cell["contender"]: cell for cell in cells if (cell["history"], cell["n"]) == (history, n)}
        if _OURS not in row:
            continue
        ours = row[_OURS]
        if _LISTS in row:
            worst = max(worst, ours["p50"] / min(row[_LISTS]["p50"], row[_SCAN]["p50"]))
        texts = [
            f"{row[name]['p50']:,.0f} ({row[name]['p50'] / ours['p50']:.1f})" if name in row else "" for name in beside
        ]
        lines.append(
            f"| {history} | {n} | **{ours['p50']:,.0f}** ({ours['p95']:,.0f}, {ours['p99']:,.0f}) | "
            + " | ".join(texts)
            + f" | {ours['entries']:,.0f}, {ours['scored']:,.0f} |"
        )
    named = [_OURS, *beside]
    sizes = {cell["contender"]: cell["bytes_per_item"] for cell in cells}
    recalls = {name: _least_recall(cells, name) for name in named if name != "dense 256"}
    return [
        *lines,
        "\nIn brackets: times ours. Bytes an item: " + ", ".join(f"{name} {sizes[name]:,.0f}" for name in named) + ".",
        "Least recall: " + ", ".join(f"{name} {recall:.3f}" for name, recall in recalls.items()) + ".",
        f"Ours at most {worst:.2f} times its faster way.",
    ]


def _least_recall(cells: Sequence[Cell], contender: str) -> float:
    return min(float(cell["recall"]) for cell in cells if cell["contender"] == contender)


def _engines(cells: Sequence[Cell]) -> list[str]:
    """The peers' own table, of what was asked of them."""
    names = dict.fromkeys(cell["contender"] for cell in cells)
    names = {name: None for name in names if name not in {_OURS, _LISTS, *_BESIDE}}
    if not names:
        return []
    asked = dict.fromkeys((cell["history"], cell["n"]) for cell in cells if cell["contender"] in names)
    lines = [
        "\n| engine | "
        + " | ".join(f"history {history}, top {n}" for history, n in asked)
        + " | recall | bytes an item |",
        "|---|" + "---:|" * (len(asked) + 2),
    ]
    for name in [_OURS, *names]:
        own = {(cell["history"], cell["n"]): cell for cell in cells if cell["contender"] == name}
        texts = [f"{own[query]['p50']:,.0f}" if query in own else "" for query in asked]
        recall = min(own[query]["recall"] for query in asked if query in own)
        size = next(iter(own.values()))["bytes_per_item"]
        lines.append(f"| {name} | " + " | ".join(texts) + f" | {recall:.3f} | {size:,.0f} |")
    return lines
