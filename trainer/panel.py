"""Users that artifacts are compared on, part of whose items is hidden: held out of every one of them, or of a file."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from index.artifact import Artifact
from trainer.enlarged import before_joining, n_trained_items
from trainer.errors import ConfigurationError, DataError
from trainer.histories import read_histories, trained_min_rating
from trainer.interactions import Columns, Interactions
from trainer.ratings import Ratings
from trainer.source import fingerprint
from trainer.split import BY_ID, HELD_OUT_BY, Holdout, as_matrix, hide, split

logger = logging.getLogger(__name__)

_SEED = 1  # of what is hidden of the users of a file
_USERS_OF_YOUR_OWN = "compare on users that none learned from with --users FILE"


@dataclass(frozen=True)
class Panel:
    """The users and what is hidden of them, by ids: artifacts may have other items, in another order."""

    item_ids: Sequence[str]  # of the columns of `holdout`
    holdout: Holdout
    described: str
    """Who they are, in words."""

    @property
    def n_users(self) -> int:
        return self.holdout.n_users

    def history(self, user: int) -> list[str]:
        """The item_ids that an artifact is shown."""
        return [self.item_ids[column] for column in self.holdout.shown(user)]

    def known_to(self, opened: Artifact) -> NDArray[np.bool_]:
        """(n_columns,) which items the artifact has."""
        return opened.model.vocabulary.rows(self.item_ids) >= 0

    def of_items(self, kept: NDArray[np.bool_]) -> Self:
        """Without all other items, and without whom nothing is then shown or hidden of. kept (n_columns,)."""
        history, targets = self.holdout.history[:, kept], self.holdout.targets[:, kept]
        users = np.flatnonzero((history.getnnz(axis=1) > 0) & (targets.getnnz(axis=1) > 0))
        if not len(users):
            raise DataError("none of these users has enough of the items that all artifacts have")
        return replace(
            self,
            item_ids=[item_id for item_id, is_kept in zip(self.item_ids, kept, strict=True) if is_kept],
            holdout=Holdout(history[users], targets[users], self.holdout.users[users], self.holdout.known[kept]),
        )


# ------------------------------------------------------------ held out of all


def held_out(artifacts: Sequence[Artifact], ratings: Ratings, *, quiet: bool = False) -> Panel:
    """The test users of the first artifact that are test users of all others too.

    Each reads `ratings` as its own fit did, and has its own split. Raises DataError where a split is not known: the
    artifact was fitted on other ratings, or held nobody out; and where no user is held out of all.
    """
    read: dict[Ratings, Interactions] = {}
    tested: dict[tuple[Ratings, bool], tuple[Interactions, Holdout]] = {}
    keys = []
    for opened in artifacts:
        own = _as_fitted(opened, ratings)
        without_seed = own if own.dataset == "synthetic" else replace(own, seed=0)
        if without_seed not in read:
            try:
                read[without_seed] = without_seed.read(quiet=quiet)
            except ConfigurationError as error:  # its threshold makes no sense of these ratings
                raise _other_data(opened, ratings) from error
        interactions = read[without_seed]
        _refuse_other_data(opened, interactions, ratings)
        key = own, opened.manifest.options.get(HELD_OUT_BY) == BY_ID
        if key not in tested:
            test = split(interactions, seed=own.seed, by_id=key[1]).test
            assert test is not None
            tested[key] = interactions, test
        keys.append(key)
    interactions, holdout = tested[keys[0]]
    ids = {key: {one.user_ids[user] for user in test.users} for key, (one, test) in tested.items()}
    everywhere = set.intersection(*ids.values())
    kept = np.array([interactions.user_ids[user] in everywhere for user in holdout.users])
    described = f"test users of {artifacts[0].version} (seed {keys[0][0].seed})"
    if not kept.all():
        logger.warning(
            "%d of the %d test users of %s are test users of the others too; the rest are left out, for others learned "
            "from them; fits with one --seed on one file have the same test users",
            kept.sum(), len(kept), artifacts[0].version,
        )  # fmt: skip
        described += " whom no other learned from"
    if not kept.any():
        raise DataError(f"no user was held out of all of these artifacts; {_USERS_OF_YOUR_OWN}")
    holdout = Holdout(holdout.history[kept], holdout.targets[kept], holdout.users[kept], holdout.known)
    return Panel(interactions.item_ids, holdout, described)


def _as_fitted(opened: Artifact, ratings: Ratings) -> Ratings:
    """What the artifact's fit would have read of these. Raises DataError where nobody was held out of it."""
    options = opened.manifest.options
    seed, least = options.get("seed"), options.get("min_items_per_user")
    if options.get("holdout") is not True or type(seed) is not int or type(least) is not int:
        raise DataError(
            f"{opened.version} held nobody out, or does not say whom (it was imported, or fitted with --no-holdout); "
            f"{_USERS_OF_YOUR_OWN}"
        )
    return replace(ratings, seed=seed, min_items_per_user=least, min_rating=trained_min_rating(options))


def _refuse_other_data(opened: Artifact, interactions: Interactions, ratings: Ratings) -> None:
    """The catalogue that the fingerprint of a fit holds too lies in the artifact: ratings alone tell."""
    rows, n_trained = opened.model.vocabulary.rows(interactions.item_ids), n_trained_items(opened)
    same = len(rows) == n_trained and bool(((rows >= 0) & (rows < n_trained)).all())
    found = fingerprint(interactions.fingerprint, before_joining(opened.model.catalog, rows)) if same else None
    if found != opened.manifest.data.get("fingerprint"):
        raise _other_data(opened, ratings)


def _other_data(opened: Artifact, ratings: Ratings) -> DataError:
    return DataError(
        f"{opened.version} was fitted on other ratings than {ratings.file or ratings.dataset}, so that it may have "
        "learned from any of these users; give the ratings and column options that it was fitted on, or "
        f"{_USERS_OF_YOUR_OWN}"
    )


# ------------------------------------------------------------ of a file


def of_file(
    artifacts: Sequence[Artifact],
    path: Path,
    columns: Columns,
    *,
    separator: str | None = None,
    min_rating: float | None = None,
    min_items_per_user: int = 5,
) -> Panel:
    """The users of a file of histories, a fifth of whose items is hidden; items that no artifact has do not count.

    What is rated below `min_rating`, by default that of the first artifact, does not count either. Raises DataError.
    """
    if min_rating is None:
        min_rating = trained_min_rating(artifacts[0].manifest.options)
    histories = read_histories(path, columns, separator=separator, min_rating=min_rating)
    for line in histories.story:
        logger.info("%s", line)
    liked = [
        sorted(item for item, weight in zip(items, weights, strict=True) if weight > 0)
        for _, items, weights in histories.frame.iter_rows()
    ]
    named = sorted({item for items in liked for item in items})
    known = np.any([opened.model.vocabulary.rows(named) >= 0 for opened in artifacts], axis=0) if named else np.zeros(0)
    item_ids = [item for item, is_known in zip(named, known, strict=True) if is_known]
    column = {item: place for place, item in enumerate(item_ids)}
    rows = [np.array([column[item] for item in items if item in column], np.int32) for items in liked]
    kept = [row for row in rows if len(row) >= max(min_items_per_user, 2)]
    logger.info(
        "%d users; %d with fewer than %d items that an artifact has are left out",
        len(kept), len(rows) - len(kept), max(min_items_per_user, 2),
    )  # fmt: skip
    if not kept:
        raise DataError(
            f"{path}: no user has {max(min_items_per_user, 2)} items that an artifact has; lower --min-items-per-user "
            "or --min-rating, or give a file with the artifacts' item ids"
        )
    holdout = hide(
        as_matrix(kept, len(item_ids)),
        np.arange(len(kept)),
        np.ones(len(item_ids), np.bool_),
        np.random.default_rng(_SEED),
    )
    return Panel(item_ids, holdout, f"users of {path}; whether an artifact learned from them is not known")
