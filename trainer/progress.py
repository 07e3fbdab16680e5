"""What a person and a log file see of a training run."""

import contextlib
import json
import logging
from pathlib import Path
from types import TracebackType
from typing import Never, Self

from tqdm import tqdm

from trainer.errors import ConfigurationError
from trainer.fit_options import Epoch

logger = logging.getLogger(__name__)


class Progress:
    """A bar on stderr with an ETA, on a terminal, ten lines elsewhere; where asked for, a line of JSON an epoch."""

    def __init__(self, log: Path | None, *, quiet: bool = False, n_done: int = 0) -> None:
        """`n_done` epochs were done before an interruption: the bar begins there, and the log goes on."""
        self._n_done = n_done
        self._bar: tqdm[Never] | None = None
        try:
            self._log = log.open("a" if n_done else "w", encoding="utf-8") if log else None
        except OSError as error:
            raise ConfigurationError(f"--log {log}: cannot be written to ({error.strerror})") from error
        self._quiet = quiet

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        self._close_log()

    def _close_log(self) -> None:
        if self._log is not None:
            with contextlib.suppress(OSError):
                self._log.close()
            self._log = None

    def __call__(self, epoch: Epoch) -> None:
        if self._bar is None:
            self._bar = tqdm(
                total=epoch.total,
                initial=self._n_done,
                unit="epoch",
                disable=self._quiet or None,
                dynamic_ncols=True,
            )
        facts: dict[str, object] = {"stage": epoch.stage, "k": epoch.k, "steps": epoch.way, "loss": f"{epoch.loss:.4f}"}
        if epoch.validation is not None:
            facts["validation"] = f"{epoch.validation:.4f}"
        self._bar.set_postfix(facts, refresh=False)
        self._bar.update()
        if self._bar.disable and not self._quiet and epoch.number % max(epoch.total // 10, 1) == 0:
            words = ", ".join(f"{name} {value}" for name, value in facts.items())
            logger.info("epoch %d of at most %d: %s", epoch.number, epoch.total, words)
        if self._log is not None:
            try:
                self._log.write(json.dumps(vars(epoch)) + "\n")
                self._log.flush()
            except OSError as error:  # costs the log and not the training
                logger.warning("--log ends before epoch %d: %s", epoch.number, error.strerror or error)
                self._close_log()
