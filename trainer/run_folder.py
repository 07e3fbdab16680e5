"""The output folder while a run writes to it: locked, known to be writable and large enough, with its checkpoint."""

import logging
import shutil
from pathlib import Path
from types import TracebackType
from typing import Self

from index import artifact
from trainer import checkpoint
from trainer.checkpoint import Checkpoint, Decides
from trainer.errors import ConfigurationError, LostRankError, TrainerError
from trainer.locked_folder import LockedFolder
from trainer.uninterrupted import uninterrupted

logger = logging.getLogger(__name__)

CHECKPOINT = ".checkpoint.npz"


class RunFolder:
    """One run at a time. What a killed run left half-written is removed; its checkpoint stays until `finish`.

    Raises ConfigurationError for a folder that cannot be written to or that another run writes to.
    """

    def __init__(self, folder: Path, *, checkpoints: bool = True) -> None:
        self.folder = folder
        self.keeps_checkpoints = checkpoints
        self._path = folder / CHECKPOINT
        self._decides: Decides = {}
        self._kept: int | None = None  # epochs done, as the checkpoint has them
        self._failing = False
        self._locked = LockedFolder(folder)

    def __enter__(self) -> Self:
        self._locked.__enter__()
        self._sweep()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failed = kind is not None and issubclass(kind, TrainerError) and kind is not LostRankError  # would fail again
        if kind is not None and not failed and self._kept is not None:
            with uninterrupted():  # whoever ends a run whose rank was lost says so twice
                logger.warning("epoch %d is kept: the same command with --resume goes on after it", self._kept)
        self._locked.__exit__(kind, error, trace)

    def _sweep(self) -> None:
        for leftover in (
            path for pattern in (*artifact.LEFTOVERS, CHECKPOINT + ".partial") for path in self.folder.glob(pattern)
        ):
            if leftover.is_dir() and not leftover.is_symlink():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)

    def check_space(self, checkpoint_bytes: int, artifact_bytes: int) -> None:
        """Refuses before training what the disk cannot hold. A checkpoint is written beside the one before."""
        free = shutil.disk_usage(self.folder).free
        if self.keeps_checkpoints and self.has_checkpoint:  # the one before is there already
            free += self._path.stat().st_size
        needed = artifact_bytes + (2 * checkpoint_bytes if self.keeps_checkpoints else 0)
        if needed > free:
            way_out = "--no-checkpoints needs less" if self.keeps_checkpoints else "make room"
            raise ConfigurationError(
                f"--out {self.folder}: {free / 2**20:,.0f} MiB are free, about {needed / 2**20:,.0f} are needed; "
                f"{way_out}, or choose another folder"
            )

    @property
    def has_checkpoint(self) -> bool:
        return self._path.exists()

    def kept(self) -> tuple[Checkpoint, Decides] | None:
        """The checkpoint of an interrupted run and what decided it; None where there is none. Raises DataError."""
        if not self._path.exists():
            return None
        return checkpoint.read(self._path)

    def begin(self, decides: Decides, resumed: Checkpoint | None = None) -> None:
        """From here on `keep` belongs to a run that `decides` says everything of."""
        self._decides = decides
        self._kept = resumed.number if resumed else None

    def keep(self, state: Checkpoint) -> None:
        """Puts the run's state in place of the one before. A full disk costs the checkpoint and not the training."""
        if not self.keeps_checkpoints:
            return
        try:
            checkpoint.write(self._path, state, self._decides)
            self._kept, self._failing = state.number, False
        except OSError as error:
            if not self._failing:  # once, and not after every epoch
                logger.warning("no checkpoint of epoch %d: %s", state.number, error.strerror or error)
            self._failing = True

    def finish(self) -> None:
        """The artifact is there; the checkpoint has done its work."""
        self._path.unlink(missing_ok=True)
        self._kept = None
