"""The schedule's call, every hour: `{}`; people may call with `{"dry_run": true}`. Answers with what went.

`delete_me` calls with `{"user_id": …, "request_id": …}` for the account it has just closed: that goes at once, whether
clean-ups are paused or not, since its user asked for it.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import cache
from typing import Any
from uuid import UUID

from lambdas.clean_identities.adapters import Adapters
from lambdas.clean_identities.logic import Removed, remove_account, remove_closed, unused_accounts
from lambdas.runtime.clean_up import clock, run_clean_up, scheduled
from lambdas.runtime.observability import begin_invocation, count, end_invocation, log

_adapters = cache(Adapters.build)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    if "user_id" in event:
        return _one(UUID(str(event["user_id"])), str(event.get("request_id", "")), context)
    dry_run = event.get("dry_run") is True
    with scheduled(context):
        adapters = _adapters()
        how = adapters.settings
        answer: dict[str, Any] = {
            "unused": run_clean_up(
                unused_accounts(adapters.accounts),
                how,
                paused=adapters.pause.thrown,
                metric="AccountsClosed",
                dry_run=dry_run,
                context=context,
            )
        }
        in_time = clock(context)
        if not (dry_run or how.dry_run or adapters.pause.thrown()):
            answer["closed"] = _told(
                remove_closed(
                    adapters.accounts,
                    adapters.objects,
                    batch=how.clean_up_batch,
                    cap=how.clean_up_cap,
                    may_go_on=lambda: in_time() and not adapters.pause.thrown(),
                )
            )
        return answer


def _one(user_id: UUID, request_id: str, context: Any) -> dict[str, Any]:
    begin_invocation(request_id=request_id, lambda_request_id=str(getattr(context, "aws_request_id", "")))
    try:
        adapters = _adapters()
        account = adapters.accounts.closed_account(user_id)
        done = remove_account(account, adapters.accounts, adapters.objects) if account else Removed()
        return {"closed": _told(done)}
    finally:
        end_invocation()


def _told(done: Removed) -> dict[str, int]:
    count("IdentitiesCleaned", done.identities)
    count("AccountObjectsRemoved", done.objects)
    log().info("closed accounts removed", **asdict(done))
    return asdict(done)
