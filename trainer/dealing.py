"""How ranks come to train one model: rank 0, which has read the data, deals users and options out to the others."""

from dataclasses import asdict
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from index.embedding import ItemEmbedding
from trainer import host, machine
from trainer.checkpoint import Checkpoint
from trainer.fit import fit
from trainer.fit_options import Epoch, FitOptions
from trainer.interactions import Csr
from trainer.process_group import ProcessGroup, on_this_machine
from trainer.ranks import Alone
from trainer.split import Holdout, Split

_CHECKPOINT = "checkpoint/"


def deal(
    ranks: ProcessGroup | Alone,
    parts: Split,
    options: FitOptions,
    device: str,
    *,
    resumed: Checkpoint | None,
    start: ItemEmbedding | None,
) -> Csr:
    """Sends every other rank what `follow` needs. The training users of rank 0."""
    if isinstance(ranks, Alone):
        return parts.train
    facts: dict[str, Any] = {"options": asdict(options), "device": device, "checkpoint": None}
    arrays: dict[str, NDArray[Any]] = {}
    if resumed is not None:
        facts["checkpoint"] = {name: value for name, value in vars(resumed).items() if name != "arrays"}
        arrays = {_CHECKPOINT + name: array for name, array in resumed.arrays.items()}
    if start is not None:
        arrays |= {"start/dims": start.dims, "start/weights": start.weights}
    if parts.validation is not None:
        known = {"known": parts.validation.known}
        arrays |= known | _packed("history", parts.validation.history) | _packed("targets", parts.validation.targets)
    for rank in range(1, ranks.number):
        ranks.send(facts, arrays | _packed("train", parts.train[rank :: ranks.number]), rank)
    own: Csr = parts.train[:: ranks.number]
    return own


def dismiss(ranks: ProcessGroup | Alone) -> None:
    """Sends the other ranks home: there is nothing to train."""
    for rank in range(1, ranks.number):
        assert isinstance(ranks, ProcessGroup)
        ranks.send({}, {}, rank)


def follow(ranks: ProcessGroup, threads: int | None) -> None:
    """Trains with rank 0, which tells and writes. `threads`: None for a rank's share of the cores.

    Raises ConfigurationError for a device that is not here.
    """
    facts, arrays = ranks.receive()
    if not facts:
        return
    torch.set_num_threads(threads or threads_of_a_rank())
    device = machine.device(facts["device"])
    resumed = None
    if facts["checkpoint"] is not None:
        kept = {name.removeprefix(_CHECKPOINT): array for name, array in arrays.items() if name.startswith(_CHECKPOINT)}
        resumed = Checkpoint(**facts["checkpoint"], arrays=kept)
    validation = None
    if "known" in arrays:
        history, targets = _unpacked("history", arrays), _unpacked("targets", arrays)
        validation = Holdout(history, targets, np.arange(history.shape[0]), arrays["known"])
    options, train, start = FitOptions(**facts["options"]), _unpacked("train", arrays), None
    if "start/dims" in arrays:
        start = ItemEmbedding(arrays["start/dims"], arrays["start/weights"], options.dims)
    fit(train, validation, options, _silent, device=device, resumed=resumed, ranks=ranks, start=start)


def threads_of_a_rank() -> int:
    """A rank's share of the cores of its machine."""
    return max(host.cores() // on_this_machine(), 1)


def _silent(_: Epoch) -> None: ...


def _packed(name: str, matrix: Csr) -> dict[str, NDArray[Any]]:
    """A matrix of ones as arrays."""
    shape = np.array([matrix.shape[1]])
    return {f"{name}/items": shape, f"{name}/starts": matrix.indptr, f"{name}/rows": matrix.indices}


def _unpacked(name: str, arrays: dict[str, NDArray[Any]]) -> Csr:
    n_items, starts, rows = (arrays[f"{name}/{part}"] for part in ("items", "starts", "rows"))
    ones = np.ones(len(rows), np.float32)
    return sp.csr_matrix((ones, rows, starts), shape=(len(starts) - 1, int(n_items[0])))
