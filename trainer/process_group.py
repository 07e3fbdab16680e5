"""Ranks that are processes, as torchrun starts them: gloo between CPUs, nccl between GPUs.

Rank 0 reads the data, writes checkpoints and the version, and tells; the others are given their users by it and train.
So they need neither the files nor a folder in common. Nothing that is sent can run code: arrays, and JSON beside them.
"""

import json
import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from trainer.errors import ConfigurationError, LostRankError
from trainer.ranks import ALONE, Alone

Arrays = Mapping[str, NDArray[Any]]
_FOUND = timedelta(minutes=5)  # that ranks may take to start
_STARTING = timedelta(days=7)  # that rank 0 may take to read the data
_STEP = timedelta(minutes=30)  # without a word from a rank that is there: it hangs
_PAUSE_SECONDS = 0.02
_CHUNK_BYTES = 2**28


class ProcessGroup:
    """The ranks of this run. What of `Ranks` needs the others raises LostRankError where one of them is gone."""

    def __init__(self) -> None:
        """Waits until all ranks are there. Raises ConfigurationError where they cannot find each other."""
        if "RANK" not in os.environ:
            raise ConfigurationError("WORLD_SIZE is above 1, and which rank this is is not said: start with torchrun")
        self.rank, self.number = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        backend = "cpu:gloo"
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
            backend += ",cuda:nccl"
        try:
            store, _, _ = next(rendezvous("env://", timeout=_FOUND))
            store = PrefixStore(_name_of_this_start(store, self.rank, self.number), store)
            dist.init_process_group(backend, store=store, rank=self.rank, world_size=self.number, timeout=_STEP)
            self._patient = dist.new_group(backend="gloo", timeout=_STARTING)
        except (RuntimeError, ValueError) as error:
            raise ConfigurationError(
                f"rank {self.rank} of {self.number} did not find the others ({_first_line(error)}); start all of "
                "them with torchrun and the same --rdzv-endpoint"
            ) from error

    def sum_(self, tensor: Tensor) -> None:
        self._asked(dist.all_reduce, tensor)

    def union(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        sizes = torch.zeros(self.number, dtype=torch.int64)
        sizes[self.rank] = len(rows)
        self.sum_(sizes)
        padded = torch.full((int(sizes.max()),), -1, dtype=torch.int64)
        padded[: len(rows)] = torch.from_numpy(rows)
        gathered = [torch.empty_like(padded) for _ in range(self.number)]
        self._asked(dist.all_gather, gathered, padded)
        return np.unique(torch.cat([rows[:size] for rows, size in zip(gathered, sizes, strict=True)]).numpy())

    def send(self, facts: Mapping[str, Any], arrays: Arrays, rank: int) -> None:
        """To another rank, which waits for it in `receive`."""
        kinds = {name: [array.dtype.str, list(array.shape)] for name, array in arrays.items()}
        head = np.frombuffer(json.dumps({"facts": facts, "arrays": kinds}).encode(), np.uint8)
        self._asked(dist.send, torch.tensor([len(head)]), rank, self._patient)
        for array in (head, *arrays.values()):
            for part in _chunks(array):
                self._asked(dist.send, torch.tensor(part), rank, self._patient)

    def receive(self) -> tuple[Any, dict[str, NDArray[Any]]]:
        """What rank 0 sends, however long it takes until it does."""
        size = torch.zeros(1, dtype=torch.int64)
        self._asked(dist.recv, size, 0, self._patient)
        head = json.loads(self._received(np.empty(int(size), np.uint8)).tobytes())
        kinds = head["arrays"].items()
        return head["facts"], {name: self._received(np.empty(shape, np.dtype(kind))) for name, (kind, shape) in kinds}

    def _received(self, array: NDArray[Any]) -> NDArray[Any]:
        for part in _chunks(array):
            self._asked(dist.recv, torch.from_numpy(part), 0, self._patient)
        return array

    def _asked(self, call: Any, *arguments: Any) -> None:
        try:
            call(*arguments)
        except RuntimeError as error:
            raise LostRankError(
                f"rank {self.rank} of {self.number} lost another ({_first_line(error)}); see what that one printed. "
                "The same command with --resume goes on, and torchrun --max-restarts does so by itself"
            ) from error


@contextmanager
def joined() -> Iterator[ProcessGroup | Alone]:
    """The ranks that torchrun started; one process where it did not."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        yield ALONE
        return
    yield ProcessGroup()
    dist.destroy_process_group()  # not after an error: it would wait for the others


def _name_of_this_start(store: Store, rank: int, number: int) -> str:
    """What all ranks call this start, and none before it: torchrun's store may keep addresses of ranks that are gone.

    A rank asks with a word of its own until rank 0's answer has that in it. Raises RuntimeError where one is missing.
    """
    own, until = uuid.uuid4().hex, time.monotonic() + _FOUND.total_seconds()
    others = range(1, number)
    if rank:
        store.set(f"asks/{rank}", own)
    while time.monotonic() < until:
        if rank:
            name, *answered = store.get("answer").decode().split()
            if own in answered:
                store.set(f"{name}/{rank}", "")
                return str(name)
        else:
            asking = [store.get(f"asks/{other}").decode() for other in others if store.check([f"asks/{other}"])]
            store.set("answer", " ".join([own, *asking]))
            if store.check([f"{own}/{other}" for other in others]):
                return own
        time.sleep(_PAUSE_SECONDS)
    raise RuntimeError("not all of them came")


def restarted() -> bool:
    """Whether torchrun starts this run again after a rank was lost."""
    return int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0


def on_this_machine() -> int:
    """Ranks that share its cores."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def _chunks(array: NDArray[Any]) -> list[NDArray[np.uint8]]:
    flat = array.reshape(-1).view(np.uint8)
    return [flat[first : first + _CHUNK_BYTES] for first in range(0, len(flat), _CHUNK_BYTES)]


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
