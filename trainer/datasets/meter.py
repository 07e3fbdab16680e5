"""How far a download has come: a bar in bytes with an ETA on a terminal, a line a tenth elsewhere."""

from types import TracebackType
from typing import Never, Self

from tqdm import tqdm

from trainer.datasets.tables import Say

MEGABYTE = 1_000_000
_BYTES_A_LINE = 20 * MEGABYTE  # where the size is unknown


class Meter:
    """Counts the bytes of `name`, of which `at` had come before."""

    def __init__(self, name: str, at: int, total: int | None, say: Say, *, quiet: bool) -> None:
        self._name, self._at, self._total, self._say = name, at, total, say
        self._step = max(total // 10, MEGABYTE) if total else _BYTES_A_LINE
        self._quiet = quiet
        self._bar: tqdm[Never] = tqdm(
            total=total, initial=at, unit="B", unit_scale=True, desc=name, disable=quiet or None, dynamic_ncols=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def add(self, n_bytes: int) -> None:
        self._bar.update(n_bytes)
        before, self._at = self._at // self._step, self._at + n_bytes
        if self._bar.disable and not self._quiet and self._at // self._step > before and self._at != self._total:
            self._say(f"{self._name}: {amount(self._at, self._total)}")


def amount(at: int, total: int | None) -> str:
    """Megabytes, as in 57.1 of 190.5 MB (30 %)."""
    if total is None:
        return f"{at / MEGABYTE:,.1f} MB"
    return f"{at / MEGABYTE:,.1f} of {total / MEGABYTE:,.1f} MB ({at / max(total, 1):.0%})".replace("%)", " %)")
