"""What benchmarks.bench_search measured, as Markdown."""

from collections.abc import Mapping, Sequence
from typing import Any

_OURS = "ours"


def table(cells: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for matrix in dict.fromkeys(cell["matrix"] for cell in cells):
        of_matrix = [cell for cell in cells if cell["matrix"] == matrix]
        contenders = list(dict.fromkeys(cell["contender"] for cell in of_matrix))
        lines += [
            f"\n**{matrix}**: microseconds, p50 (p95, p99)\n",
            "| history | top | " + " | ".join(contenders) + " | ours: entries, items scored |",
            "|---:|---:|" + "---:|" * len(contenders) + "---:|",
        ]
        for history, n in dict.fromkeys((cell["history"], cell["n"]) for cell in of_matrix):
            row = {cell["contender"]: cell for cell in of_matrix if (cell["history"], cell["n"]) == (history, n)}
            if _OURS not in row:
                continue
            ours = row[_OURS]
            texts = [_text(row[name], ours) if name in row else "" for name in contenders]
            lines.append(
                f"| {history} | {n} | " + " | ".join(texts) + f" | {ours['entries']:,.0f}, {ours['scored']:,.0f} |"
            )
        sizes = {cell["contender"]: cell["bytes_per_item"] for cell in of_matrix}
        lines.append("\nBytes an item: " + ", ".join(f"{name} {size:,.0f}" for name, size in sizes.items()) + ".")
        recalls = {cell["contender"]: cell["recall"] for cell in of_matrix if cell["recall"] is not None}
        least = {name: min(c["recall"] for c in of_matrix if c["contender"] == name) for name in recalls}
        lines.append("Least recall: " + ", ".join(f"{name} {recall:.3f}" for name, recall in least.items()) + ".")
    return "\n".join(lines)


def _text(cell: Mapping[str, Any], ours: Mapping[str, Any]) -> str:
    if cell is ours:
        return f"**{cell['p50']:,.0f}** ({cell['p95']:,.0f}, {cell['p99']:,.0f})"
    return f"{cell['p50']:,.0f}, {cell['p50'] / ours['p50']:.1f} times ours"
