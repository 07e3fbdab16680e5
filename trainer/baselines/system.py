"""What the systems of the paper's Table 1 have in common: settings to choose from, a fit, scores, and bytes an item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Protocol

from trainer.evaluate import Scores
from trainer.fit_options import Precision
from trainer.interactions import Csr
from trainer.split import Holdout

Setting = Mapping[str, Any]  # hyperparameters by name
PAPER_WEIGHT_BYTES = 4  # a weight of a dense row, as the paper counts
PAPER_NONZERO_BYTES = 8  # a non-zero of a sparse row: weight and index


class Learned(NamedTuple):
    """A system that has been fitted to one byte budget."""

    scores: Scores
    paper_bytes: int
    """An item's, in the paper's counting: 4 a weight of a dense row, 8 a non-zero of a sparse one."""
    stored_bytes: int
    """An item's, as it is kept: float32 weights, and of a sparse row the narrowest integers that hold its indices."""
    setting: Setting
    """The setting, and what the validation users decided beside it: with it a fit needs none."""
    seconds_before: float = 0.0
    """That an earlier fit took for what is used again here."""


@dataclass(frozen=True)
class Context:
    """What holds for every fit of a system in one cell of the grid."""

    seed: int
    dims: int
    """Width of Compressed ELSA at its start, and of dense ELSA; hidden width of the autoencoder."""
    precision: Precision = "float32"
    device: str = "cpu"
    options: Setting = field(default_factory=dict)
    """Options of the fit that Figure 1 varies: schedule, restart, dims."""
    base: Setting | None = None
    """What dense ELSA's search decided, for the system that is made from it."""


class System(Protocol):
    """One of the compared systems. A file of this folder each."""

    title: ClassVar[str]
    sized: ClassVar[bool]
    """Whether there is one model for every byte budget; if not, `budget` is None."""
    on_device: ClassVar[bool]
    """Whether it computes with torch, on the CUDA device where there is one; if not, in the host's memory."""
    settings: Sequence[Setting]
    """The whole search: each is tried on validation users, no more of one system than of another."""

    def fit(self, train: Csr, validation: Holdout | None, setting: Setting, budget: int | None) -> Learned:
        """Learns from `train` (n_users, n_items); epochs end by `validation`, or where the setting says."""

    def bytes_needed(self, n_users: int, n_items: int, budget: int | None) -> int:
        """About the peak of a fit beyond the data."""
