"""Tables as GitHub shows them, and numbers in their cells."""

from collections.abc import Sequence
from math import isnan

from trainer.experiment.compare import Interval
from trainer.summary import printable

MISSING = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"  # unlike a hyphen no place for a line to break


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """The first `left` columns to the left, the rest to the right. Nothing where there are no rows."""
    if not rows:
        return ""
    rule = [":--" if column < left else "--:" for column in range(len(header))]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *rows))


def plain(text: object) -> str:
    """Somebody else's words so that they stay in their cell and mean nothing to Markdown."""
    shown = printable(" ".join(str(text).split()))
    for character in "\\`*_[]|~$#":
        shown = shown.replace(character, "\\" + character)
    return shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def number(value: float | None, digits: int = 4) -> str:
    return MISSING if value is None or isnan(value) else f"{value:.{digits}f}".replace("-", MINUS)


def plus_minus(interval: Interval | None) -> str:
    """A mean and half its interval."""
    return MISSING if interval is None else f"{number(interval.mean)} ± {number(interval.half)}"


def signed(interval: Interval | None, *, percent: bool = False) -> str:
    """A difference and its interval, bold where that excludes zero."""
    if interval is None or isnan(interval.mean):
        return MISSING
    scale, digits = (100, 2) if percent else (1, 4)
    mean, low, high = (
        f"{value * scale:+.{digits}f}".replace("-", MINUS) for value in (interval.mean, interval.low, interval.high)
    )
    mean += " %" * percent
    return (f"**{mean}**" if interval.excludes_zero else mean) + f" ({low} to {high})"


def whole(values: Sequence[int]) -> str:
    """Bytes and the like: one number, or the range where they differ."""
    if not values:
        return MISSING
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,}{MISSING}{high:,}"


def folded(title: str, text: str) -> str:
    """Shown when asked for."""
    return f"<details>\n<summary>{title}</summary>\n\n{text}\n\n</details>" if text else ""
