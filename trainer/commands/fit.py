"""fit: learn a model from ratings and write it as a new version."""

import argparse
import dataclasses
import json
import logging
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version as library_version
from pathlib import Path
from typing import Any

import torch

from index import artifact
from index.artifact import Artifact
from index.errors import ArtifactError
from index.model import Model
from index.recommender import Recommender
from index.vocabulary import Vocabulary
from trainer import checkpoint, footprint, machine, report
from trainer.baselines import ease, popular
from trainer.checkpoint import Checkpoint, Decides
from trainer.errors import ConfigurationError
from trainer.evaluate import Quality, quality, rank_scores, rank_served
from trainer.fit import fit
from trainer.fit_options import FitOptions, default_batch_size, default_dims
from trainer.progress import Progress
from trainer.run_folder import RunFolder
from trainer.segmentation import SegmentOptions, default_model, default_tau, encoder_of, recorded, segment
from trainer.segmentation.embed import refuse_without_words
from trainer.source import Source, read_source
from trainer.split import Split, split

logger = logging.getLogger(__name__)

_LIBRARIES = ("numpy", "scipy", "torch", "numba", "polars")
_BY_MACHINE = ("threads", "device", "precision")


def run(options: argparse.Namespace) -> None:
    segment_options = _segment_options(options)
    with RunFolder(options.out, checkpoints=options.checkpoints) as folder:
        written = _fit(options, segment_options, folder)
        folder.finish()
    if options.json:
        print(json.dumps(report.as_json(written), indent=2))
    else:
        print(report.described(written, n_segments=12))
        print(f"\nin {written.folder}")


def _fit(options: argparse.Namespace, segment_options: SegmentOptions, folder: RunFolder) -> Artifact:
    kept = _kept(folder, resume=options.resume)
    by_machine = kept[1] if kept else {}  # what was chosen when the run began is not chosen anew
    device = options.device or by_machine.get("device") or machine.device(None)
    machine.device(device)
    torch.set_num_threads(options.threads or by_machine.get("threads") or machine.cores())
    precision = options.precision or by_machine.get("precision") or machine.default_precision(device)
    encoder = encoder_of(segment_options)
    source = read_source(options)
    refuse_without_words(encoder, source.catalog)
    interactions = source.interactions
    parts = split(interactions, seed=options.seed, holdout=options.holdout)
    fit_options = _fit_options(options, interactions.n_items, parts.train.shape[0], precision)
    fit_options.stages()  # says what does not fit together
    _check_room(source, fit_options, folder, device, compare=options.compare)
    choices = {"threads": torch.get_num_threads(), "device": device, "holdout": options.holdout}
    decides = {**dataclasses.asdict(fit_options), **choices, "data": interactions.fingerprint}
    record = {
        **dataclasses.asdict(fit_options),
        **recorded(segment_options, encoder),
        **choices,
        "min_items_per_user": options.min_items_per_user,
        "min_rating": interactions.min_rating,
    }
    if options.once and (current := _current(options.out)) and _same(current, record, source):
        logger.info("%s has the same data and options; nothing is trained", current.version)
        return current
    folder.begin(decides)
    resumed = _resumed(kept, decides)
    _say_split(parts)
    n_done = resumed.number if resumed else 0
    with Progress(options.log, quiet=options.quiet, n_done=n_done) as progress:
        embedding = fit(
            parts.train,
            parts.validation,
            fit_options,
            progress,
            device=device,
            resumed=resumed,
            keep=folder.keep,
        )
    popularity = popular.popularity(parts.train)
    segments = segment(embedding, source.catalog, interactions.item_ids, popularity, segment_options, encoder=encoder)
    model = Model(embedding, popularity, Vocabulary.of(interactions.item_ids), source.catalog, segments)
    return artifact.write(
        options.out,
        model,
        name=options.name or source.name,
        options=record,
        data=_data(source),
        metrics=_metrics(Recommender(model, "unwritten"), parts, compare=options.compare),
        libraries={name: library_version(name) for name in (*_LIBRARIES, *(encoder.libraries if encoder else ()))},
    )


def _segment_options(options: argparse.Namespace) -> SegmentOptions:
    return SegmentOptions(
        tau=default_tau(options.embedder) if options.tau is None else options.tau,
        max_share=options.max_share,
        min_items=options.min_segment_items,
        embedder=options.embedder,
        embedder_model=options.embedder_model or default_model(options.embedder),
    )


def _current(folder: Path) -> Artifact | None:
    """The version to serve, where there is one that is whole."""
    try:
        return artifact.open_current(folder)
    except ArtifactError:
        return None


def _same(current: Artifact, recorded: Mapping[str, Any], source: Source) -> bool:
    """Whether the version has these data and options, whatever the machine chose for it."""
    options = current.manifest.options
    names = (options.keys() | recorded.keys()) - set(_BY_MACHINE)
    same = all(name in options and name in recorded and options[name] == recorded[name] for name in names)
    return same and current.manifest.data.get("fingerprint") == source.fingerprint


def _check_room(source: Source, options: FitOptions, folder: RunFolder, device: str, *, compare: bool) -> None:
    """Refuses what memory or disk cannot hold; says what it will take."""
    n_items = source.interactions.n_items
    footprint.check_memory(n_items, options, machine.memory_bytes(device))
    if compare:
        ease.check_memory(n_items, machine.memory_bytes())
    checkpoints = footprint.checkpoint_bytes(n_items, options)
    folder.check_space(checkpoints, footprint.artifact_bytes(source, options))
    logger.info(
        "about %s MiB of memory beside the data, %s MiB of disk for checkpoints; %s products",
        *(f"{-(-n_bytes // 2**20):,}" for n_bytes in (footprint.bytes_needed(n_items, options), 2 * checkpoints)),
        options.precision,
    )


def _kept(folder: RunFolder, *, resume: bool) -> tuple[Checkpoint, Decides] | None:
    if resume:
        found = folder.kept()
        logger.info(
            "resuming after epoch %d" if found else "no checkpoint is there: from the beginning",
            *([found[0].number] if found else []),
        )
        return found
    if folder.has_checkpoint:
        logger.warning("a checkpoint of an interrupted run will be replaced; --resume would go on with it")
    return None


def _resumed(kept: tuple[Checkpoint, Decides] | None, decides: Decides) -> Checkpoint | None:
    if kept is None:
        return None
    if changed := checkpoint.differences(decides, kept[1]):
        raise ConfigurationError(
            f"--resume: the interrupted run had {'; '.join(changed)}; give the same data and options, "
            "or leave --resume out to start from the beginning"
        )
    return kept[0]


def _say_split(parts: Split) -> None:
    if parts.test is not None and parts.validation is not None:
        logger.info(
            "%d users train, %d validate, %d test", parts.train.shape[0], parts.validation.n_users, parts.test.n_users
        )


def _fit_options(options: argparse.Namespace, n_items: int, n_users: int, precision: Any) -> FitOptions:
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
        max_outputs=options.max_outputs,
        precision=precision,
        **given,
    )


def _data(source: Source) -> dict[str, Any]:
    return {
        "source": source.name,
        "fingerprint": source.fingerprint,
        "n_users": source.interactions.n_users,
        "n_interactions": int(source.interactions.matrix.nnz),
    }


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
