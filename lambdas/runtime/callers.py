"""Who invoked this function: Lambda does not say, so the caller brings a proof that STS checks.

The proof is a signed, not yet sent GetCallerIdentity (as aws-iam-authenticator and Vault use it): the function sends
it, and STS answers with the ARN of whoever signed. The header that names the function is signed too, so a proof is
worth nothing anywhere else. STS takes it for 15 minutes after the time that it carries, whatever X-Amz-Expires says
(aws-iam-authenticator, pkg/token/token.go); this module does for one minute, and one more for clocks that differ.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Any
from urllib.parse import parse_qs, urlsplit

import urllib3

from lambdas.runtime.errors import ApiError, Unavailable
from lambdas.runtime.observability import begin_invocation, end_invocation, log

HEADER = "x-rendio-function"
Handler = Callable[[dict[str, Any], Any], dict[str, Any]]
_ARN = re.compile(rb"<Arn>([^<]{20,2048})</Arn>")
_SECONDS = 3.0
_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_LASTS = timedelta(seconds=60)
_CLOCKS_DIFFER = timedelta(seconds=60)


class CallerUnknown(ApiError):
    """No proof came, or STS does not accept it."""

    status, code = 403, "caller_unknown"
    detail = "Who asks is not proven. Run ./rendio, which signs the proof, and look at your clock."


class CallerNotChecked(Unavailable):
    code, detail = "caller_not_checked", "STS does not answer, so nobody knows who asks. Try again."


def answers_people(nothing_done: str) -> Callable[[Handler], Handler]:
    """Make `(event, context) -> answer` the handler of a function that people call.

    An error of ours is theirs to mend: it is logged as `nothing_done`, told them as `{"error"}`, and fails no
    invocation. No alarm shall fire because somebody mistyped a name.
    """

    def decorate(answer: Handler) -> Handler:
        @wraps(answer)
        def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
            request_id = str(getattr(context, "aws_request_id", ""))
            begin_invocation(request_id=request_id, lambda_request_id=request_id)
            try:
                return answer(event, context)
            except ApiError as error:
                log().warning(nothing_done, code=error.told_code, reason=error.told)
                return {"error": error.told}
            finally:
                end_invocation()

        return handler

    return decorate


def caller_of(proof: object, context: Any) -> str:
    """The ARN of who signed `proof` for this function.

    Raises:
        CallerUnknown: it proves nothing.
        CallerNotChecked: STS cannot be asked.
    """
    url = str(proof or "")
    if not _is_the_question(url, _sts_of_the_region()):
        raise CallerUnknown
    try:
        with urllib3.PoolManager(retries=False, timeout=_SECONDS) as pool:
            answer = pool.request("GET", url, headers={HEADER: str(context.function_name)}, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        raise CallerNotChecked from error
    found = _ARN.search(answer.data) if answer.status == 200 else None
    if found is None:
        if answer.status >= 500:
            raise CallerNotChecked
        raise CallerUnknown
    return found[1].decode()


def _sts_of_the_region() -> str:
    """The region's own STS; where the SDK was told of another place, as on a laptop, that one."""
    return os.environ.get("AWS_ENDPOINT_URL") or f"https://sts.{os.environ['AWS_REGION']}.amazonaws.com"


def _is_the_question(url: str, own: str) -> bool:
    """Whether `url` asks our own region's STS this one question, for this function's name, and nothing more."""
    try:
        asked, place = urlsplit(url), urlsplit(own)
        given = parse_qs(asked.query, keep_blank_values=True, strict_parsing=True)
    except ValueError:
        return False
    signed = ";".join(given.get("X-Amz-SignedHeaders", ())).lower().split(";")
    return (
        (asked.scheme, asked.netloc) == (place.scheme, place.netloc)
        and asked.path in ("", "/")
        and given.get("Action") == ["GetCallerIdentity"]
        and HEADER in signed
        and "host" in signed
        and _is_fresh(given)
    )


def _is_fresh(given: Mapping[str, list[str]]) -> bool:
    """Whether the question says once when it was signed, and that was just now."""
    dates = [date for name, values in given.items() if name.lower() == "x-amz-date" for date in values]
    if dates != given.get("X-Amz-Date") or len(dates) != 1 or not _DATE.fullmatch(dates[0]):
        return False
    try:
        signed = datetime.strptime(dates[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return False
    return -_CLOCKS_DIFFER <= datetime.now(UTC) - signed <= _LASTS + _CLOCKS_DIFFER
