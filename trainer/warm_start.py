"""A version to go on from: its codes are where training begins (`fit --warm-start`).

Whom a run holds out, the version must not have learned from. So both choose them by a digest of their ids, and a
version that did not is none to start from, unless nobody is held out.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.artifact import Artifact
from index.embedding import ItemEmbedding
from trainer.errors import ConfigurationError
from trainer.split import BY_ID, HELD_OUT_BY

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class WarmStart:
    version: Artifact

    @classmethod
    def of(cls, version: Artifact | None, *, seed: int, holdout: bool) -> "WarmStart | None":
        """Where the version can be started from; says why not."""
        if version is None:
            logger.info("no version is there to start from: training begins anew")
            return None
        options = version.manifest.options
        held_out = options.get("holdout"), options.get(HELD_OUT_BY), options.get("seed")
        if holdout and held_out != (True, BY_ID, seed):
            logger.warning(
                "%s may have learned from users whom this run holds out (it was fitted without --warm-start, or with "
                "another --seed): training begins anew, and the next one can start from it",
                version.version,
            )  # fmt: skip
            return None
        return cls(version)

    @property
    def n_dims(self) -> int:
        return self.version.model.embedding.n_dims

    def refuse_other_shape(self, dims: int | None, nonzeros: int) -> None:
        """Raises ConfigurationError for other dims or non-zeros than the version has."""
        embedding = self.version.model.embedding
        for name, asked, there in (("dims", dims, embedding.n_dims), ("nonzeros", nonzeros, embedding.k)):
            if asked is not None and asked != there:
                raise ConfigurationError(
                    f"--{name} {asked}: {self.version.version} has {there}; say --{name} {there}, "
                    "or leave --warm-start out to train anew"
                )

    def codes(self, item_ids: Sequence[str]) -> ItemEmbedding:
        """Those of the items that the version has, and 0 for the others."""
        model = self.version.model
        rows = model.vocabulary.rows(item_ids)
        dims, weights = model.embedding.codes_of(np.maximum(rows, 0).astype(np.int32))
        found = ItemEmbedding.from_entries(dims, np.where(rows[:, None] >= 0, weights, 0), model.embedding.n_dims)
        logger.info(
            "training starts from %s: %s items have a code there, %s have none",
            self.version.version, f"{found.coded.sum():,}", f"{(~found.coded).sum():,}",
        )  # fmt: skip
        return found
