"""Where alarms go: one topic that pages, one that notifies."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws

from infra.config import OnCall as OnCallConfig
from infra.names import Names, TopicName
from policies.model.documents import Documents


class OnCall(pulumi.ComponentResource):
    """Two topics by severity. An e-mail subscription does nothing until its recipient confirms it."""

    page_topic_arn: pulumi.Output[str]
    notify_topic_arn: pulumi.Output[str]

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
        self.page_topic_arn = self._topic("page", names.page_topic, config.page_endpoints)
        self.notify_topic_arn = self._topic("notify", names.notify_topic, config.notify_endpoints)
        self.register_outputs({"page_topic_arn": self.page_topic_arn, "notify_topic_arn": self.notify_topic_arn})

    def _topic(self, severity: str, name: TopicName, recipients: list[str]) -> pulumi.Output[str]:
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
        return topic.arn
