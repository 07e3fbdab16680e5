"""What the users of a step have, by user and by item, without users x items."""

import numpy as np

from trainer.interactions import Csr
from trainer.steps.kernels import Batch, Places, by_item


def batch_of(users: Csr, n_together: int | None = None) -> Batch:
    """Of users x items; `n_together`: users of the step on all ranks, None where these are all."""
    return within(users, users.indices.astype(np.int32), users.shape[1], n_together)


def within(users: Csr, columns: Places, n_items: int, n_together: int | None = None) -> Batch:
    """The same of some items: `columns` (n_interactions,) are what the users' items are called among these."""
    starts = users.indptr.astype(np.int64)
    together = users.shape[0] if n_together is None else n_together
    return Batch(starts, columns, *by_item(starts, columns, n_items), together)
