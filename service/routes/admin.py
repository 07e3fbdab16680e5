"""What an operator changes while the service runs."""

from fastapi import APIRouter

from service.answers import DenyListAnswer, ReloadAnswer, WorkerReport
from service.dependencies import Denying, Follow, Live
from service.following import ReloadFailedError
from service.live import Denied, NotReadyError
from service.operations import operation_id
from service.problems import ADMIN, ADMIN_POSTED, openapi_problems
from service.stored_requests import DenyListRequest

router = APIRouter(tags=["admin"], generate_unique_id_function=operation_id)


@router.get("/admin/deny-list", responses=openapi_problems(*ADMIN))
async def read_deny_list(deny_list: Denying, live: Live) -> DenyListAnswer:
    """The items that no answer may hold."""
    return _answer(await deny_list.read(), live)


@router.post("/admin/deny-list", responses=openapi_problems(*ADMIN_POSTED))
async def change_deny_list(body: DenyListRequest, deny_list: Denying, live: Live) -> DenyListAnswer:
    """Hides items from every answer, cached pages included, at once; or shows them again."""
    return _answer(await deny_list.change(body.add, body.remove), live)


@router.post("/admin/reload", responses=openapi_problems("409 RELOAD_FAILED", "503 NOT_READY"))
async def reload(live: Live, following: Follow) -> ReloadAnswer:
    """Has every worker look at CURRENT now, and try again what could not be opened; answers once they have.

    They look every few seconds anyway. The answer is a problem where one of them still answers from another version.
    """
    if not live.ready:
        raise NotReadyError
    reports = await following.reload()
    failed = [report for report in reports if report.failure is not None]
    if failed:
        of = f"{len(failed)} of {len(reports)} workers: " if len(reports) > 1 else ""
        raise ReloadFailedError(f"{of}{failed[0].failure}; version {failed[0].version} goes on answering")
    workers = [WorkerReport.model_validate(report) for report in reports]
    return ReloadAnswer(model_version=live.version, workers=workers)


def _answer(denied: Denied, live: Live) -> DenyListAnswer:
    return DenyListAnswer(model_version=live.version, items=sorted(denied.item_ids))
