"""The shapes of requests about what is stored: events of users, the deny list."""

import re
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from service.requests import MAX_HISTORY, Id, Ids, Request

_WRITTEN = re.compile(r"\d{4}-")


def _written(value: object) -> object:
    """Seconds since 1970, which pydantic takes for a time as well, are none by the document."""
    if value is not None and not (isinstance(value, str) and _WRITTEN.match(value)):
        raise PydanticCustomError("written", "Input should be written as 2026-05-01T12:00:00Z")
    return value


class EventRequest(Request):
    event_id: Id = Field(description="one that came before is passed over")
    item_id: Id
    weight: float = Field(
        default=1.0, ge=-1000, le=1000, description="how much the item counts; negative: away from it"
    )
    at: Annotated[AwareDatetime | None, BeforeValidator(_written)] = Field(
        default=None,
        strict=False,
        description="when, with a time zone; else now. Of one item the latest event counts.",
        examples=["2026-05-01T12:00:00Z"],
    )


class EventsRequest(Request):
    events: list[EventRequest] = Field(min_length=1, max_length=MAX_HISTORY)


class DenyListRequest(Request):
    add: Ids = Field(default=[], description="items that no answer may hold from now on")
    remove: Ids = Field(default=[], description="items that answers may hold again")
