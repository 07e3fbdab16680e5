"""Points that were measured. benchmarks/bench_plan.py measures and stores them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

POINTS = Path(__file__).with_name("points.jsonl")
Point = Mapping[str, Any]
"""`quantity` says of what; the rest is what it depends on, and what was found."""


def read_points(path: Path = POINTS) -> list[Point]:
    return [json.loads(line) for line in path.read_text().splitlines()]
