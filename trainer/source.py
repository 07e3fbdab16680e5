"""What a run learns from: a named public data set, or the files of whoever calls."""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from index.artifact import digest
from index.catalog import Catalog
from trainer import datasets
from trainer.errors import ConfigurationError
from trainer.interactions import PRESETS, Columns, Interactions, binarise, read_interactions, restricted
from trainer.items import TYPES, ItemColumns, read_catalog, without_items_file
from trainer.tables import fingerprint, read_table

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    name: str
    interactions: Interactions
    catalog: Catalog
    fingerprint: str  # of the interactions and of the items file


def read_source(options: argparse.Namespace) -> Source:
    """Reads what the options name and tells, line by line, what was kept of it.

    Raises DataError, ConfigurationError.
    """
    return _public(options) if options.dataset else _files(options)


def _public(options: argparse.Namespace) -> Source:
    tables = datasets.load(options.dataset, options.data_dir, logger.info, seed=options.seed, quiet=options.quiet)
    interactions = binarise(
        tables.ratings, options.dataset, min_rating=options.min_rating, min_items_per_user=options.min_items_per_user
    )
    _tell(interactions.story)
    read = read_catalog(tables.items, interactions.item_ids, ItemColumns(), f"{options.dataset}'s items")
    _tell(read.story)
    return Source(
        options.dataset, interactions, read.catalog, _both(interactions.fingerprint, fingerprint(tables.items))
    )


def _files(options: argparse.Namespace) -> Source:
    columns = restricted(
        PRESETS.get(options.preset, Columns()),
        user=options.user_col,
        item=options.item_col,
        rating=options.rating_col,
        timestamp=options.timestamp_col,
    )
    interactions = read_interactions(
        options.data,
        columns,
        separator=options.separator,
        min_rating=options.min_rating,
        min_items_per_user=options.min_items_per_user,
    )
    _tell(interactions.story)
    name = options.data.name.split(".")[0]
    if options.items is None:
        return Source(name, interactions, without_items_file(interactions.n_items), interactions.fingerprint)
    frame = read_table(options.items, options.separator)
    item_columns = ItemColumns(options.items_id_col, options.title_col, _types(options.attribute))
    read = read_catalog(frame, interactions.item_ids, item_columns, str(options.items))
    _tell(read.story)
    return Source(name, interactions, read.catalog, _both(interactions.fingerprint, fingerprint(frame)))


def _both(*fingerprints: str) -> str:
    return digest("".join(fingerprints).encode())


def _types(texts: Sequence[str]) -> dict[str, str]:
    types = {}
    for text in texts:
        name, mark, kind = text.rpartition("=")
        if not mark or kind not in TYPES:
            raise ConfigurationError(f"--attribute {text}: write NAME=TYPE with one of {', '.join(TYPES)}")
        types[name] = kind
    return types


def _tell(story: Sequence[str]) -> None:
    for line in story:
        logger.info("%s", line)
