"""Labels that a person wrote: a table of segment_id and label that has the last word."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainer.errors import DataError
from trainer.tables import as_text, listed, place_of, read_table

logger = logging.getLogger(__name__)

COLUMNS = ("segment_id", "label")
LONGEST_LABEL = 100
_SHOWN = 5


@dataclass(frozen=True)
class LabelsFile:
    source: str
    labels: Mapping[str, str]  # by segment id

    @property
    def digest(self) -> str:
        """Of what it says, in whatever order."""
        return hashlib.sha256(json.dumps(dict(self.labels), sort_keys=True).encode()).hexdigest()

    def of(self, segment_ids: Sequence[str]) -> dict[int, str]:
        """The labels of those of `segment_ids` that it names, by their place; tells which ones it names in vain."""
        places = {segment_id: place for place, segment_id in enumerate(segment_ids)}
        if unknown := [segment_id for segment_id in self.labels if segment_id not in places]:
            more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
            ids = ", ".join(unknown[:_SHOWN]) + more
            logger.warning("%s: no segment has the id %s; what is written for it is not used", self.source, ids)
        return {places[segment_id]: label for segment_id, label in self.labels.items() if segment_id in places}


def read_labels(path: Path, separator: str | None = None) -> LabelsFile:
    """Raises DataError with the line for what is no table of them."""
    source = str(path)
    frame = read_table(path, separator)
    for name in COLUMNS:
        if name not in frame.columns:
            raise DataError(f"{source}: no column {name!r}; it has {listed(frame)}, and needs {' and '.join(COLUMNS)}")
    labels: dict[str, str] = {}
    first: dict[str, str] = {}
    columns = [as_text(frame[name], source) for name in COLUMNS]
    for row, (segment_id, label) in enumerate(zip(*columns, strict=True)):
        if not segment_id and not label:  # an empty line
            continue
        place = place_of(frame, row, source)
        if wrong := _wrong(segment_id, label):
            raise DataError(f"{source}, {place}: {wrong}")
        if segment_id in first:
            raise DataError(f"{source}: {first[segment_id]} and {place} both name {segment_id!r}; take one out")
        first[segment_id], labels[segment_id] = place, label
    return LabelsFile(source, labels)


def _wrong(segment_id: str | None, label: str | None) -> str | None:
    """What a row cannot be used for, in words."""
    if not segment_id:
        return "there is no segment_id; each label needs the one of its segment"
    if not label:
        return f"the label of {segment_id} is empty; write one or take the line out"
    if len(label) > LONGEST_LABEL:
        return f"the label of {segment_id} has {len(label):,} characters; shorten it to {LONGEST_LABEL}"
    if not label.isprintable():
        character = next(letter for letter in label if not letter.isprintable())
        return f"the label of {segment_id} holds {character!a}, which cannot be shown; take it out"
    return None
