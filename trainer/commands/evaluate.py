"""evaluate: compare artifacts on users that none of them learned from."""

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from index import artifact
from index.artifact import Artifact
from index.recommender import Recommender
from index.succession import CURRENT
from index.verified_files import MANIFEST
from trainer.comparison import LETTERS, Comparison, values_of
from trainer.errors import ConfigurationError
from trainer.interactions import PRESETS, Columns, restricted
from trainer.panel import Panel, held_out, of_file
from trainer.ratings import OF_COLUMNS, Ratings

logger = logging.getLogger(__name__)


def run(options: argparse.Namespace) -> None:
    """Raises ArtifactError, DataError, ConfigurationError before anything is measured."""
    if len(options.artifacts) > len(LETTERS):
        raise ConfigurationError(f"at most {len(LETTERS)} artifacts can be compared at once")
    artifacts = [_opened(path) for path in options.artifacts]
    panel = _panel(options, artifacts)
    if options.common_items:
        panel = panel.of_items(np.all([panel.known_to(opened) for opened in artifacts], axis=0))
    values = []
    with tqdm(
        total=panel.n_users * len(artifacts), unit="user", disable=options.quiet or None, dynamic_ncols=True
    ) as bar:
        for opened in artifacts:
            if bar.disable:
                logger.info("asking %s for %s users", opened.version, f"{panel.n_users:,}")
            recommender = Recommender(opened.model, opened.version)
            if options.common_items:
                recommender = recommender.hiding(_others(opened, artifacts))
            values.append(values_of(recommender, panel, bar.update))
    comparison = Comparison(artifacts, values, panel, options.common_items)
    print(comparison.as_json() if options.json else comparison.text())


def _opened(path: Path) -> Artifact:
    """The version that a folder's CURRENT names, or the version that the folder is."""
    if (path / MANIFEST).is_file() and not (path / CURRENT).exists():
        return artifact.open_version(path.parent, path.name)
    if not (path / CURRENT).exists() and (path.parent / CURRENT).exists():  # named, and not there
        return artifact.open_version(path.parent, path.name)
    return artifact.open_current(path)


def _panel(options: argparse.Namespace, artifacts: Sequence[Artifact]) -> Panel:
    columns = {name: getattr(options, name) for name in OF_COLUMNS}
    if options.users is None:
        ratings = Ratings(options.data, options.dataset, options.data_dir, **columns, separator=options.separator)
        return held_out(artifacts, ratings, quiet=options.quiet)
    named = {name.removesuffix("_col"): columns[name] for name in OF_COLUMNS if name.endswith("_col")}
    return of_file(
        artifacts,
        options.users,
        restricted(PRESETS.get(str(options.preset), Columns()), **named),
        separator=options.separator,
        min_rating=options.min_rating,
        min_items_per_user=options.min_items_per_user or 5,
    )


def _others(opened: Artifact, artifacts: Sequence[Artifact]) -> list[str]:
    """The artifact's items that not all artifacts have."""
    item_ids = list(opened.model.vocabulary.item_ids)
    everywhere = np.all([one.model.vocabulary.rows(item_ids) >= 0 for one in artifacts], axis=0)
    return [item_ids[row] for row in np.flatnonzero(~everywhere)]
