"""SQS: queues and their policies. The id of either is the queue's URL."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

from local.provider.errors import Gone
from local.provider.kind import (
    Autoname,
    Call,
    Inputs,
    Observed,
    Resource,
    gone_if_missing,
    ignore_missing,
    tag_changes,
    tag_outputs,
    without_mark,
)
from local.provider.twins import Own, Twin

_QUEUE = "terraform-provider-aws, internal/service/sqs/queue.go"
_TEXT = Own("JSON text here, an object in CloudFormation", _QUEUE)
# Pulumi's name -> SQS's attribute and its type. Source: SQS API, SetQueueAttributes.
_ATTRIBUTES: dict[str, tuple[str, type]] = {
    "messageRetentionSeconds": ("MessageRetentionPeriod", int),
    "visibilityTimeoutSeconds": ("VisibilityTimeout", int),
    "delaySeconds": ("DelaySeconds", int),
    "maxMessageSize": ("MaximumMessageSize", int),
    "receiveWaitTimeSeconds": ("ReceiveMessageWaitTimeSeconds", int),
    "sqsManagedSseEnabled": ("SqsManagedSseEnabled", bool),
    "kmsMasterKeyId": ("KmsMasterKeyId", str),
    "kmsDataKeyReusePeriodSeconds": ("KmsDataKeyReusePeriodSeconds", int),
    "contentBasedDeduplication": ("ContentBasedDeduplication", bool),
    "redrivePolicy": ("RedrivePolicy", str),
    "redriveAllowPolicy": ("RedriveAllowPolicy", str),
    "policy": ("Policy", str),
}
# What a queue goes back to when the program no longer says anything. Source: SQS API, SetQueueAttributes.
_DEFAULTS = {
    "MessageRetentionPeriod": "345600",
    "VisibilityTimeout": "30",
    "DelaySeconds": "0",
    "MaximumMessageSize": "262144",
    "ReceiveMessageWaitTimeSeconds": "0",
    "SqsManagedSseEnabled": "true",
    "KmsDataKeyReusePeriodSeconds": "300",
}


class Queue(Resource):
    resource_type = "aws:sqs/queue:Queue"
    twin = Twin(
        "AWS::SQS::Queue",
        names={
            "name": "QueueName",
            "messageRetentionSeconds": "MessageRetentionPeriod",
            "visibilityTimeoutSeconds": "VisibilityTimeout",
            "maxMessageSize": "MaximumMessageSize",
            "receiveWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
        },
        own={"redrivePolicy": _TEXT, "redriveAllowPolicy": _TEXT, "policy": _TEXT},
    )
    handles = frozenset({"name", "fifoQueue", "tags", *_ATTRIBUTES})
    autoname = Autoname(longest=80)
    documents = frozenset({"policy", "redrivePolicy", "redriveAllowPolicy"})

    def create(self, call: Call, inputs: Inputs) -> str:
        attributes = {name: value for name, value in _attributes(inputs).items() if value != ""}
        if inputs.get("fifoQueue"):
            attributes["FifoQueue"] = "true"
        made = call.client("sqs").create_queue(
            QueueName=inputs["name"], Attributes=attributes, tags=dict(inputs.get("tags") or {})
        )
        return str(made["QueueUrl"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        sqs = call.client("sqs")
        with gone_if_missing():
            found = sqs.get_queue_attributes(QueueUrl=identifier, AttributeNames=["All"])["Attributes"]
            tags = sqs.list_queue_tags(QueueUrl=identifier).get("Tags")
        observed: Observed = {
            "name": identifier.rpartition("/")[2],
            "arn": found["QueueArn"],
            "url": identifier,
            "fifoQueue": found.get("FifoQueue") == "true",
            **tag_outputs(without_mark(tags)),
        }
        for name, (attribute, kind) in _ATTRIBUTES.items():
            if name == "policy" and not known.get("policy"):
                continue  # a policy may be a resource of its own
            observed[name] = _typed(found.get(attribute), kind)
        return observed

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        sqs = call.client("sqs")
        before, after = _attributes(old), _attributes(new)
        wanted = {name: _DEFAULTS.get(name, "") for name in before if name not in after}
        wanted |= {name: value for name, value in after.items() if before.get(name) != value}
        with gone_if_missing():
            if wanted:
                sqs.set_queue_attributes(QueueUrl=identifier, Attributes=wanted)
            removed, added = tag_changes(old, new)
            if removed:
                sqs.untag_queue(QueueUrl=identifier, TagKeys=removed)
            if added:
                sqs.tag_queue(QueueUrl=identifier, Tags=added)

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            call.client("sqs").delete_queue(QueueUrl=identifier)

    def find(self, call: Call, inputs: Inputs) -> str | None:
        try:
            with gone_if_missing():
                return str(call.client("sqs").get_queue_url(QueueName=inputs["name"])["QueueUrl"])
        except Gone:
            return None


class _QueueAttribute(Resource, abc.ABC):
    """One attribute of a queue as a resource of its own."""

    property: ClassVar[str]
    attribute: ClassVar[str]

    def create(self, call: Call, inputs: Inputs) -> str:
        self._set(call, str(inputs["queueUrl"]), str(inputs[self.property]))
        return str(inputs["queueUrl"])

    def read(self, call: Call, identifier: str, known: Inputs) -> Observed:
        with gone_if_missing():
            found = call.client("sqs").get_queue_attributes(QueueUrl=identifier, AttributeNames=[self.attribute])
        value = (found.get("Attributes") or {}).get(self.attribute)
        if not value:
            raise Gone(f"{identifier} has no {self.attribute}.")
        return {"queueUrl": identifier, self.property: value}

    def update(self, call: Call, identifier: str, old: Inputs, new: Inputs) -> None:
        with gone_if_missing():
            self._set(call, identifier, str(new[self.property]))

    def delete(self, call: Call, identifier: str, known: Inputs) -> None:
        with ignore_missing():
            self._set(call, identifier, "")

    def _set(self, call: Call, url: str, value: str) -> None:
        call.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={self.attribute: value})


class QueuePolicy(_QueueAttribute):
    resource_type = "aws:sqs/queuePolicy:QueuePolicy"
    twin = Twin("AWS::SQS::QueueInlinePolicy", names={"queueUrl": "Queue", "policy": "PolicyDocument"})
    handles = frozenset({"queueUrl", "policy"})
    documents = frozenset({"policy"})
    property, attribute = "policy", "Policy"


class RedrivePolicy(_QueueAttribute):
    resource_type = "aws:sqs/redrivePolicy:RedrivePolicy"
    twin = Twin(
        "AWS::SQS::Queue",
        names={"queueUrl": "QueueUrl"},
        own={
            "redrivePolicy": _TEXT,
            "queueUrl": Own("another queue is another resource", f"{_QUEUE} and redrive_policy.go", replaces=True),
        },
    )
    handles = frozenset({"queueUrl", "redrivePolicy"})
    documents = frozenset({"redrivePolicy"})
    property, attribute = "redrivePolicy", "RedrivePolicy"


def _attributes(inputs: Inputs) -> dict[str, str]:
    result = {}
    for name, (attribute, kind) in _ATTRIBUTES.items():
        value: Any = inputs.get(name)
        if value is not None:
            result[attribute] = str(value).lower() if kind is bool else str(value)
    return result


def _typed(value: str | None, kind: type) -> Any:
    if value is None or value == "":
        return None
    return value == "true" if kind is bool else kind(value)


RESOURCES: tuple[Resource, ...] = (Queue(), QueuePolicy(), RedrivePolicy())
