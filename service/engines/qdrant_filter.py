"""Our filters as Qdrant's, in the JSON that its interface has.

Both take an item whose attribute is not known for none of its values, and so for one of their `not`.
"""

import math
from typing import Any

from index.filters import AllOf, AnyOf, Between, Exists, Filter, Not, OneOf
from index.points import field_of

Document = dict[str, Any]
_NONE: Document = {"has_id": []}  # true of nothing, as an empty `should` is not


class InexpressibleError(Exception):
    """An attribute has a name that no path of Qdrant can have."""


def document_of(where: Filter | None) -> Document | None:
    """What must be true of a point; None where nothing must. Raises InexpressibleError."""
    return None if where is None else {"must": [condition_of(where)]}


def condition_of(where: Filter) -> Document:
    """Raises InexpressibleError."""
    match where:
        case AllOf(terms):
            return {"must": [condition_of(term) for term in terms]}
        case AnyOf(terms):
            return {"should": [condition_of(term) for term in terms] or [_NONE]}
        case Not(term):
            return {"must_not": [condition_of(term)]}
        case Exists(attribute):
            return {"must_not": [{"is_empty": {"key": _path(attribute)}}]}
        case Between(attribute, least, most):
            bounds = {name: bound for name, bound in (("gte", least), ("lte", most)) if math.isfinite(bound)}
            return {"key": _path(attribute), "range": bounds} if bounds else condition_of(Exists(attribute))
        case OneOf(attribute, values):
            texts = sorted(value for value in values if isinstance(value, str))
            numbers = sorted(value for value in values if not isinstance(value, str))
            conditions: list[Document] = [
                {"key": _path(attribute), "range": {"gte": number, "lte": number}} for number in numbers
            ]
            if texts:
                conditions.append({"key": _path(attribute), "match": {"any": texts}})
            return {"should": conditions or [_NONE]}


def _path(attribute: str) -> str:
    path = field_of(attribute)
    if path is None:
        raise InexpressibleError
    return path
