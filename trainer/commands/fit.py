"""fit: learn a model from ratings and write it as a new version."""

import argparse
import dataclasses
import logging
from collections.abc import Mapping
from functools import partial
from importlib.metadata import version as library_version
from typing import Any

import numpy as np

from index import artifact
from index.artifact import Artifact
from index.embedding import ItemEmbedding
from index.model import Model
from index.recommender import Recommender
from index.vocabulary import Vocabulary
from trainer import checkpoint, footprint, machine, summary
from trainer.baselines import ease, popular
from trainer.checkpoint import Checkpoint, Decides
from trainer.dealing import deal, dismiss, follow
from trainer.errors import ConfigurationError, TrainerError, TrainingError
from trainer.evaluate import Quality, quality, rank_scores, rank_served
from trainer.fit import fit
from trainer.fit_options import FitOptions, default_batch_size, default_dims, default_loss
from trainer.interactions import Csr
from trainer.machine_choices import BY_MACHINE, machine_choices, other_run
from trainer.once import is_there
from trainer.option_groups import naming_of, segment_options, stored_as
from trainer.process_group import ProcessGroup, joined, restarted
from trainer.progress import Progress
from trainer.ranks import Alone
from trainer.row_order import ordered
from trainer.run_folder import RunFolder
from trainer.samples import chosen as chosen_samples
from trainer.segmentation import SegmentOptions, encoder_of, recorded, segment
from trainer.segmentation.embed import refuse_without_words
from trainer.segmentation.encoder import SentenceEncoder
from trainer.segmentation.lineage import Earlier, current_or_none, last_id
from trainer.segmentation.naming import Naming
from trainer.source import Source, read_source
from trainer.split import BY_ID, HELD_OUT_BY, Split, split
from trainer.warm_start import WarmStart

logger = logging.getLogger(__name__)

_LIBRARIES = ("numpy", "scipy", "torch", "numba", "polars")


def run(options: argparse.Namespace) -> None:
    chosen = segment_options(options)
    naming = naming_of(options)
    with joined() as ranks:
        if isinstance(ranks, ProcessGroup) and ranks.rank:
            logging.getLogger().setLevel(logging.WARNING)
            return follow(ranks, options.threads)
        encoder = encoder_of(chosen)
        options.resume = options.resume or restarted()
        with RunFolder(options.out, checkpoints=options.checkpoints) as folder:
            written = _fit(options, (chosen, encoder), naming, folder, ranks)
    print(summary.finished(written, in_json=options.json))


def _fit(
    options: argparse.Namespace,
    segmentation: tuple[SegmentOptions, SentenceEncoder | None],
    naming: Naming,
    folder: RunFolder,
    ranks: ProcessGroup | Alone,
) -> Artifact:
    """The version that was trained; with --once the current one, where it has the same data and options."""
    source, (chosen, encoder) = read_source(options), segmentation
    refuse_without_words(encoder, source.catalog)
    naming.refuse_without_words(source.catalog)
    interactions = source.interactions
    parts = split(interactions, seed=options.seed, holdout=options.holdout, by_id=options.warm_start)
    current, start = current_or_none(options.out), None
    if options.warm_start:
        start = WarmStart.of(current, seed=options.seed, holdout=options.holdout)
    fit_options = _fit_options(options, interactions.n_items, parts.train.shape[0], start)
    fit_options.stages()  # says what does not fit together
    decided = {name: value for name, value in dataclasses.asdict(fit_options).items() if name not in BY_MACHINE}
    decides = {**decided, "holdout": options.holdout, "data": interactions.fingerprint}
    started_from = {"started_from": start.version.version} if start else {}
    record = {
        **fit_options.recorded(),
        **recorded(chosen, encoder),
        **naming.recorded(),
        "codes": options.codes,
        "holdout": options.holdout,
        "min_items_per_user": options.min_items_per_user,
        "min_rating": interactions.min_rating,
        **({"samples": options.samples} if options.samples else {}),
        **({HELD_OUT_BY: BY_ID, "warm_epochs": fit_options.warm_epochs} if options.warm_start else {}),
    }
    if options.once and current and is_there(current, record, source, options):
        dismiss(ranks)
        return current

    decides |= started_from
    kept = _kept(folder, decides, resume=options.resume, strict=not options.once)
    choices = machine_choices(options, fit_options, interactions.n_items, kept[1] if kept else {}, ranks)
    fit_options = dataclasses.replace(fit_options, precision=choices["precision"], sparse_below=choices["sparse_below"])
    _check_room(source, parts.train, fit_options, folder, choices["device"], compare=options.compare)
    _say_split(parts)
    resumed = kept[0] if kept else None
    folder.begin({**decides, **choices}, resumed)
    codes = start.codes(interactions.item_ids) if start else None
    embedding = _trained(
        options, parts, fit_options, codes, device=choices["device"], resumed=resumed, folder=folder, ranks=ranks
    )
    popularity = popular.popularity(parts.train)
    earlier, ids = Earlier.of(current), interactions.item_ids
    segments = segment(
        embedding, source.catalog, ids, popularity, chosen, encoder=encoder, naming=naming, earlier=earlier
    )
    stored = stored_as(options.codes, embedding)
    samples = chosen_samples(parts.test, embedding, options.samples, seed=options.seed)
    model = Model(stored, popularity, Vocabulary.of(ids), source.catalog, segments, samples)
    metrics = _metrics(Recommender(model, "unwritten"), parts, compare=options.compare)  # by the rows of the split
    written = artifact.write(
        options.out,
        ordered(model, embedding),
        name=options.name or source.name,
        options={**record, **choices, **naming.found()},
        data={**_data(source), **last_id(segments, earlier), **started_from},
        metrics=metrics,
        libraries={name: library_version(name) for name in (*_LIBRARIES, *(encoder.libraries if encoder else ()))},
    )
    folder.finish()
    return written


def _trained(
    options: argparse.Namespace,
    parts: Split,
    fit_options: FitOptions,
    start: ItemEmbedding | None,
    *,
    device: str,
    resumed: Checkpoint | None,
    folder: RunFolder,
    ranks: ProcessGroup | Alone,
) -> ItemEmbedding:
    train = deal(ranks, parts, fit_options, device, resumed=resumed, start=start)
    n_done = resumed.number if resumed else 0
    with Progress(options.log, quiet=options.quiet, n_done=n_done) as progress:
        try:
            return fit(
                train,
                parts.validation,
                fit_options,
                progress,
                device=device,
                resumed=resumed,
                keep=folder.keep,
                ranks=ranks,
                start=start,
            )
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, MemoryError) or "memory" in str(error).lower():  # torch's own allocators
                raise TrainingError(
                    "the memory ran out; lower --dims or --batch-size, or try --max-outputs for a large catalogue"
                ) from error
            raise


def _check_room(
    source: Source, train: Csr, options: FitOptions, folder: RunFolder, device: str, *, compare: bool
) -> None:
    """Refuses what memory or disk cannot hold; says what it will take."""
    n_items = source.interactions.n_items
    footprint.check_memory(n_items, options, machine.memory_bytes(device), device)
    if footprint.start_bytes(n_items, options) > machine.memory_bytes():
        raise ConfigurationError(f"{options.dims} dims of {n_items:,} items do not fit into memory; lower --dims")
    if compare:
        ease.check_memory(n_items, machine.memory_bytes())
    checkpoints = footprint.checkpoint_bytes(n_items, options)
    folder.check_space(checkpoints, footprint.artifact_bytes(n_items, options.nonzeros, source.catalog))
    own_items = len(np.unique(train[: options.batch_size].indices))
    needed = footprint.bytes_needed(n_items, options, device, own_items)
    logger.info(
        "about %s MiB of memory beside the data, %s MiB of disk for checkpoints; %s products",
        *(f"{-(-n_bytes // 2**20):,}" for n_bytes in (needed, 2 * checkpoints)),
        options.precision,
    )


def _kept(folder: RunFolder, decides: Decides, *, resume: bool, strict: bool) -> tuple[Checkpoint, Decides] | None:
    """The checkpoint to go on from and what decided it.

    One that cannot be gone on with raises DataError or ConfigurationError; where not `strict` a new run begins.
    """
    if not resume:
        if folder.has_checkpoint:
            logger.warning("a checkpoint of an interrupted run will be replaced; --resume would go on with it")
        return None
    try:
        kept = folder.kept()
        if kept and (changed := checkpoint.differences(decides, kept[1])):
            raise other_run(changed)
    except TrainerError as error:
        if strict:
            raise
        logger.warning("%s: a new run begins", error)
        return None
    if kept is None:
        logger.info("no checkpoint is there: from the beginning")
    else:
        logger.info("resuming after epoch %d", kept[0].number)
    return kept


def _say_split(parts: Split) -> None:
    if parts.test is not None and parts.validation is not None:
        logger.info(
            "%d users train, %d validate, %d test", parts.train.shape[0], parts.validation.n_users, parts.test.n_users
        )


def _fit_options(options: argparse.Namespace, n_items: int, n_users: int, start: WarmStart | None) -> FitOptions:
    """All but the precision."""
    if start is not None:
        start.refuse_other_shape(options.dims, options.nonzeros)
    dims = options.dims or (start.n_dims if start else max(default_dims(n_items), options.nonzeros))
    epochs = ("dense_epochs", "prune_epochs", "regrow_epochs", "warm_epochs", "final_epochs")
    given = {
        name: getattr(options, name)
        for name in (*epochs, "regrow", "patience", "learning_rate")
        if getattr(options, name) is not None
    }
    return FitOptions(
        dims=dims,
        nonzeros=options.nonzeros,
        start_nonzeros=options.start_nonzeros,
        warm=start is not None,
        seed=options.seed,
        schedule=options.schedule,
        restart=options.restart,
        loss=options.loss or default_loss(dims, n_items),
        batch_size=min(options.batch_size or default_batch_size(n_users), n_users),
        max_outputs=options.max_outputs,
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
