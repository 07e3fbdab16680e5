"""Whether a run would make what is there already: `fit --once`."""

import argparse
import logging
from collections.abc import Mapping
from typing import Any

from index.artifact import Artifact, Manifest
from trainer.machine_choices import BY_MACHINE, asked_for
from trainer.segmentation.naming import ANSWERS
from trainer.source import Source
from trainer.versions import left_versions

logger = logging.getLogger(__name__)


def is_there(current: Artifact, record: Mapping[str, Any], source: Source, options: argparse.Namespace) -> bool:
    """Whether the current version, or one that somebody went back from, has these data and options; says so.

    `record` are the options as a manifest would have them.
    """
    if _same(current.manifest, record, source, options):
        logger.info("%s has the same data and options; nothing is trained", current.version)
        return True
    left = next((one for one in left_versions(options.out) if _same(one, record, source, options)), None)
    if left is None:
        return False
    logger.warning(
        "%s has the same data and options, and somebody went back from it: nothing is trained and %s stays; "
        "`python -m trainer rollback %s --to %s` makes it current again",
        left.version, current.version, options.out, left.version,
    )  # fmt: skip
    return True


def _same(manifest: Manifest, record: Mapping[str, Any], source: Source, options: argparse.Namespace) -> bool:
    """Whether the version has these data and options; what the machine chose for it does not count."""
    there = manifest.options
    wanted = {name: value for name, value in record.items() if name not in BY_MACHINE} | asked_for(options)
    names = wanted.keys() | (there.keys() - {*BY_MACHINE, ANSWERS})
    return (
        all(name in there and name in wanted and there[name] == wanted[name] for name in names)
        and manifest.data.get("fingerprint") == source.fingerprint
        and (not options.compare or "EASE" in str(manifest.metrics))
    )
