"""Histories of users, where they are switched on: read, replaced, added to, forgotten."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from fastapi import APIRouter, Response

from service.answers import EventsAnswer, HistoryAnswer, HistoryEntry
from service.dependencies import Live, PathUser, Stored
from service.histories import Entry, Event
from service.operations import operation_id
from service.problems import USERS, USERS_POSTED, openapi_problems
from service.requests import HistoryRequest
from service.stored_requests import EventsRequest

router = APIRouter(tags=["users"], generate_unique_id_function=operation_id)


@router.get("/users/{user_id:id}/history", responses=openapi_problems(*USERS))
async def read_history(user_id: PathUser, histories: Stored, live: Live) -> HistoryAnswer:
    """What is stored of a user, latest first; nothing is no error."""
    history = await histories.read(user_id)
    return HistoryAnswer(
        model_version=live.version,
        user_id=user_id,
        items=[
            HistoryEntry(item_id=entry.item_id, weight=entry.weight, at=datetime.fromtimestamp(entry.at, UTC))
            for entry in history.entries
        ],
    )


@router.put("/users/{user_id:id}/history", responses=openapi_problems(*USERS_POSTED))
async def replace_history(user_id: PathUser, body: HistoryRequest, histories: Stored, live: Live) -> HistoryAnswer:
    """Puts another history in the place of a user's; of one longer than SPARSESHELF_HISTORY_ITEMS the first ones."""
    await histories.replace(user_id, _entries(body.weights()))
    return await read_history(user_id, histories, live)


@router.delete("/users/{user_id:id}/history", status_code=204, responses=openapi_problems(*USERS))
async def forget_history(user_id: PathUser, histories: Stored) -> Response:
    """Forgets everything about a user at once: history, events, pages. It may be repeated."""
    await histories.forget(user_id)
    return Response(status_code=204)


@router.post("/users/{user_id:id}/events", responses=openapi_problems(*USERS_POSTED))
async def add_events(user_id: PathUser, body: EventsRequest, histories: Stored, live: Live) -> EventsAnswer:
    """Adds to a user's history. It may be repeated: an event_id that came before is passed over.

    Of one item the latest event counts, in whatever order they come; a time to come counts as now, and one before
    1970 as that.
    """
    now = time.time()
    added = await histories.add(
        user_id,
        [
            Event(
                event.event_id,
                event.item_id,
                event.weight,
                now if event.at is None else min(max(event.at.timestamp(), 0.0), now),
            )
            for event in body.events
        ],
    )
    return EventsAnswer(model_version=live.version, added=added)


def _entries(weights: Mapping[str, float]) -> list[Entry]:
    """The first is the latest, by a microsecond each, so that the bound leaves out the last ones."""
    now = time.time()
    return [Entry(item_id, weight, now - place * 1e-6) for place, (item_id, weight) in enumerate(weights.items())]
