"""What bench_contract holds answers against beside schemathesis' own checks. Schemathesis loads it by its name."""

from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, Response
from schemathesis.core.failures import Failure

_NOT_IN_THE_MODEL = {"UNKNOWN_SEGMENT", "UNKNOWN_ATTRIBUTE", "INVALID_FILTER"}
_BEYOND_A_SCHEMA = ("a filter may have", "may add up to")  # sums over a whole document


@schemathesis.check
def refusals_of_sound_requests_are_about_the_model(_ctx: CheckContext, response: Response, case: Case[Any]) -> None:
    """A request that the document allows may name what this model has not, and be wrong in no other way."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code != 422:
        return
    problem = response.json()
    beyond = any(words in error["message"] for error in problem["errors"] for words in _BEYOND_A_SCHEMA)
    if problem["code"] not in _NOT_IN_THE_MODEL and not beyond:
        raise Failure(operation=case.operation.label, title="A sound request was refused", message=problem["detail"])
