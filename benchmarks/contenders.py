"""Who is compared in benchmarks.bench_train, with which settings, and how the peer is made to fit into our time."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

OURS, PAPER = "sparseshelf", "paper's loop"
IN_OUR_TIME = ", in our time"
_OUTPUTS = 10_000  # of compresso's example: items that a step predicts
_PLANNED, _ALLOWED = 0.85, 1.2  # of a short time: for its steps; where it is cut, rather late than before its end
_LEAST_FINAL = 0.25  # of it goes to the final weights, the rest to the search for a mask


@dataclass(frozen=True)
class Contender:
    module: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    peer: bool = False
    """Run by the peer's interpreter."""
    timed: bool = False
    """Once more in the time that ours took."""
    memory_only: bool = False


def _compresso(
    use_relu: bool,
    *,
    batch_size: int | None = None,
    stage_epochs: int = 20,
    max_output: int | None = _OUTPUTS,
    timed: bool = False,
    memory_only: bool = False,
) -> Contender:
    """`batch_size` None: that of ours."""
    settings = {
        "use_relu": use_relu,
        "batch_size": batch_size,
        "max_output": max_output,
        "max_epochs_per_stage": stage_epochs,
    }
    return Contender("benchmarks.peers.compresso_elsa", settings, peer=True, timed=timed, memory_only=memory_only)


CONTENDERS: Mapping[str, Contender] = {
    OURS: Contender("benchmarks.peers.ours"),
    # Its documentation's example has batches of 1024 users. On small data these are few steps an epoch, no stage's mask
    # becomes stable and all take their twenty epochs; so there are batches as small as ours, and stages of five epochs.
    "compresso relu": _compresso(True, batch_size=1024),
    "compresso linear": _compresso(False, batch_size=1024),
    "compresso relu small": _compresso(True),
    "compresso linear small": _compresso(False),
    "compresso relu short": _compresso(True, stage_epochs=5, timed=True),
    "compresso linear short": _compresso(False, stage_epochs=5, timed=True),
    "compresso all outputs": _compresso(False, batch_size=1024, max_output=None, memory_only=True),
    PAPER: Contender("benchmarks.peers.masked_loop"),
}


def in_our_time(
    settings: Mapping[str, Any], notes: Mapping[str, Any], steps_an_epoch: int, limit: float
) -> dict[str, Any]:
    """The peer's settings for `limit` seconds of the processor, by what its full run says (`notes`) a step takes.

    Its own ten stages, each of fewer epochs; fewer stages where not even one epoch each fits in. What is left goes to
    the final weights, at most its ten epochs. A run that takes a fifth longer even so is cut and pruned to k.
    """
    search = notes["search_cpu_seconds"] / max(notes["search_steps"], 1) * steps_an_epoch
    final = notes["final_cpu_seconds"] / max(notes["final_steps"], 1) * steps_an_epoch or search
    planned = _PLANNED * limit
    epochs = min(10, max(1, int(planned * _LEAST_FINAL / final)))
    n_search = max(1, int((planned - epochs * final) / search))
    stages = min(9, n_search)
    left = planned - n_search // stages * stages * search
    return {
        **settings,
        "limit_cpu_seconds": _ALLOWED * limit,
        "num_stages": stages + 1,
        "max_epochs_per_stage": n_search // stages,
        "epochs": min(10, max(epochs, int(left / final))),
    }
