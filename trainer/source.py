"""What a run learns from: a named public data set, or the files of whoever calls."""

import argparse
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from index.catalog import Catalog
from index.vocabulary import Strings
from trainer import datasets
from trainer.errors import ConfigurationError
from trainer.interactions import PRESETS, Columns, Interactions, binarise, read_interactions, restricted
from trainer.items import TYPES, ItemColumns, read_catalog, without_items_file
from trainer.tables import read_table

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    name: str
    interactions: Interactions
    catalog: Catalog
    fingerprint: str  # of the interactions and of the catalogue


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
    return Source(options.dataset, interactions, read.catalog, _fingerprint(interactions, read.catalog))


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
        catalog = without_items_file(interactions.n_items)
        return Source(name, interactions, catalog, _fingerprint(interactions, catalog))
    frame = read_table(options.items, options.separator)
    item_columns = ItemColumns(options.items_id_col, options.title_col, _types(options.attribute))
    read = read_catalog(frame, interactions.item_ids, item_columns, str(options.items))
    _tell(read.story)
    return Source(name, interactions, read.catalog, _fingerprint(interactions, read.catalog))


def _fingerprint(interactions: Interactions, catalog: Catalog) -> str:
    """sha256 of what is learned from: the interactions, and titles and attributes as they were understood."""
    found = hashlib.sha256(interactions.fingerprint.encode())
    columns = {name: (column.kind, vars(column).values()) for name, column in catalog.attributes.items()}
    for name, (kind, parts) in {"": ("title", [catalog.titles]), **columns}.items():
        found.update(f"{len(name)} {name} {kind}\n".encode())
        for part in parts:
            strings = None if isinstance(part, np.ndarray) else Strings.pack(part)
            for array in [part] if strings is None else [strings.offsets, strings.blob]:
                found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


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
