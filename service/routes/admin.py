"""What an operator changes while the service runs."""

from fastapi import APIRouter

from service.answers import DenyListAnswer
from service.dependencies import Denying, Live
from service.live import Denied
from service.operations import operation_id
from service.problems import ADMIN, ADMIN_POSTED, openapi_problems
from service.requests import DenyListRequest

router = APIRouter(tags=["admin"], generate_unique_id_function=operation_id)


@router.get("/admin/deny-list", responses=openapi_problems(*ADMIN))
async def read_deny_list(deny_list: Denying, live: Live) -> DenyListAnswer:
    """The items that no answer may hold."""
    return _answer(await deny_list.read(), live)


@router.post("/admin/deny-list", responses=openapi_problems(*ADMIN_POSTED))
async def change_deny_list(body: DenyListRequest, deny_list: Denying, live: Live) -> DenyListAnswer:
    """Hides items from every answer, cached pages included, at once; or shows them again."""
    return _answer(await deny_list.change(body.add, body.remove), live)


def _answer(denied: Denied, live: Live) -> DenyListAnswer:
    return DenyListAnswer(model_version=live.version, items=sorted(denied.item_ids))
