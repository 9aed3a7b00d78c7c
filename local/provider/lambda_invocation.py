"""Lambda: an invocation as a resource, with the real provider's rules.

`CREATE_ONLY` runs the function once, when the resource is created; a changed input replaces the resource, which
runs it again. Reading and deleting do nothing. A failed run leaves the engine's old state as it was.
Source: terraform-provider-aws, internal/service/lambda/invocation.go.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from local.provider.errors import ProviderError
from local.provider.kind import Call, Inputs, Made, Observed, Resource
from local.provider.twins import Own, Twin

_SOURCE = "terraform-provider-aws, internal/service/lambda/invocation.go: ForceNew with lifecycle_scope CREATE_ONLY"
_RUNS_AGAIN = Own("an invocation has no CloudFormation twin; a change runs the function again", _SOURCE, replaces=True)


class Invocation(Resource):
    resource_type = "aws:lambda/invocation:Invocation"
    twin = Twin(
        "",
        own={
            **dict.fromkeys(("functionName", "qualifier", "input", "triggers"), _RUNS_AGAIN),
            "lifecycleScope": Own("a switch of the provider", _SOURCE),
        },
    )
    handles = frozenset({"functionName", "qualifier", "input", "triggers", "lifecycleScope"})

    def check(self, inputs: Inputs) -> Iterable[tuple[str, str]]:
        if inputs.get("lifecycleScope") not in (None, "CREATE_ONLY"):
            yield "lifecycleScope", "must be CREATE_ONLY: CRUD can record a failed update as done"
        text = inputs.get("input")
        if isinstance(text, str):
            try:
                json.loads(text)
            except ValueError:
                yield "input", "must be JSON"

    def create(self, call: Call, inputs: Inputs) -> Made:
        name, qualifier = str(inputs["functionName"]), str(inputs.get("qualifier") or "$LATEST")
        answer = call.aws.invoker().invoke(
            FunctionName=name, Qualifier=qualifier, Payload=str(inputs["input"]).encode()
        )
        result = answer["Payload"].read().decode()
        if answer.get("FunctionError"):
            raise ProviderError(
                f"{name} failed.", why=_reason(result), fix=f"Read /aws/lambda/{name} for the whole story."
            )
        digest = hashlib.md5(str(inputs["input"]).encode(), usedforsecurity=False).hexdigest()
        return Made(f"{name}_{qualifier}_{digest}", {"result": result})

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        return {}

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        return None


def _reason(result: str) -> str:
    """The function's own words out of its answer: `{"errorType": …, "errorMessage": …, "stackTrace": […]}`."""
    try:
        told = json.loads(result)
    except ValueError:
        return result
    if not isinstance(told, dict) or "errorMessage" not in told:
        return result
    kind = told.get("errorType")
    return f"{kind}: {told['errorMessage']}" if kind else str(told["errorMessage"])
