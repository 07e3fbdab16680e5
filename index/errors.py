"""The errors of the index, drawn once.

SparseshelfError
├── ArtifactError      a file of an artifact is missing, altered, truncated or of another format
├── UnknownItemError   an item_id that the model does not hold, where one is required
├── UnknownSegmentError
├── UnknownAttributeError
├── UnknownDimError
└── FilterError        a filter that says nothing that could be true or false of this model's items
"""

from collections.abc import Sequence


class SparseshelfError(Exception):
    """Whatever sparseshelf raises on purpose; its text says what is wrong and what to do."""


class ArtifactError(SparseshelfError):
    """An artifact that cannot be trusted. Nothing of it is served."""


class UnknownItemError(SparseshelfError):
    def __init__(self, item_id: str) -> None:
        super().__init__(f"no item {item_id!r} in this model")
        self.item_id = item_id


class UnknownDimError(SparseshelfError):
    def __init__(self, dim: int, n_dims: int) -> None:
        super().__init__(f"no such dim in this model: it has 0 to {n_dims - 1}")
        self.dim = dim


class FilterError(SparseshelfError):
    """A filter that cannot be understood, or asks for an attribute that is not there."""


class UnknownSegmentError(SparseshelfError):
    """`named_in` is the argument that had it."""

    def __init__(self, segment_id: str, named_in: str = "segments") -> None:
        super().__init__(f"no segment {segment_id!r} in this model")
        self.segment_id, self.named_in = segment_id, named_in


class UnknownAttributeError(SparseshelfError):
    """`named_in` is the argument that had it; `known` are those that it might have meant."""

    def __init__(self, attribute: str, named_in: str, known: Sequence[str]) -> None:
        there = ", ".join(map(repr, known)) or "none"
        super().__init__(f"no attribute {attribute!r} that items could have in common; there are: {there}")
        self.attribute, self.named_in = attribute, named_in
