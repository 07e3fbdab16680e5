"""What a client may ask: a function a route, which says what to send and what comes back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, Required, TypedDict, TypeVar, Unpack
from urllib.parse import quote

from pydantic import BaseModel

from service import answers, directory_answers
from service.split import KEY_HEADER

Answered = TypeVar("Answered", bound=BaseModel)


class Nothing(BaseModel):
    """The answer of what has none."""


class WeightedItem(TypedDict):
    item_id: str
    weight: float


class Steering(TypedDict):
    segment_id: str
    strength: float


History = Sequence[str | WeightedItem]


class ProfileOptions(TypedDict, total=False):
    """`split_key` is what stays the same for one visitor where two versions answer side by side."""

    steer: Sequence[Steering]
    split_key: str


class _Steered(ProfileOptions, total=False):
    mute: Sequence[str]


class _Limited(_Steered, total=False):
    n: int
    exclude: Sequence[str]
    filter: dict[str, Any] | None


class RecommendOptions(_Limited, total=False):
    candidates: Sequence[str] | None
    segments: Sequence[str] | None
    best_segments: int | None
    diversity: float
    max_per_segment: int | None
    explain: bool


class RecommendBody(RecommendOptions):
    history: Required[History]


class SegmentsOptions(_Steered, total=False):
    n: int
    segments: Sequence[str] | None
    explain: bool


class SegmentItemsOptions(_Limited, total=False):
    guests: bool


class Event(TypedDict, total=False):
    event_id: Required[str]
    item_id: Required[str]
    weight: float
    at: str


class HomepageOptions(_Steered, total=False):
    user_id: str
    shelves: int
    items_per_shelf: int
    min_items: int
    exclude: Sequence[str]
    filter: dict[str, Any] | None
    max_per: dict[str, int]
    lead: Literal["top_picks", "because", "none"]
    seed: int | None
    explain: bool


@dataclass(frozen=True)
class Call(Generic[Answered]):
    """One request. What is not `repeatable` must not be sent twice; `answered` statuses bring an answer."""

    answer: type[Answered]
    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    query: dict[str, str | int] = field(default_factory=dict)
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    repeatable: bool = True
    answered: tuple[int, ...] = (200,)


def recommend(history: History, **options: Unpack[RecommendOptions]) -> Call[answers.RecommendAnswer]:
    return _posted(answers.RecommendAnswer, "/recommend", history, options)


def recommend_batch(requests: Sequence[RecommendBody], split_key: str | None = None) -> Call[answers.BatchAnswer]:
    headers = _split(split_key)
    return Call(answers.BatchAnswer, "POST", "/recommend/batch", body={"requests": requests}, headers=headers)


def rank_segments(history: History, **options: Unpack[SegmentsOptions]) -> Call[answers.SegmentsAnswer]:
    return _posted(answers.SegmentsAnswer, "/segments", history, options)


def list_segments(q: str | None = None, n: int | None = None) -> Call[directory_answers.SegmentListAnswer]:
    query = {name: value for name, value in (("q", q), ("n", n)) if value is not None}
    return Call(directory_answers.SegmentListAnswer, "GET", "/segments", query)


def recommend_in_segment(
    segment_id: str, history: History, **options: Unpack[SegmentItemsOptions]
) -> Call[answers.SegmentItemsAnswer]:
    path = f"/segments/{_quoted(segment_id)}/items"
    return _posted(answers.SegmentItemsAnswer, path, history, options)


def similar_segments(segment_id: str, n: int = 10) -> Call[directory_answers.SimilarSegmentsAnswer]:
    return Call(directory_answers.SimilarSegmentsAnswer, "GET", f"/segments/{_quoted(segment_id)}/similar", {"n": n})


def read_segment(segment_id: str, n: int = 20) -> Call[directory_answers.SegmentAnswer]:
    return Call(directory_answers.SegmentAnswer, "GET", f"/segments/{_quoted(segment_id)}", {"n": n})


def read_segment_tree(segment_id: str) -> Call[directory_answers.SegmentTreeAnswer]:
    return Call(directory_answers.SegmentTreeAnswer, "GET", f"/segments/{_quoted(segment_id)}/tree")


def homepage(history: History | None = None, **options: Unpack[HomepageOptions]) -> Call[answers.HomepageAnswer]:
    """Of a history, or of the one that is stored of a `user_id`."""
    return _posted(answers.HomepageAnswer, "/homepage", history, options)


def read_profile(history: History, **options: Unpack[ProfileOptions]) -> Call[answers.ProfileAnswer]:
    return _posted(answers.ProfileAnswer, "/profile", history, options)


def read_history(user_id: str) -> Call[answers.HistoryAnswer]:
    return Call(answers.HistoryAnswer, "GET", f"/users/{_quoted(user_id)}/history")


def replace_history(user_id: str, history: History) -> Call[answers.HistoryAnswer]:
    return Call(answers.HistoryAnswer, "PUT", f"/users/{_quoted(user_id)}/history", body={"history": history})


def forget_history(user_id: str) -> Call[Nothing]:
    return Call(Nothing, "DELETE", f"/users/{_quoted(user_id)}/history", answered=(204,))


def add_events(user_id: str, events: Sequence[Event]) -> Call[answers.EventsAnswer]:
    return Call(answers.EventsAnswer, "POST", f"/users/{_quoted(user_id)}/events", body={"events": events})


def read_deny_list() -> Call[answers.DenyListAnswer]:
    return Call(answers.DenyListAnswer, "GET", "/admin/deny-list")


def change_deny_list(add: Sequence[str] = (), remove: Sequence[str] = ()) -> Call[answers.DenyListAnswer]:
    return Call(answers.DenyListAnswer, "POST", "/admin/deny-list", body={"add": add, "remove": remove})


def reload() -> Call[answers.ReloadAnswer]:
    return Call(answers.ReloadAnswer, "POST", "/admin/reload")


def find_items(q: str, n: int = 20) -> Call[directory_answers.FoundItemsAnswer]:
    return Call(directory_answers.FoundItemsAnswer, "GET", "/items", {"q": q, "n": n})


def similar_items(item_id: str, n: int = 20) -> Call[answers.SimilarAnswer]:
    return Call(answers.SimilarAnswer, "GET", f"/items/{_quoted(item_id)}/similar", {"n": n})


def read_items(
    item_ids: Sequence[str], *, code: bool = False, split_key: str | None = None
) -> Call[directory_answers.ItemsAnswer]:
    body = {"item_ids": item_ids, "code": code}
    return Call(directory_answers.ItemsAnswer, "POST", "/items", body=body, headers=_split(split_key))


def list_samples() -> Call[directory_answers.SamplesAnswer]:
    return Call(directory_answers.SamplesAnswer, "GET", "/samples")


def read_item(item_id: str) -> Call[directory_answers.ItemAnswer]:
    return Call(directory_answers.ItemAnswer, "GET", f"/items/{_quoted(item_id)}")


def read_dim(dim: int, n: int = 5) -> Call[directory_answers.DimAnswer]:
    return Call(directory_answers.DimAnswer, "GET", f"/dims/{dim}", {"n": n})


def read_model() -> Call[directory_answers.ModelAnswer]:
    return Call(directory_answers.ModelAnswer, "GET", "/model")


def health_live() -> Call[answers.Health]:
    return Call(answers.Health, "GET", "/health/live")


def health_ready() -> Call[answers.Readiness]:
    return Call(answers.Readiness, "GET", "/health/ready", answered=(200, 503))


def _posted(answer: type[Answered], path: str, history: History | None, options: Mapping[str, Any]) -> Call[Answered]:
    body = {"history": history, **options}
    headers = _split(body.pop("split_key", None))
    return Call(answer, "POST", path, body=body, headers=headers)


def _split(key: str | None) -> dict[str, str]:
    return {} if key is None else {KEY_HEADER: key}


def _quoted(name: str) -> str:
    """In a path; what is . or .. would be taken for a step in it."""
    return quote(name, safe="") if name.strip(".") else name.replace(".", "%2E")
