"""python -m trainer: the command line. Progress goes to stderr, results to stdout."""

import argparse
import dataclasses
import json
import logging
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

import torch

from index import artifact
from index.artifact import Artifact
from index.catalog import Catalog
from index.errors import ArtifactError, SparseshelfError
from index.model import Model
from index.recommender import Recommender
from index.vocabulary import Vocabulary
from trainer import datasets, report
from trainer.baselines import ease, popular
from trainer.errors import ConfigurationError, TrainerError
from trainer.evaluate import Quality, quality, rank_scores, rank_served
from trainer.fit import FitOptions, bytes_needed, default_batch_size, default_dims, default_precision, fit
from trainer.interactions import PRESETS, Columns, Interactions, binarise, read_interactions, restricted
from trainer.items import TYPES, ItemColumns, read_catalog, without_items_file
from trainer.options import parsed
from trainer.progress import Progress
from trainer.segmentation import SegmentOptions, default_model, default_tau, encoder_of, recorded, segment
from trainer.segmentation.embed import refuse_without_words
from trainer.split import Split, split
from trainer.tables import fingerprint, read_table

logger = logging.getLogger("trainer")

LIBRARIES = ("numpy", "scipy", "torch", "numba", "polars")
EXIT_ARTIFACT, EXIT_INTERRUPTED = 5, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command and returns its exit code."""
    options = parsed(arguments)
    quiet = getattr(options, "quiet", False)
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING if quiet else logging.INFO, format="%(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        {"fit": _fit, "inspect": _inspect}[options.command](options)
        sys.stdout.flush()
    except TrainerError as error:
        return _failed(error, error.exit_code)
    except ArtifactError as error:
        return _failed(error, EXIT_ARTIFACT)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (KeyboardInterrupt, SystemError) as error:
        if not _is_interruption(error):
            raise
        print("interrupted; nothing was written", file=sys.stderr)
        return EXIT_INTERRUPTED
    return 0


def _is_interruption(error: BaseException | None) -> bool:
    """A Ctrl-C that meets numba between two kernels comes out as SystemErrors that it caused."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _failed(error: SparseshelfError, code: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return code


def _inspect(options: argparse.Namespace) -> None:
    version = options.version or artifact.current_version(options.artifacts)
    opened = artifact.open_version(options.artifacts, version)
    print(json.dumps(report.as_json(opened), indent=2) if options.json else report.described(opened))


def _fit(options: argparse.Namespace) -> None:
    _check_writable(options.out)
    segment_options = _segment_options(options)
    torch.set_num_threads(options.threads or os.cpu_count() or 1)
    encoder = encoder_of(segment_options)
    interactions, catalog, source = _read(options)
    refuse_without_words(encoder, catalog)
    parts = split(interactions, seed=options.seed, holdout=not options.no_holdout)
    fit_options = _fit_options(options, interactions.n_items, parts.train.shape[0])
    _check_memory(interactions.n_items, fit_options, compare=options.compare)
    if parts.test is not None and parts.validation is not None:
        logger.info(
            "%d users train, %d validate, %d test", parts.train.shape[0], parts.validation.n_users, parts.test.n_users
        )
    with Progress(options.log, quiet=options.quiet) as progress:
        embedding = fit(parts.train, parts.validation, fit_options, progress)
    popularity = popular.popularity(parts.train)
    segments = segment(embedding, catalog, interactions.item_ids, popularity, segment_options, encoder=encoder)
    model = Model(embedding, popularity, Vocabulary.of(interactions.item_ids), catalog, segments)
    written = artifact.write(
        options.out,
        model,
        name=options.name or source,
        options={
            **dataclasses.asdict(fit_options),
            **recorded(segment_options, encoder),
            "threads": torch.get_num_threads(),
            "holdout": not options.no_holdout,
            "min_items_per_user": options.min_items_per_user,
            "min_rating": interactions.min_rating,
        },
        data={
            "source": source,
            "fingerprint": interactions.fingerprint,
            "n_users": interactions.n_users,
            "n_interactions": int(interactions.matrix.nnz),
        },
        metrics=_metrics(Recommender(model, "unwritten"), parts, compare=options.compare),
        libraries={name: library_version(name) for name in (*LIBRARIES, *(encoder.libraries if encoder else ()))},
    )
    _say_written(written, as_json=options.json)


def _check_writable(folder: Path) -> None:
    """Said before training, not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise ConfigurationError(f"--out {folder}: cannot be written to ({error.strerror})") from error


def _read(options: argparse.Namespace) -> tuple[Interactions, Catalog, str]:
    """Interactions, catalogue and the name of the data."""
    if options.dataset:
        tables = datasets.load(options.dataset, options.data_dir, logger.info, seed=options.seed)
        interactions = binarise(
            tables.ratings,
            options.dataset,
            min_rating=options.min_rating,
            min_items_per_user=options.min_items_per_user,
        )
        interactions = dataclasses.replace(interactions, fingerprint=tables.fingerprint)
        _tell(interactions.story)
        catalog = read_catalog(tables.items, interactions.item_ids, ItemColumns(), f"{options.dataset}'s items")
        _tell(catalog.story)
        return interactions, catalog.catalog, options.dataset
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
        return interactions, without_items_file(interactions.n_items), name
    frame = read_table(options.items, options.separator)
    item_columns = ItemColumns(options.items_id_col, options.title_col, _types(options.attribute))
    read = read_catalog(frame, interactions.item_ids, item_columns, str(options.items))
    _tell(read.story)
    both = hash_of(interactions.fingerprint, fingerprint(frame))
    return dataclasses.replace(interactions, fingerprint=both), read.catalog, name


def hash_of(*fingerprints: str) -> str:
    """One fingerprint of several."""
    return artifact.digest("".join(fingerprints).encode())


def _types(texts: Sequence[str]) -> dict[str, str]:
    types = {}
    for text in texts:
        name, mark, kind = text.rpartition("=")
        if not mark or kind not in TYPES:
            raise ConfigurationError(f"--attribute {text}: write NAME=TYPE with one of {', '.join(TYPES)}")
        types[name] = kind
    return types


def _check_memory(n_items: int, options: FitOptions, *, compare: bool) -> None:
    """Refuses what cannot fit into this machine's memory, before it is tried."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    training = f"training {options.dims} dims of {n_items:,} items (choose smaller --dims or --batch-size)"
    needs = {training: bytes_needed(n_items, options)}
    if compare:
        needs[f"EASE on {n_items:,} items (leave --compare out)"] = ease.bytes_needed(n_items)
    for what, needed in needs.items():
        if needed > machine:
            raise ConfigurationError(
                f"{what} takes about {needed / 2**30:.0f} GiB, this machine has {machine / 2**30:.0f}"
            )


def _fit_options(options: argparse.Namespace, n_items: int, n_users: int) -> FitOptions:
    dims = options.dims or max(default_dims(n_items), options.nonzeros)
    given = {
        name: getattr(options, name)
        for name in ("dense_epochs", "prune_epochs", "final_epochs", "patience", "learning_rate")
        if getattr(options, name) is not None
    }
    return FitOptions(
        dims=dims,
        nonzeros=options.nonzeros,
        seed=options.seed,
        schedule=options.schedule,
        restart=options.restart,
        loss=options.loss,
        batch_size=options.batch_size or default_batch_size(n_users),
        precision=options.precision or default_precision(),
        **given,
    )


def _segment_options(options: argparse.Namespace) -> SegmentOptions:
    return SegmentOptions(
        tau=default_tau(options.embedder) if options.tau is None else options.tau,
        max_share=options.max_share,
        min_items=options.min_segment_items,
        embedder=options.embedder,
        embedder_model=options.embedder_model or default_model(options.embedder),
    )


def _metrics(recommender: Recommender, parts: Split, *, compare: bool) -> Mapping[str, Any]:
    """Test users' nDCG and recall of the recommender as it is served, and of the baselines."""
    if parts.test is None or parts.validation is None:
        return {}
    test = parts.test

    def scored(name: str, values: Quality) -> None:
        systems[name] = {metric: round(value, 6) for metric, value in values.means().items()}

    systems: dict[str, dict[str, float]] = {}
    scored("popular", quality(rank_scores(partial(popular.scores, parts.train), test), test.targets))
    if compare:
        chosen, weights = ease.choose(parts)
        scored(f"EASE, lambda {chosen:g}", quality(rank_scores(partial(ease.scores, weights), test), test.targets))
    embedding = recommender.model.embedding
    scored(f"sparseshelf, {embedding.k} of {embedding.n_dims}", quality(rank_served(recommender, test), test.targets))
    return {"test": systems, "test_users": test.n_users}


def _tell(story: Sequence[str]) -> None:
    for line in story:
        logger.info("%s", line)


def _say_written(written: Artifact, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(report.as_json(written), indent=2))
    else:
        print(report.described(written, n_segments=12))
        print(f"\nwrote {written.folder}")


if __name__ == "__main__":
    sys.exit(main())
