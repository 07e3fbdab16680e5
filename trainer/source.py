"""What a run learns from: a named public data set, or the files of whoever calls."""

import argparse
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from index.catalog import Catalog
from index.vocabulary import Strings
from trainer import datasets
from trainer.errors import ConfigurationError
from trainer.interactions import Interactions, binarise
from trainer.items import TYPES, ItemColumns, read_catalog, without_items_file
from trainer.ratings import OF_COLUMNS, Ratings
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
    return _source(options.dataset, interactions, read.catalog)


def _files(options: argparse.Namespace) -> Source:
    interactions = read_ratings(options, min_items_per_user=options.min_items_per_user)
    return _source(name_of(options.data), interactions, read_items(options, interactions.item_ids))


def _source(name: str, interactions: Interactions, catalog: Catalog) -> Source:
    return Source(name, interactions, catalog, fingerprint(interactions.fingerprint, catalog))


def name_of(path: Path) -> str:
    """What data are called that nobody named: their file, without its endings."""
    return path.name.split(".")[0]


def read_ratings(options: argparse.Namespace, *, min_items_per_user: int) -> Interactions:
    """The file of --data, and the telling of it. Raises DataError, ConfigurationError."""
    columns = {name: getattr(options, name) for name in OF_COLUMNS}
    return Ratings(
        options.data,
        separator=options.separator,
        min_rating=options.min_rating,
        min_items_per_user=min_items_per_user,
        **columns,
    ).read()


def read_items(options: argparse.Namespace, item_ids: Sequence[str]) -> Catalog:
    """The file of --items in the order of `item_ids`, and the telling of it; without the option nothing is known.

    Raises DataError, ConfigurationError.
    """
    if options.items is None:
        return without_items_file(len(item_ids))
    columns = ItemColumns(options.items_id_col, options.title_col, _types(options.attribute))
    read = read_catalog(read_table(options.items, options.separator), item_ids, columns, str(options.items))
    _tell(read.story)
    return read.catalog


def fingerprint(learned: str, catalog: Catalog) -> str:
    """sha256 of what is `learned` from, by its digest, and of titles and attributes as they were understood."""
    found = hashlib.sha256(learned.encode())
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
