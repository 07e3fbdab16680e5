"""Items for a history, and for many at once."""

from fastapi import APIRouter, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from index.answers import Recommendation
from index.recommender import Recommender
from index.retrieval import Retrieve
from service import metrics
from service.answers import BatchAnswer, BatchResult, RecommendAnswer
from service.dependencies import Charge, serving_of
from service.engines.retriever import Retriever
from service.live import Serving
from service.operations import operation_id
from service.problems import POSTED, REFUSED, openapi_problems, problem_of, refusal_of
from service.requests import MAX_BATCH_N, BatchRequest, RecommendRequest
from service.tracing import note, span
from service.work import answered, done

router = APIRouter(tags=["recommend"], generate_unique_id_function=operation_id)
_Asked = RecommendRequest | RequestValidationError


@router.post(
    "/recommend",
    responses=openapi_problems(*POSTED, "422 INVALID_FILTER", "422 UNKNOWN_SEGMENT"),
    response_model=RecommendAnswer,
)
async def recommend(request: Request, body: RecommendRequest) -> Response:
    """The n best items for a history."""
    serving = serving_of(request)
    note(n=body.n, history_length=len(body.history))
    retrieve = _retrieve(request, body, serving)
    plain = body.plain and retrieve is None
    return await answered(serving, lambda: _found(body, serving.recommender, retrieve), plain=plain)


def _retrieve(request: Request, body: RecommendRequest, serving: Serving) -> Retrieve | None:
    """What finds candidates in the index's place, where that can do all that is asked for."""
    retriever: Retriever | None = request.app.state.retriever
    return retriever.of(serving.version, body.where()) if retriever is not None and body.retrievable else None


def _found(body: RecommendRequest, recommender: Recommender, retrieve: Retrieve | None = None) -> Recommendation:
    weights = body.weights()

    def best() -> Recommendation:
        return recommender.recommend(
            weights,
            body.n,
            exclude=body.exclude,
            candidates=body.candidates,
            segments=body.segments,
            best_segments=body.best_segments,
            where=body.where(),
            steer=body.strengths(),
            mute=body.mute,
            diversity=body.diversity,
            max_per_segment=body.max_per_segment,
            explain=body.explain,
            retrieve=retrieve,
        )

    return metrics.scored("item", weights, best)


@router.post("/recommend/batch", responses=openapi_problems(*POSTED), response_model=BatchAnswer)
async def recommend_batch(request: Request, body: BatchRequest, charge: Charge) -> Response:
    """Many bodies of /recommend, each answered by itself: one that is wrong has its problem among the results.

    It counts as many requests as it has bodies.
    """
    serving = serving_of(request)
    recommender = serving.recommender
    await charge(max(0, len(body.requests) - 1))
    asked = [_asked(element) for element in body.requests]
    if sum(one.n for one in asked if isinstance(one, RecommendRequest)) > MAX_BATCH_N:
        reason = f"the n of all requests may add up to {MAX_BATCH_N}; send fewer at once"
        raise RequestValidationError([{"type": "batch", "loc": ("body", "requests"), "msg": reason}])

    note(requests=len(asked))

    def batch() -> BatchAnswer:
        with span("search"):
            results = [_result(one, recommender, request.state.request_id) for one in asked]
        return BatchAnswer(model_version=serving.version, variant=serving.variant, results=results)

    answer = await done(recommender, batch, plain=False)
    return Response(answer.model_dump_json(exclude_defaults=True), media_type="application/json")


def _asked(element: object) -> _Asked:
    try:
        return RecommendRequest.model_validate(element, from_attributes=True)  # as FastAPI does
    except ValidationError as error:
        return RequestValidationError([{**entry, "loc": ("body", *entry["loc"])} for entry in error.errors()])


def _result(asked: _Asked, recommender: Recommender, request_id: str) -> BatchResult:
    try:
        if isinstance(asked, RequestValidationError):
            raise asked
        return BatchResult(status=200, answer=RecommendAnswer.of(recommender.version, _found(asked, recommender)))
    except REFUSED as error:
        refusal = refusal_of(error)
        metrics.problem_answered(refusal.code)
        return BatchResult(status=refusal.status, problem=problem_of(refusal, request_id))
