"""What `python -m trainer fit` trains: Compressed ELSA, whose supports grow again before the last stage."""

from collections.abc import Sequence
from typing import ClassVar

from trainer.baselines.compressed_elsa import CompressedElsa
from trainer.baselines.system import Context, Setting
from trainer.fit_options import FitOptions


class Sparseshelf(CompressedElsa):
    """The defaults of `fit`; the search is over the width at the start and the epochs of regrowth."""

    title: ClassVar[str] = "sparseshelf"
    unchanged: ClassVar[FitOptions] = FitOptions(dims=1, nonzeros=1)

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.settings: Sequence[Setting] = tuple(
            {"dims": dims, "regrow_epochs": epochs} for dims in (context.dims, context.dims // 2) for epochs in (10, 20)
        )
