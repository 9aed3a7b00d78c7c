"""An e-mail address gets nothing from a topic until its owner followed the link in the mail that SNS sent.

MiniStack confirms e-mail at once, and lists what waits like any other subscription; so nothing on a laptop shows that
somebody never confirmed. Source: API references of Subscribe (`ReturnSubscriptionArn`), ConfirmSubscription and
ListSubscriptions ("PendingConfirmation" in the place of the ARN). No mail leaves this machine: its text is in the log.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from ministack.core.responses import new_uuid
from ministack.services import sns

_EMAIL = frozenset({"email", "email-json"})
_log = logging.getLogger("rendio.subscriptions")
Answer = tuple[int, dict[str, str], bytes]
Call = Callable[[Any], Answer]


def install() -> None:
    """Let e-mail wait for its confirmation, and listings say who waits."""
    sns._subscribe = _subscribing(sns._subscribe)
    sns._list_subscriptions = _listing(sns._list_subscriptions)
    sns._list_subscriptions_by_topic = _listing(sns._list_subscriptions_by_topic)


def _subscribing(real: Call) -> Call:
    def subscribe(params: Any) -> Answer:
        before = {sub["arn"] for sub in _subscriptions()}
        status, headers, body = real(params)
        for sub in _subscriptions():
            if sub["arn"] not in before and sub["protocol"] in _EMAIL:
                _await_confirmation(sub)
            told = sns._p(params, "ReturnSubscriptionArn").lower() == "true"
            if not sub["confirmed"] and not told:
                body = body.replace(_tagged(sub["arn"]), _tagged("pending confirmation"))
            elif sub["arn"] not in before and told:
                body = body.replace(_tagged("pending confirmation"), _tagged(sub["arn"]))
        return status, headers, body

    return subscribe


def _listing(real: Call) -> Call:
    def listed(params: Any) -> Answer:
        status, headers, body = real(params)
        for sub in _subscriptions():
            if not sub["confirmed"]:
                body = body.replace(_tagged(sub["arn"]), _tagged("PendingConfirmation"))
        return status, headers, body

    return listed


def _await_confirmation(sub: dict[str, Any]) -> None:
    sub.update(confirmed=False, token=new_uuid())
    sub["attributes"].update(PendingConfirmation="true", ConfirmationWasAuthenticated="false")
    sns._refresh_subscription_counts(sns._topics[sub["topic_arn"]])
    _log.warning(
        "mail to %s: confirm your subscription to %s: http://127.0.0.1:%s/?Action=ConfirmSubscription&TopicArn=%s&Token=%s",
        sub["endpoint"], sub["topic_arn"], sns._PORT, sub["topic_arn"], sub["token"],
    )  # fmt: skip


def _subscriptions() -> list[dict[str, Any]]:
    return [sub for topic in sns._topics.values() for sub in topic["subscriptions"]]


def _tagged(arn: str) -> bytes:
    return f"<SubscriptionArn>{arn}</SubscriptionArn>".encode()
