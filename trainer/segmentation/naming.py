"""What segments are called: by their keywords or by a language model, and last of all as a person wrote it."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from index.catalog import Catalog
from trainer.segmentation.describe import Describer
from trainer.segmentation.labels_file import LabelsFile
from trainer.segmentation.language_model import LanguageModel

logger = logging.getLogger(__name__)

LLM = "llm"
ANSWERS = "labels_digest"  # an artifact's option that nobody gave: what the model answered


@dataclass(frozen=True)
class Naming:
    """Labels by keywords unless there is a `model`; those that were `written` win."""

    model: LanguageModel | None = None
    written: LabelsFile | None = None

    def labels(
        self, describer: Describer, classes: Sequence[NDArray[np.integer]], segment_ids: Sequence[str]
    ) -> list[str]:
        """A label a class, in their order."""
        labels = describer.labels(classes)
        written = self.written.of(segment_ids) if self.written else {}
        if self.model:
            labels = self.model.labels(describer, classes, keywords=labels, written=written)
        labels = [written.get(place, label) for place, label in enumerate(labels)]
        if twice := [label for label, count in Counter(labels).items() if count > 1]:
            logger.warning("several segments are called %s; see --labels-file", ", ".join(twice))
        return labels

    def refuse_without_words(self, catalog: Catalog) -> None:
        """A language model needs something to read."""
        if self.model:
            self.model.refuse_without_words(catalog)

    def recorded(self) -> dict[str, Any]:
        """The options as an artifact keeps them; none for keywords, as before there was anything else."""
        model = {"labels": LLM, "labels_model": self.model.name} if self.model else {}
        return model | ({"labels_file": self.written.digest} if self.written else {})

    def found(self) -> dict[str, Any]:
        """What an artifact keeps of the answers, once `labels` has been called."""
        return {ANSWERS: self.model.digest} if self.model else {}
