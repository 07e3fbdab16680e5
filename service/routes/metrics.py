"""What Prometheus reads."""

import asyncio

from fastapi import APIRouter
from fastapi.responses import PlainTextResponse, Response

from service import metrics
from service.operations import operation_id

router = APIRouter(tags=["metrics"], generate_unique_id_function=operation_id)


@router.get("/metrics", response_class=PlainTextResponse)
async def read_metrics() -> Response:
    """Counters and gauges of all workers, in Prometheus' text format; docs/metrics.md says what each means.

    Asked for with a key of the scope `metrics`. Neither limited in rate nor refused for lack of a free place.
    """
    page = await asyncio.to_thread(metrics.exposition)
    return Response(page, headers={"Content-Type": metrics.CONTENT_TYPE})
