"""Where alarms go: one topic that pages, one that notifies (docs/adr/0073-the-way-of-a-page.md)."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.config import OnCall as OnCallConfig
from infra.dead_letters import DeadLetters
from infra.functions import Function
from infra.names import FunctionId, Names, TopicName
from policies.model.documents import Documents

RETRIES = 2
OLDEST_CALL_SECONDS = 3600


class OnCall(pulumi.ComponentResource):
    """Two topics by severity, and a queue for the calls that the on-call service did not take.

    An e-mail subscription does nothing until its recipient confirms it: `./rendio subscriptions` and, on a laptop, `up`
    name those that wait, and the heartbeat keeps silent while one does.
    """

    page_topic_arn: pulumi.Output[str]
    notify_topic_arn: pulumi.Output[str]
    letters: DeadLetters
    ready: list[pulumi.Resource]
    """What the heartbeat looks at by name."""

    def __init__(
        self,
        resource_name: str,
        *,
        names: Names,
        config: OnCallConfig,
        documents: Documents,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:on-call:OnCall", resource_name, None, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        self._names, self._documents = names, documents
        page = self._topic("page", names.page_topic, config.page_endpoints)
        notify = self._topic("notify", names.notify_topic, config.notify_endpoints)
        self.letters = DeadLetters(
            "page",
            names=names,
            queue=names.page_dlq,
            sender=names.function_role(FunctionId.PAGE_ON_CALL),
            documents=documents,
            opts=self._child,
        )
        self.page_topic_arn, self.notify_topic_arn = page.arn, notify.arn
        self.ready = [page, notify, *self.letters.ready]
        self.register_outputs({"page_topic_arn": self.page_topic_arn, "notify_topic_arn": self.notify_topic_arn})

    def _topic(self, severity: str, name: TopicName, recipients: list[str]) -> aws.sns.Topic:
        topic = aws.sns.Topic(severity, name=name, tags=self._names.tags, opts=self._child)
        aws.sns.TopicPolicy(
            severity,
            arn=topic.arn,
            policy=self._documents.render("topics/alarms.json.j2", topic=name),
            opts=self._child,
        )
        for recipient in recipients:
            aws.sns.TopicSubscription(
                f"{severity}-{recipient}", topic=topic.arn, protocol="email", endpoint=recipient, opts=self._child
            )
        return topic


class Pager(pulumi.ComponentResource):
    """The on-call service is called by a function, which alone knows its address: SNS hands it each page."""

    def __init__(
        self,
        resource_name: str,
        *,
        on_call: OnCall,
        page_on_call: Function,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("rendio:on-call:Pager", resource_name, None, opts)
        # Lambda checks at once that the role may send to the destination.
        kept = aws.lambda_.FunctionEventInvokeConfig(
            "page-on-call",
            function_name=page_on_call.name,
            maximum_retry_attempts=RETRIES,
            maximum_event_age_in_seconds=OLDEST_CALL_SECONDS,
            destination_config={"on_failure": {"destination": on_call.letters.arn}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[page_on_call.policy, *on_call.letters.ready]),
        )
        may_call = aws.lambda_.Permission(
            "page-topic",
            action="lambda:InvokeFunction",
            function=page_on_call.name,
            principal="sns.amazonaws.com",
            source_arn=on_call.page_topic_arn,
            opts=pulumi.ResourceOptions(parent=self),
        )
        aws.sns.TopicSubscription(
            "page-on-call",
            topic=on_call.page_topic_arn,
            protocol="lambda",
            endpoint=page_on_call.arn,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[may_call, kept]),
        )
        self.register_outputs({})
