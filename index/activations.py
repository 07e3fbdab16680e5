"""The profile by itself, before any item is scored: which dims a history and steering lead to, and away from."""

import numpy as np

from index.answers import Activation, Profile
from index.model import Model
from index.taste import Taste


def profile_of(model: Model, taste: Taste) -> Profile:
    """The non-zeros of the taste's profile; none where popularity answers."""
    dims = np.flatnonzero(taste.profile)
    of_history = model.embedding.profile(taste.rows, taste.weights) if taste.steering else taste.profile
    activations = map(Activation, dims.tolist(), taste.profile[dims].tolist(), of_history[dims].tolist())
    return Profile(taste.source, float(np.linalg.norm(taste.profile)), list(activations), taste.unknown_items)
