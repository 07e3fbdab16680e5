"""Options that several commands have: the groups that they are added in, and what is made of them."""

import argparse
import logging
import os
from pathlib import Path

import numpy as np

from index.embedding import ItemEmbedding
from index.model import Embedding
from index.packed import PackedEmbedding
from trainer.interactions import PRESETS
from trainer.items import TYPES
from trainer.segmentation import SegmentOptions, answers_file, default_model, default_tau
from trainer.segmentation.answers_file import AnswersFile
from trainer.segmentation.chat_endpoint import ChatEndpoint, Limits, address_of
from trainer.segmentation.embed import DEFAULT_TAU, KEYWORDS, SENTENCES
from trainer.segmentation.encoder import DEFAULT_MODEL
from trainer.segmentation.labels_file import read_labels
from trainer.segmentation.language_model import LanguageModel
from trainer.segmentation.naming import LLM, Naming

logger = logging.getLogger(__name__)

PACKED, FLOATS = "packed", "float32"
_COMPARED = 10_000  # items
OF_ITEMS = ("items_id_col", "title_col", "attribute")
RATINGS = "ratings: .csv, .tsv, .inter (also .gz), .jsonl, .parquet or a folder of .parquet"


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def natural(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**32:
        raise argparse.ArgumentTypeError("must lie between 0 and 2^32 - 1")
    return number


def character(text: str) -> str:
    if len(text.encode()) != 1:
        raise argparse.ArgumentTypeError(
            "must be one character; MovieLens' files with :: between the columns are read by --dataset"
        )
    return text


def flag(name: str) -> str:
    """As it is written: `--title-col` for `title_col`."""
    return f"--{name.replace('_', '-')}"


def add_items(data: argparse._ArgumentGroup) -> None:
    data.add_argument("--items", type=Path, metavar="FILE", help="titles and attributes of the items")
    data.add_argument("--items-id-col", metavar="NAME", help="the item column of the items file")
    data.add_argument("--title-col", metavar="NAME", help="the title column of the items file")
    data.add_argument(
        "--attribute", action="append", default=[], metavar="NAME=TYPE",
        help=f"type of an items column, one of {', '.join(TYPES)} (found out); may be repeated",
    )  # fmt: skip


def add_columns(data: argparse._ArgumentGroup) -> None:
    """Of the ratings file; the separator is the items file's too."""
    data.add_argument(
        "--preset",
        choices=sorted(PRESETS),
        metavar="NAME",
        help=f"column names of a well-known format: {', '.join(sorted(PRESETS))}",
    )
    for part in ("user", "item", "rating", "timestamp"):
        data.add_argument(f"--{part}-col", metavar="NAME", help=f"the {part} column (found by its usual names)")
    data.add_argument(
        "--separator",
        type=character,
        metavar="CHARACTER",
        help="between the columns of the text files (by their ending)",
    )
    data.add_argument("--min-rating", type=float, metavar="X", help="least positive rating (4 of 1 to 5 stars)")


def add_codes(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--codes", choices=(PACKED, FLOATS), default=PACKED,
        help="what weights are stored as: one of 15 to 63 levels, in 2 bytes with the dim, or float32 (packed)",
    )  # fmt: skip


def stored_as(codes: str, embedding: ItemEmbedding) -> Embedding:
    """The matrix in the form that `--codes` asks for."""
    if codes != PACKED:
        return embedding
    packed = PackedEmbedding.pack(embedding)
    rows = np.flatnonzero(embedding.coded)[:: embedding.n_items // _COMPARED + 1].astype(np.int32)
    if len(rows):
        cosines = (packed.codes_of(rows)[1] * embedding.weights[rows]).sum(axis=1)
        logger.info(
            "weights are stored as one of %d levels: an item's cosine with itself before is %.4f on average, %.4f at "
            "least; --codes %s keeps them as they are",
            packed.levels.shape[1] - 1, cosines.mean(), cosines.min(), FLOATS,
        )  # fmt: skip
    return packed


def add_segments(command: argparse.ArgumentParser) -> None:
    segments = command.add_argument_group("segments")
    defaults = SegmentOptions()
    segments.add_argument(
        "--embedder", choices=(KEYWORDS, SENTENCES), default=KEYWORDS,
        help=f"what groups are compared by when they merge ({KEYWORDS}); {SENTENCES} needs the extra 'segments'",
    )  # fmt: skip
    segments.add_argument("--embedder-model", metavar="NAME_OR_FOLDER", help=f"the sentence encoder ({DEFAULT_MODEL})")
    segments.add_argument(
        "--tau", type=float, metavar="X",
        help=f"cosine over which groups merge ({DEFAULT_TAU[KEYWORDS]}, with {SENTENCES} {DEFAULT_TAU[SENTENCES]})",
    )  # fmt: skip
    segments.add_argument(
        "--code-share", type=float, metavar="X", default=defaults.code_share,
        help=f"how much of what groups are compared by are codes, the rest are words ({defaults.code_share})",
    )  # fmt: skip
    segments.add_argument(
        "--continuity", type=float, metavar="X", default=defaults.continuity,
        help=f"how much of it is the version before's segments, so that more of them stay ({defaults.continuity})",
    )  # fmt: skip
    segments.add_argument(
        "--max-share",
        type=float,
        metavar="X",
        default=defaults.max_share,
        help=f"of the items in one segment ({defaults.max_share})",
    )
    segments.add_argument(
        "--min-segment-items", type=int, metavar="N", default=defaults.min_items,
        help=f"smaller segments join their closest one ({defaults.min_items})",
    )  # fmt: skip
    segments.add_argument(
        "--labels", choices=(KEYWORDS, LLM), default=KEYWORDS,
        help=f"what names the segments ({KEYWORDS}); {LLM}: a language model, by the variables SPARSESHELF_LLM_…",
    )  # fmt: skip
    segments.add_argument(
        "--llm-cache", type=Path, metavar="FILE", help=f"where its answers are kept ({answers_file.NAME} in --out)"
    )
    segments.add_argument(
        "--llm-budget", type=natural, metavar="N", help=f"most requests that a run may send ({Limits().requests})"
    )
    segments.add_argument(
        "--labels-file", type=Path, metavar="FILE",
        help="labels that you wrote, which win: a table with the columns segment_id and label",
    )  # fmt: skip


def segment_options(options: argparse.Namespace) -> SegmentOptions:
    """What `add_segments` was given. Raises ConfigurationError."""
    return SegmentOptions(
        tau=default_tau(options.embedder) if options.tau is None else options.tau,
        max_share=options.max_share,
        min_items=options.min_segment_items,
        embedder=options.embedder,
        code_share=options.code_share,
        continuity=options.continuity,
        embedder_model=options.embedder_model or default_model(options.embedder),
    )


def naming_of(options: argparse.Namespace) -> Naming:
    """What `add_segments` was told of labels. Raises ConfigurationError, DataError."""
    model = None
    if options.labels == LLM:
        limits = Limits() if options.llm_budget is None else Limits(requests=options.llm_budget)
        endpoint = ChatEndpoint(address_of(os.environ), limits)
        model = LanguageModel(endpoint, AnswersFile(options.llm_cache or options.out / answers_file.NAME))
    return Naming(model, read_labels(options.labels_file, options.separator) if options.labels_file else None)


def add_out(command: argparse.ArgumentParser) -> argparse._ArgumentGroup:
    """Where a new version goes."""
    out = command.add_argument_group("output")
    out.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the new version goes")
    out.add_argument("--name", metavar="NAME", help="first part of the version's name (the data's)")
    return out


def add_telling(command: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    command.add_argument("--quiet", action="store_true", help="nothing on stderr but errors")
