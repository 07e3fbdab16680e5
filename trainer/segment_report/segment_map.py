"""Segments as points of a plane: those with alike mean codes lie close together.

Mean codes are nearly at right angles to each other, and two axes of a linear projection show almost nothing of them
(1.4 % on Goodbooks, and 5 % of each segment's nearest neighbours). So the projection, classical scaling, is where t-SNE
(van der Maaten and Hinton 2008) starts, which keeps neighbours and lets the rest go: 33 % of them. Nothing is random.
"""

from typing import NamedTuple

import numpy as np

from index.kernels import Floats

MOST = 1000  # segments on a map
_NEIGHBOURS = 5
_PERPLEXITY, _ITERATIONS, _EARLY, _EXAGGERATION = 15.0, 500, 120, 12.0
_LEAST = 8  # points, under which there is nothing to unfold


class SegmentMap(NamedTuple):
    """`positions` (n, 2), and how many of each one's nearest neighbours are so on the map too (None for few points)."""

    positions: Floats
    neighbours_kept: float | None


def segment_map(centres: Floats) -> SegmentMap:
    """Of mean codes, (n, n_dims) with rows of length 1."""
    n = len(centres)
    cosines = centres @ centres.T
    positions = _scaled(cosines)
    if n < _LEAST:
        return SegmentMap(positions, None)
    positions = _unfolded(positions, _similarities(2 - 2 * cosines))
    nearest = np.argsort(-(cosines - 2 * np.eye(n)), axis=1, kind="stable")[:, :_NEIGHBOURS]
    close = np.argsort(_squares(positions) + np.diag(np.full(n, np.inf)), axis=1, kind="stable")[:, :_NEIGHBOURS]
    kept = (nearest[:, :, None] == close[:, None, :]).any(axis=2)
    return SegmentMap(positions, float(kept.mean()))


def _scaled(cosines: Floats) -> Floats:
    """Classical scaling: the two axes of most variance; on each the point that is farthest out is on the right."""
    n = len(cosines)
    centred = cosines - cosines.mean(axis=0) - cosines.mean(axis=1)[:, None] + cosines.mean()
    values, vectors = np.linalg.eigh(centred)
    positions = np.zeros((n, 2))
    for axis, place in enumerate(range(n - 1, max(n - 3, -1), -1)):
        positions[:, axis] = vectors[:, place] * np.sqrt(max(values[place], 0.0))
        positions[:, axis] *= np.sign(positions[np.abs(positions[:, axis]).round(9).argmax(), axis]) or 1.0
    return positions


def _similarities(squares: Floats) -> Floats:
    """Of each pair, so that a point has as many neighbours as the perplexity says. They sum to 1."""
    n = len(squares)
    wanted = np.log(min(_PERPLEXITY, (n - 1) / 3))
    from_nearest = squares + np.diag(np.full(n, np.inf))
    from_nearest -= from_nearest.min(axis=1, keepdims=True)
    low, high = np.full(n, 1e-3), np.full(n, 1e6)
    for _ in range(60):  # bisection of every point's width at once
        width = np.sqrt(low * high)
        shares = np.exp(-from_nearest * width[:, None])
        shares /= shares.sum(axis=1, keepdims=True)
        entropy = -(shares * np.log(np.maximum(shares, 1e-300))).sum(axis=1)
        low, high = np.where(entropy > wanted, width, low), np.where(entropy > wanted, high, width)
    both = shares + shares.T
    return np.asarray(both / both.sum())


def _unfolded(positions: Floats, similarities: Floats) -> Floats:
    """t-SNE by gradient descent with momentum. O(n²) an iteration."""
    n = len(positions)
    found = positions / max(float(positions.std()), 1e-12) * 1e-2
    moved = np.zeros_like(found)
    for iteration in range(_ITERATIONS):
        early = iteration < _EARLY
        near = 1 / (1 + _squares(found))
        np.fill_diagonal(near, 0)
        forces = ((_EXAGGERATION if early else 1.0) * similarities - near / near.sum()) * near
        gradient = 4 * (forces.sum(axis=1)[:, None] * found - forces @ found)
        moved = (0.5 if early else 0.8) * moved - n / _EXAGGERATION * gradient
        found = found + moved
    return np.asarray(found - found.mean(axis=0))


def _squares(positions: Floats) -> Floats:
    """(n, n) squared distances."""
    lengths = (positions**2).sum(axis=1)
    return np.asarray(np.maximum(lengths[:, None] + lengths - 2 * positions @ positions.T, 0))
