"""segments: look at an artifact's segments: a list, how one of them came to be, or a report with plots."""

import argparse
import json
import logging
from collections.abc import Iterable
from difflib import get_close_matches

from index import artifact
from index.artifact import Artifact
from index.segments import Segments
from index.taste import History
from trainer.artifact_options import DEPTH
from trainer.errors import ConfigurationError
from trainer.histories import read_histories, trained_min_rating
from trainer.interactions import Columns
from trainer.locked_folder import LockedFolder
from trainer.segment_report import listing, tree
from trainer.segment_report.document import JSON, SegmentReport
from trainer.summary import printable

logger = logging.getLogger(__name__)

_MOST_NAMED = 5


def run(options: argparse.Namespace) -> None:
    opened = artifact.open_version(options.artifacts, options.version or artifact.current_version(options.artifacts))
    if options.report is not None:
        _report(options, opened)
    elif options.tree is not None:
        _tree(options, opened)
    elif options.json:
        found = {"version": opened.version, "segments": listing.facts(opened.model)}
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print(listing.table(opened.model))


def _tree(options: argparse.Namespace, opened: Artifact) -> None:
    segments = opened.model.segments
    row = segments.row(options.tree)
    if row is None:
        raise ConfigurationError(
            f"--tree {printable(options.tree)}: there is no such segment; {_known(options, segments)}"
        )
    root = tree.Tree(opened.model, row).root(options.depth or DEPTH)
    if options.json:
        found = {"version": opened.version, "segment_id": options.tree, "tree": tree.facts(root)}
        print(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print(tree.text(root, tau=opened.manifest.options.get("tau")))


def _known(options: argparse.Namespace, segments: Segments) -> str:
    """What may have been meant: ids that are nearly the same, or segments whose label has these words."""
    if not len(segments):
        return "the artifact has no segments"
    ids, labels = list(segments.ids), list(segments.labels)
    named = [row for row, label in enumerate(labels) if options.tree.casefold() in label.casefold()]
    close = [ids.index(one) for one in get_close_matches(options.tree, ids, _MOST_NAMED)]
    found = (close or named or list(range(len(ids))))[:_MOST_NAMED]
    there = ", ".join(printable(f"{ids[row]} ({labels[row]})") for row in found)
    more = f"; `python -m trainer segments {options.artifacts}` lists all {len(ids):,}" if len(found) < len(ids) else ""
    return f"there {'is' if len(found) == 1 else 'are'} {there}{more}"


def _report(options: argparse.Namespace, opened: Artifact) -> None:
    histories = _histories(options, opened) if options.users else None
    with LockedFolder(options.report, "--report"):
        n_segments, n_items = len(opened.model.segments), opened.model.embedding.n_items
        logger.info("looking at %s segments of %s items", f"{n_segments:,}", f"{n_items:,}")
        try:
            written = SegmentReport(opened, histories).write(options.report)
        except OSError as error:
            raise ConfigurationError(
                f"--report {error.filename or options.report}: {error.strerror or error}"
            ) from error
    print((options.report / JSON).read_text("utf-8") if options.json else f"in {written}")


def _histories(options: argparse.Namespace, opened: Artifact) -> Iterable[tuple[str, History]]:
    """As `recommend` reads them."""
    found = read_histories(options.users, Columns(), min_rating=trained_min_rating(opened.manifest.options))
    for line in found.story:
        logger.info("%s", line)
    return found
