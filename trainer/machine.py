"""What training can use here: the device, its memory, the faster precision."""

import time
from functools import cache

import torch

from trainer import host
from trainer.errors import ConfigurationError
from trainer.fit_options import Precision

_PROBE_USERS, _PROBE_ITEMS, _PROBE_DIMS, _PROBE_ROUNDS = 512, 2048, 512, 5
WORTHWHILE = 0.6  # of float32's seconds for a product: bfloat16 loses digits and casts, so it has to pay


def memory_bytes(device: str = "cpu") -> int:
    """The memory of the machine, or of the container where it allows less; what is free of a GPU's."""
    if device == "cuda":
        return int(torch.cuda.mem_get_info()[0])
    return host.memory_bytes()


def device(asked: str | None) -> str:
    """`cuda` where there is one, or what was asked for. Raises ConfigurationError for a device that is not there."""
    if asked == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("--device cuda: torch sees no CUDA device; leave it out to train on the CPU")
    return asked or ("cuda" if torch.cuda.is_available() else "cpu")


@cache
def default_precision(device: str = "cpu") -> Precision:
    """The precision in which the two products of a step are faster here: measured once, in a fraction of a second."""
    seconds = probe_seconds(device)
    return "bfloat16" if seconds["bfloat16"] < WORTHWHILE * seconds["float32"] else "float32"


def probe_seconds(device: str) -> dict[Precision, float]:
    """The best of a few rounds of one product in each precision, the two taking turns.

    On one thread: threads that wait for each other on a busy machine would hide what the processor is good at.
    """
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _probe_seconds(device)
    finally:
        torch.set_num_threads(n_threads)


def _probe_seconds(device: str) -> dict[Precision, float]:
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(_PROBE_USERS, _PROBE_ITEMS, generator=generator)
    A = torch.rand(_PROBE_ITEMS, _PROBE_DIMS, generator=generator)
    factors: dict[Precision, tuple[torch.Tensor, torch.Tensor]] = {
        "float32": (x.to(device), A.to(device)),
        "bfloat16": (x.bfloat16().to(device), A.bfloat16().to(device)),
    }
    best: dict[Precision, float] = dict.fromkeys(factors, float("inf"))
    for _ in range(_PROBE_ROUNDS):
        for precision, (left, right) in factors.items():
            began = time.perf_counter()
            left @ right
            if device == "cuda":
                torch.cuda.synchronize()
            best[precision] = min(best[precision], time.perf_counter() - began)
    return best
